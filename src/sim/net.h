/* net -- sockets between simulated clients and the broker: two pipes of bytes each.
 *
 * The broker's side is the port of port/net.h (host.c plays io/ with it), the client's side are
 * the functions below. A pipe holds a bounded number of bytes, so a slow reader fills it; reads
 * and writes are cut at any byte, as the seed says. One thread.
 *
 *     client --sock_send--> [ in  ] --host: conn_bytes--> broker
 *     client <--sock_take-- [ out ] <--net_ops.write----- broker
 */
#ifndef SIM_NET_H
#define SIM_NET_H
#include "base/prng.h"
#include "node/node.h"

#define SOCKS_MAX 24

struct pipe {
	uint8_t *at;
	uint32_t begin, n, cap;
};

enum sock_state { SOCK_FREE, SOCK_NEW, SOCK_OPEN, SOCK_MOVING, SOCK_SHUT };

struct sock {
	struct pipe in, out;
	struct conn *conn; /* OPEN: the node's */
	uint64_t tag;      /* MOVING: what the node wants back */
	uint32_t loop, moves_n;
	enum sock_state state; /* as the broker's machine sees it; SHUT: the broker closed it */
	bool is_reading;       /* the broker wants bytes */
	bool is_full;          /* a write was cut: the broker waits for room */
	bool is_broken;        /* a write has failed: the broker is told of the loss */
	bool is_ended;         /* the client sends no more: an end behind what is in the pipe */
	bool is_end_seen;      /* likewise, and that was seen while nothing was read */
	bool is_reset;         /* the client is gone: writes fail */
	bool is_remote;        /* not from this machine */
	const struct session_ops *ops; /* who it is to speak with; NULL: AMQP 0-9-1 */
};

struct socks {
	struct sock at[SOCKS_MAX];
	struct prng prng;
	uint32_t pipe_bytes;
	uint64_t cut_n, full_n; /* moved only a part; found a full pipe */
};

/* socks_init: all are free; a pipe will hold `pipe_bytes`. socks_fini gives their pipes back. */
void socks_init(struct socks *s, uint64_t seed, uint32_t pipe_bytes);
void socks_fini(struct socks *s);

/* sock_connect gives a new one to loop `loop`; NULL: too many are still on their way out. */
struct sock *sock_connect(struct socks *s, uint32_t loop);
/* sock_number / sock_of: how the node calls it. */
static inline uint64_t sock_number(const struct socks *s, const struct sock *k)
{
	return (uint64_t)(k - s->at) + 1;
}
static inline struct sock *sock_of(struct socks *s, uint64_t number)
{
	must(number >= 1 && number <= SOCKS_MAX);
	return &s->at[number - 1];
}

/* The client's side. sock_send takes some of the bytes and says how many. sock_take gives some of
 * what is there; 0 and *out_end: the broker has closed the connection, or died. */
uint32_t sock_send(struct socks *s, struct sock *k, const uint8_t *p, uint32_t n);
uint32_t sock_take(struct socks *s, struct sock *k, uint8_t *to, uint32_t n, bool *out_end);
/* sock_drop: the client is gone. is_hard: what is in the pipes is lost, and writes fail at once;
 * else the broker reads what there is and then finds the end. */
void sock_drop(struct sock *k, bool is_hard);

/* The broker's side. */
uint32_t sock_read(struct socks *s, struct sock *k, uint8_t *to, uint32_t room);
int64_t sock_write(struct socks *s, struct sock *k, const struct slice *parts, uint32_t n);
void sock_shut(struct sock *k);
/* sock_has_event: the broker's poll would return for it. */
bool sock_has_event(const struct sock *k);
static inline bool sock_is_writable(const struct sock *k)
{
	return k->is_full && (k->out.n < k->out.cap || k->is_reset);
}
/* socks_die: the broker is no more. */
void socks_die(struct socks *s);
#endif
