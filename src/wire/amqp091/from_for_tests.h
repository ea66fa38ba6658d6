/* amqp091 from_for_tests -- properties in no real protocol's encoding, which say anything that the
 * neutral view can say.
 *
 * Entry by entry: u8 which property (from HEADER_PROPERTY_N on: an application's header), u8 class,
 * str8 name, u64 number, str32 octets. An entry that cannot be read ends them.
 */
#ifndef WIRE_AMQP091_FROM_FOR_TESTS_H
#define WIRE_AMQP091_FROM_FOR_TESTS_H

#include "base/wr.h"
#include "msg/header.h"

static inline void strange_put(struct wr *w, int which, const struct header *h)
{
	wr_u8(w, (uint8_t)which);
	wr_u8(w, h->class);
	wr_str8(w, h->name);
	wr_u64(w, h->number);
	wr_str32(w, h->octets);
}

static inline bool strange_entry(struct rd *r, int *out_which, struct header *out)
{
	if (r->n == 0)
		return false;
	*out_which = rd_u8(r);
	out->class = (uint8_t)(rd_u8(r) % (HEADER_TABLE + 1));
	out->name = rd_str8(r);
	out->number = rd_u64(r);
	out->octets = rd_str32(r);
	return rd_ok(r);
}

static inline struct rd strange_begin(struct slice props)
{
	return rd_of(props);
}

static inline bool strange_next(struct rd *r, struct header *out)
{
	int which = 0;
	while (strange_entry(r, &which, out))
		if (which >= HEADER_PROPERTY_N)
			return true;
	return false;
}

static inline bool strange_property(struct slice props, enum header_property which,
				    struct header *out)
{
	struct rd r = rd_of(props);
	struct header h;
	int is = 0;
	while (strange_entry(&r, &is, &h)) {
		if (is != (int)which)
			continue;
		h.name = slice_of(h.name.p, which == HEADER_REPLY_TO && h.name.n > 0);
		*out = h;
		return true;
	}
	return false;
}

static const struct header_ops strange_ops = { strange_begin, strange_next, strange_property };

#endif
