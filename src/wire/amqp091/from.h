/* amqp091 from -- the properties of a message that another protocol's client has published.
 *
 * Made from the neutral view (msg/header.h), as RabbitMQ maps them: what both have goes where it
 * belongs, the application's headers into the table. What does not fit is left out: a property or
 * a name of more than 255 octets, and lists and tables, which only their own protocol can read. A
 * correlation id that is no text or too long, and a topic for the answer, are headers of their own
 * (headers.h). Pure.
 */
#ifndef WIRE_AMQP091_FROM_H
#define WIRE_AMQP091_FROM_H

#include "base/slice.h"
#include "msg/header.h"

/* Of so many headers each name is written once, the first one with it; of more, as they come. */
#define AMQP091_FROM_ONCE_MAX 64u

/* amqp091_from_room: octets in which properties like `props` surely have room as long as their own
 * protocol writes a header into no fewer than 4 octets and its name and value. */
#define AMQP091_FROM_BYTES 4096u
static inline size_t amqp091_from_room(struct slice props)
{
	return 3 * props.n + AMQP091_FROM_BYTES;
}

/* amqp091_props_from writes to the `n` octets of `room`, at least AMQP091_FROM_BYTES, what `ops`
 * finds in `props`, and returns it: well-formed whatever there was. Headers that have no room are
 * left out, all of them. */
struct slice amqp091_props_from(uint8_t *room, size_t n, const struct header_ops *ops,
				struct slice props, bool is_persistent);

#endif
