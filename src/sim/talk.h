/* talk -- a client's side of one AMQP 0-9-1 connection, for simulations of one matter.
 *
 * Methods and contents are written into a buffer; talk_exchange moves bytes both ways as far as the
 * model of the socket takes them; talk_next hands out the frames that have come. Whoever simulates
 * decides what to say, when, and what the answers mean.
 */
#ifndef SIM_TALK_H
#define SIM_TALK_H
#include "sim/net.h"
#include "wire/amqp091/content.h"
#include "wire/amqp091/frame.h"
#include "wire/amqp091/method.h"
#include "wire/amqp091/props.h"

#define TALK_BYTES     262144u /* on their way to the broker, or from it */
#define TALK_FRAME_MAX 131072u

struct talk {
	struct sock *sock;
	size_t out_n, in_n, in_read;
	uint8_t out[TALK_BYTES], in[TALK_BYTES];
};

/* talk_begin takes a new connection, and says everything up to an open channel 1; talk_begin_as is
 * somebody else than guest, whose password is his name. */
void talk_begin(struct talk *t, struct sock *sock);
void talk_begin_as(struct talk *t, struct sock *sock, const char *user);

/* talk_say says a method; TALK(t, channel, noun_verb, .field = value, ...). */
void talk_say(struct talk *t, uint16_t channel, const struct amqp091_method *m);
#define TALK(t, channel, noun_verb, ...)                                \
	talk_say((t), (channel),                                        \
		 &(struct amqp091_method){ .kind = AMQP091_##noun_verb, \
					   .noun_verb = { __VA_ARGS__ } })

/* talk_content says header and body, in frames, on channel 1. */
void talk_content(struct talk *t, const struct amqp091_props *props, struct slice body);

/* talk_has_room: may so many octets more be said? */
static inline bool talk_has_room(const struct talk *t, size_t n)
{
	return TALK_BYTES - t->out_n >= n;
}

/* talk_exchange moves bytes both ways. True: some moved. *out_is_end: the broker has hung up. */
bool talk_exchange(struct talk *t, struct socks *socks, bool *out_is_end);

/* talk_next gives the next whole frame, valid until the next call; false: none. */
bool talk_next(struct talk *t, struct amqp091_frame *out);
#endif
