#include "wire/amqp091/attempt.h"

#include "base/must.h"
#include "wire/amqp091/props.h"
#include "wire/amqp091/table.h"

struct number {
	const char *name;
	int64_t value; /* below 0: none; headers of that name go all the same */
};
#define NUMBERS_MAX 2u

#define ACQUIRED_NAME "x-acquired-count"
#define FAILED_NAME   "x-delivery-count"
#define OFFSET_NAME   "x-stream-offset"

/* 4 octets of length, and entries of 1 + 16 + 1 + 8. */
_Static_assert(AMQP091_ATTEMPT_BYTES >= 4 + NUMBERS_MAX * (1 + sizeof FAILED_NAME - 1 + 1 + 8) &&
		       sizeof ACQUIRED_NAME <= sizeof FAILED_NAME &&
		       sizeof OFFSET_NAME <= sizeof FAILED_NAME,
	       "room for two entries");

static bool is_among(struct slice name, const struct number *number, uint32_t n)
{
	must(n <= NUMBERS_MAX);
	for (uint32_t i = 0; i < n; i++)
		if (slice_eq(name, slice_str(number[i].name)))
			return true;
	return false;
}

static void put_headers(struct wr *w, struct slice headers, const struct number *number, uint32_t n)
{
	struct rd r = rd_of(headers);
	struct amqp091_entry e;
	size_t mark = w->n;
	wr_u32(w, 0);
	while (amqp091_table_next(&r, &e)) {
		if (is_among(e.name, number, n))
			continue;
		amqp091_put_name(w, e.name);
		amqp091_put_value(w, &e.value);
	}
	for (uint32_t i = 0; i < n; i++)
		if (number[i].value >= 0)
			amqp091_put_int(w, number[i].name, number[i].value);
	amqp091_put_close(w, mark);
	must(w->full || w->n > mark);
}

static enum err put(struct wr *w, struct slice props, const struct number *number, uint32_t n)
{
	struct amqp091_props p;
	TRY(amqp091_props_decode(props, &p));
	p.flags |= AMQP091_HAS_headers;
	must((p.flags & AMQP091_PROPS_UNUSED) == 0);
	wr_u16(w, p.flags);
#define put_u8(v)    wr_u8(w, v)
#define put_u64(v)   wr_u64(w, v)
#define put_str8(v)  wr_str8(w, v)
#define put_table(v) put_headers(w, v, number, n)
#define PROP(bit, type, name, prose)      \
	if (p.flags & AMQP091_HAS_##name) \
		put_##type(p.name);
#include "wire/amqp091/props.def"
#undef PROP
	return ERR_OK;
}

enum err amqp091_attempt_put(struct wr *w, struct slice props, uint32_t acquired, uint32_t failed)
{
	const struct number number[] = { { FAILED_NAME, failed ? (int64_t)failed : -1 },
					 { ACQUIRED_NAME, acquired } };
	must(acquired > 0 && failed <= acquired);
	return put(w, props, number, NUMBERS_MAX);
}

enum err amqp091_offset_put(struct wr *w, struct slice props, uint64_t offset)
{
	const struct number number = { OFFSET_NAME, (int64_t)offset };
	must(offset <= INT64_MAX);
	return put(w, props, &number, 1);
}
