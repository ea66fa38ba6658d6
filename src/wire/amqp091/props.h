/* amqp091 props -- the properties of a message: flags, then those that the flags name.
 *
 * What travels, is kept and is given back is the slice `props`: two octets of flags and the list,
 * just as the publisher wrote it. Decoding makes a view that borrows from it. Pure.
 */
#ifndef WIRE_AMQP091_PROPS_H
#define WIRE_AMQP091_PROPS_H

#include "base/err.h"
#include "base/slice.h"
#include "base/text.h"
#include "wire/amqp091/method.h"

/* The flag of each property: amqp091_props.flags & AMQP091_HAS_headers. */
enum {
#define PROP(bit, type, name, prose) AMQP091_HAS_##name = 1 << (bit),
#include "wire/amqp091/props.def"
#undef PROP
};

/* The bits of no property. The lowest announces a second word of flags, which nobody ever sent. */
#define AMQP091_PROPS_UNUSED 3u

struct amqp091_props {
	uint16_t flags; /* AMQP091_HAS_...; a property without its flag is zero or empty */
#define PROP(bit, type, name, prose) amqp091_##type name;
#include "wire/amqp091/props.def"
#undef PROP
};

/* What a broker must know to route and keep a message. */
struct amqp091_facts {
	uint16_t flags;
	uint8_t delivery_mode, priority; /* 0 when not there */
	bool has_cc;                     /* `headers` has an entry CC or BCC */
	bool has_retain;                 /* and AMQP091_RETAIN */
	struct slice expiration, user_id, headers, reply_to;
};

/* amqp091_props_decode reads the whole of `props`, which must end with the last property.
 * ERR_MALFORMED: short, left over, flags of no property, or malformed headers. */
MUST_USE enum err amqp091_props_decode(struct slice props, struct amqp091_props *out);

/* amqp091_props_facts checks `props` like amqp091_props_decode and gives only what a broker needs;
 * a message with no more than delivery mode and priority costs next to nothing. */
MUST_USE enum err amqp091_props_facts(struct slice props, struct amqp091_facts *out);

/* amqp091_props_size is how many octets amqp091_props_put writes: the flags and the list. Short
 * strings are at most 255 octets; headers must have passed amqp091_table_check. */
size_t amqp091_props_size(const struct amqp091_props *p);
uint8_t *amqp091_props_put(uint8_t *at, const struct amqp091_props *p);

/* amqp091_props_print writes those that are there: " content_type='text/plain' priority=3". */
void amqp091_props_print(const struct amqp091_props *p, struct text *out);

#endif
