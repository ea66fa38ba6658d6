/* sock_own -- what the parts of sock share: the struct, and how a socket is watched and left.
 *
 * Private to sock.c and sock_arrive.c. On the poller's thread only.
 */
#ifndef IO_SOCK_OWN_H
#define IO_SOCK_OWN_H
#include "io/duct.h"
#include "io/sock.h"

struct sock {
	uv_poll_t poll;
	struct poller *poller;
	struct conn *conn;     /* NULL: the node does not know it yet, or no longer */
	struct list_node node; /* in one of the poller's lists, while it has a descriptor */
	struct sock *next;     /* in arrivals */
	uint64_t tag; /* moving: what conn_arrived wants; greeting, lingering: until when */
	const struct listener *by; /* until it is open; NULL: moved, or open */
	struct proxy *proxy;       /* until it is open; NULL: there is none before it */
	struct duct duct;      /* with the descriptor; -1: the handle is on its way out, or, with
				    * a conn, there is none yet (sock_rest) */
	struct bridge *bridge; /* whose it is, while its conversation lasts; NULL: a client's */
	int events;            /* watched */
	bool is_reading, is_broken;
};

/* sock_number is what the node calls it. */
uint64_t sock_number(const struct sock *s);

/* sock_watch waits for these events from now on. */
void sock_watch(struct sock *s, int events);

/* sock_heed watches what its layers need: they may have to write, and not be read meanwhile. */
void sock_heed(struct sock *s);

/* sock_detach takes the descriptor off the poller; it is the caller's then. */
int sock_detach(struct sock *s);

/* sock_shut closes it at once. */
void sock_shut(struct sock *s);

/* sock_linger closes it when the peer has read our last words. */
void sock_linger(struct sock *s);

/* sock_peer writes its peer's address for people. */
void sock_peer(const struct sock *s, struct text *out);

/* sock_note logs what a layer's peer does wrong. */
void sock_note(const struct sock *s);

/* sock_greet goes on with what comes before a session: after an event on a socket that still has
 * its listener. */
void sock_greet(struct sock *s, int events);

/* sock_move is the port's move (port/net.h). */
void sock_move(struct net *n, uint64_t sock, uint32_t to_loop, uint64_t tag);
#endif
