#include "wire/amqp091/delay.h"

#include "base/must.h"
#include "wire/amqp091/props.h"
#include "wire/amqp091/table.h"

/* A type without negative numbers gives way to one that has all. */
static struct amqp091_value negated(struct amqp091_value v)
{
	must(amqp091_value_is_int(&v));
	if (v.type == AMQP091_TYPE_UBYTE || v.type == AMQP091_TYPE_USHORT ||
	    v.type == AMQP091_TYPE_UINT)
		v.type = AMQP091_TYPE_LONG;
	if (v.i > 0)
		v.i = -v.i;
	return v;
}

/* A text of digits: what a client writes whose protocol has only texts. */
static bool is_digits(const struct amqp091_value *v)
{
	if (v->type != AMQP091_TYPE_LONGSTR || v->octets.n == 0)
		return false;
	for (size_t i = 0; i < v->octets.n; i++)
		if (v->octets.p[i] < '0' || v->octets.p[i] > '9')
			return false;
	must(v->octets.p != NULL);
	return true;
}

static void put_negated(struct wr *w, const struct amqp091_value *v)
{
	must(v->octets.n < UINT32_MAX);
	wr_u8(w, AMQP091_TYPE_LONGSTR);
	wr_u32(w, (uint32_t)v->octets.n + 1);
	wr_u8(w, '-');
	wr_slice(w, v->octets);
}

static void put_headers(struct wr *w, struct slice headers, bool is_delayed)
{
	struct rd r = rd_of(headers);
	struct amqp091_entry e;
	size_t mark = w->n;
	bool is_negated = !is_delayed;
	wr_u32(w, 0);
	while (amqp091_table_next(&r, &e)) {
		if (slice_eq(e.name, slice_str("BCC")))
			continue;
		bool is_it = !is_negated && slice_eq(e.name, slice_str("x-delay"));
		bool is_text = is_it && is_digits(&e.value);
		is_it = is_text || (is_it && amqp091_value_is_int(&e.value));
		is_negated |= is_it;
		amqp091_put_name(w, e.name);
		if (is_it && !is_text)
			e.value = negated(e.value);
		if (is_text)
			put_negated(w, &e.value);
		else
			amqp091_put_value(w, &e.value);
	}
	amqp091_put_close(w, mark);
	must(w->full || w->n > mark);
}

static struct slice array_of(struct slice headers, const char *name)
{
	struct amqp091_value v;
	bool is_there = amqp091_table_find(headers, slice_str(name), &v);
	must(headers.p != NULL || !is_there);
	return is_there && v.type == AMQP091_TYPE_ARRAY ? v.octets : SLICE_EMPTY;
}

enum err amqp091_delay_put(struct wr *w, struct slice props, bool is_delayed,
			   struct amqp091_delayed *out)
{
	struct amqp091_props p;
	TRY(amqp091_props_decode(props, &p));
	*out = (struct amqp091_delayed){
		.copies = { array_of(p.headers, "CC"), array_of(p.headers, "BCC") },
	};
	must((p.flags & AMQP091_PROPS_UNUSED) == 0);
	wr_u16(w, p.flags);
#define put_u8(v)    wr_u8(w, v)
#define put_u64(v)   wr_u64(w, v)
#define put_str8(v)  wr_str8(w, v)
#define put_table(v) put_headers(w, v, is_delayed)
#define PROP(bit, type, name, prose)      \
	if (p.flags & AMQP091_HAS_##name) \
		put_##type(p.name);
#include "wire/amqp091/props.def"
#undef PROP
	return ERR_OK;
}
