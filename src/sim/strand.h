/* strand -- a STOMP client's side of one connection: frames out, frames in.
 *
 *     strand_begin -> strand_say and strand_exchange, strand_next -> strand_drop
 *
 * What the client remembers from one connection to the next is not here. One thread.
 */
#ifndef SIM_STRAND_H
#define SIM_STRAND_H
#include "sim/net.h"
#include "wire/stomp/head.h"

#define STRAND_BYTES      524288u
#define STRAND_HEAD_BYTES 2048u /* more than any head has in a play */

struct strand {
	struct sock *sock;          /* NULL: there is none */
	enum stomp_version version; /* the only one it speaks */
	bool is_up;                 /* CONNECTED has come */
	bool is_leaving;            /* DISCONNECT was said */
	uint32_t in_n, in_read, out_n;
	uint8_t in[STRAND_BYTES], out[STRAND_BYTES], scratch[STRAND_HEAD_BYTES];
};

/* strand_begin takes a new connection and says CONNECT, to a listener of ActiveMQ's dialect or of
 * RabbitMQ's. strand_drop: the client is gone; nothing if
 * there is no connection. */
void strand_begin(struct strand *l, struct sock *sock, enum stomp_version version,
		  bool is_activemq);
void strand_drop(struct strand *l, bool is_hard);

/* strand_has_room: can a frame with so long a body be said? What is said must have room. */
static inline bool strand_has_room(const struct strand *l, uint32_t body_n)
{
	return l->sock && l->out_n + body_n + STRAND_HEAD_BYTES <= STRAND_BYTES;
}
/* strand_say says a frame: `fmt` makes its command and its header lines, each with its end. */
void strand_say(struct strand *l, struct slice body, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* strand_exchange moves bytes both ways. True: some moved. *out_is_end: the broker has hung up. */
bool strand_exchange(struct strand *l, struct socks *socks, bool *out_is_end);
/* strand_next gives the next frame that has come whole; both borrow until the next call. */
bool strand_next(struct strand *l, struct stomp_frame *out, struct stomp_head *out_head);
#endif
