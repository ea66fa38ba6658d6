#include "wire/amqp091/attempt.h"

#include "base/must.h"
#include "wire/amqp091/props.h"
#include "wire/amqp091/table.h"

#define COUNT_NAME  "x-delivery-count"
#define OFFSET_NAME "x-stream-offset"

/* 4 octets of length, and an entry of 1 + 16 + 1 + 8. */
_Static_assert(AMQP091_ATTEMPT_BYTES >= 4 + 1 + sizeof COUNT_NAME - 1 + 1 + 8 &&
		       sizeof OFFSET_NAME <= sizeof COUNT_NAME,
	       "room for one entry");

static void put_headers(struct wr *w, struct slice headers, const char *name, int64_t number)
{
	struct rd r = rd_of(headers);
	struct amqp091_entry e;
	size_t mark = w->n;
	wr_u32(w, 0);
	while (amqp091_table_next(&r, &e)) {
		if (slice_eq(e.name, slice_str(name)))
			continue;
		amqp091_put_name(w, e.name);
		amqp091_put_value(w, &e.value);
	}
	amqp091_put_int(w, name, number);
	amqp091_put_close(w, mark);
	must(w->full || w->n > mark);
}

static enum err put(struct wr *w, struct slice props, const char *name, int64_t number)
{
	struct amqp091_props p;
	TRY(amqp091_props_decode(props, &p));
	p.flags |= AMQP091_HAS_headers;
	must((p.flags & AMQP091_PROPS_UNUSED) == 0);
	wr_u16(w, p.flags);
#define put_u8(v)    wr_u8(w, v)
#define put_u64(v)   wr_u64(w, v)
#define put_str8(v)  wr_str8(w, v)
#define put_table(v) put_headers(w, v, name, number)
#define PROP(bit, type, name, prose)      \
	if (p.flags & AMQP091_HAS_##name) \
		put_##type(p.name);
#include "wire/amqp091/props.def"
#undef PROP
	return ERR_OK;
}

enum err amqp091_attempt_put(struct wr *w, struct slice props, uint32_t count)
{
	must(count > 0);
	return put(w, props, COUNT_NAME, count);
}

enum err amqp091_offset_put(struct wr *w, struct slice props, uint64_t offset)
{
	must(offset <= INT64_MAX);
	return put(w, props, OFFSET_NAME, (int64_t)offset);
}
