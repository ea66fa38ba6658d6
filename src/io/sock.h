/* sock -- the sockets of connections: port/net.h on non-blocking descriptors and uv_poll.
 *
 * A socket belongs to one poller at a time and is read and written by the poller itself, so that
 * it can change threads: the descriptor goes, the uv_poll handle stays behind and is closed.
 *
 *     accepted --> ARRIVING --> OPEN --- net.move --> ARRIVING on another poller
 *                        |    ^    |---- net.close --> LINGERING (the peer reads our last words)
 *                     GREETING     `---- lost, LINGERING is over --> closed
 *
 * Who comes through TLS or WebSocket greets: the node meets him when he is let in. What lies
 * between a socket and its session is the duct's (duct.h) business.
 *
 * Reading is level-triggered and on unless the node has switched it off; writing is watched only
 * while the kernel's buffer is full.
 */
#ifndef IO_SOCK_H
#define IO_SOCK_H
#include "io/poller.h"

struct listener;
struct sock;
struct tls;

extern const struct net_ops sock_net_ops;

/* sock_accepted hands a connected, non-blocking descriptor from the thread of one poller to
 * another, or to itself; `by` is there until it has arrived. False: no memory, and the descriptor
 * is closed. */
bool sock_accepted(const struct poller *from, struct poller *to, int own_fd,
		   const struct listener *by);

/* sock_call gives the node a socket that is being connected, for bridge number `which` of the
 * settings; `b` is told its end (bridge.h). False: no memory; the descriptor is closed, and `b` was
 * told nothing. */
struct sock_call {
	const struct session_ops *protocol;
	struct slice peer;
	uint32_t which;
	struct bridge *bridge;
	struct tls *own_tls; /* NULL: none is spoken */
};
bool sock_call(struct poller *p, int own_fd, const struct sock_call *c);

/* sock_rest gives the node one without a descriptor, which takes nothing and says bridge_wanted
 * when there is something to take; NULL: no memory, and the bridge was told nothing. sock_connect
 * gives it the descriptor, which is being connected; false: no memory, that is closed and it is as
 * before. sock_lose ends it. */
struct sock *sock_rest(struct poller *p, const struct sock_call *c);
bool sock_connect(struct sock *s, int own_fd, struct tls *own_tls);
void sock_lose(struct sock *s);

/* socks_arrive takes what was handed to this poller. */
void socks_arrive(struct poller *p);
/* socks_lose tells the node of sockets that failed while it wrote. */
void socks_lose(struct poller *p);
/* socks_lose_all tells the node that all its clients are gone. */
void socks_lose_all(struct poller *p);
/* socks_linger closes what has lingered long enough, and says when to look again (UINT64_MAX:
 * never). */
uint64_t socks_linger(struct poller *p, uint64_t now_ms);
/* socks_greet closes who has not been let in in time, and says when to look again; once a turn. */
uint64_t socks_greet(struct poller *p, uint64_t now_ms);
/* socks_forget closes everything that is left when the poller's thread has ended. */
void socks_forget(struct poller *p);
#endif
