/* amqp091 attempt -- numbers that a broker adds to the headers of what it delivers: how often a
 * message has come before (x-acquired-count), and of that in vain (x-delivery-count), both of which
 * RabbitMQ adds to what a quorum queue gives again; and where it stands in a stream
 * (x-stream-offset). Pure; everything is borrowed.
 */
#ifndef WIRE_AMQP091_ATTEMPT_H
#define WIRE_AMQP091_ATTEMPT_H

#include "base/err.h"
#include "base/slice.h"
#include "base/wr.h"

/* amqp091_attempt_room: octets that amqp091_attempt_put surely has enough of. */
#define AMQP091_ATTEMPT_BYTES 64u
static inline size_t amqp091_attempt_room(struct slice props)
{
	return props.n + AMQP091_ATTEMPT_BYTES;
}

/* amqp091_attempt_put writes properties like `props` whose headers say how often the message came
 * back, and how often of these it had failed (0: they do not say that); right ones, if these were.
 * ERR_MALFORMED: they were not, then nothing is written. Whether all had room says wr_ok(w). */
MUST_USE enum err amqp091_attempt_put(struct wr *w, struct slice props, uint32_t acquired,
				      uint32_t failed);

/* amqp091_offset_put is the same for a message's offset in a stream. */
MUST_USE enum err amqp091_offset_put(struct wr *w, struct slice props, uint64_t offset);
#endif
