#include "wire/amqp091/death.h"

#include "base/limits.h"
#include "base/must.h"
#include "wire/amqp091/props.h"
#include "wire/amqp091/table.h"

#define X_DEATH "x-death"

/* ---- what is there ----------------------------------------------------------------------- */

static bool is_named(struct slice name, const char *word)
{
	return slice_eq(name, slice_str(word));
}

static bool begins(struct slice name, const char *word)
{
	struct slice s = slice_str(word);
	return name.n >= s.n && slice_eq(slice_of(name.p, s.n), s);
}

/* The array of deaths; false: there is none. */
static bool deaths_of(struct slice headers, struct slice *out)
{
	struct amqp091_value v;
	if (!amqp091_table_find(headers, slice_str(X_DEATH), &v) || v.type != AMQP091_TYPE_ARRAY)
		return false;
	*out = v.octets;
	return true;
}

/* The array CC of a table; empty: there is none. */
static struct slice copies_of(struct slice headers)
{
	struct amqp091_value v;
	bool is_there = amqp091_table_find(headers, slice_str("CC"), &v);
	must(headers.p != NULL || !is_there);
	return is_there && v.type == AMQP091_TYPE_ARRAY ? v.octets : SLICE_EMPTY;
}

bool amqp091_death_copy_next(struct rd *r, struct slice *out_key)
{
	struct amqp091_value v;
	must(out_key != NULL);
	while (amqp091_array_next(r, &v)) {
		if (v.type != AMQP091_TYPE_LONGSTR || v.octets.n > LIMIT_SHORTSTR)
			continue;
		*out_key = v.octets;
		return true;
	}
	return false;
}

static bool is_death_of(const struct amqp091_value *v, struct slice queue, struct slice reason)
{
	struct slice s;
	return v->type == AMQP091_TYPE_TABLE && amqp091_table_str(v->octets, "queue", &s) &&
	       slice_eq(s, queue) && amqp091_table_str(v->octets, "reason", &s) &&
	       slice_eq(s, reason);
}

/* ---- entries of x-death ------------------------------------------------------------------- */

static void put_array_str(struct wr *w, struct slice v)
{
	must(v.n <= UINT32_MAX);
	amqp091_put_value(w, &(struct amqp091_value){ .type = AMQP091_TYPE_LONGSTR, .octets = v });
}

static void put_keys(struct wr *w, struct slice key, struct slice headers)
{
	amqp091_put_name(w, slice_str("routing-keys"));
	size_t mark = amqp091_put_open(w, AMQP091_TYPE_ARRAY);
	struct rd r = rd_of(copies_of(headers));
	struct slice copy;
	put_array_str(w, key);
	while (amqp091_death_copy_next(&r, &copy))
		put_array_str(w, copy);
	amqp091_put_close(w, mark);
	must(w->full || w->n > mark);
}

static void put_first(struct wr *w, const struct amqp091_death *d, const struct amqp091_props *p)
{
	struct amqp091_value time = { .type = AMQP091_TYPE_TIMESTAMP, .time = d->time_s };
	size_t mark = amqp091_put_open(w, AMQP091_TYPE_TABLE);
	amqp091_put_int(w, "count", 1);
	amqp091_put_str(w, "reason", d->reason);
	amqp091_put_str(w, "queue", d->queue);
	amqp091_put_name(w, slice_str("time"));
	amqp091_put_value(w, &time);
	amqp091_put_str(w, "exchange", d->exchange);
	put_keys(w, d->key, p->headers);
	if (p->flags & AMQP091_HAS_expiration)
		amqp091_put_str(w, "original-expiration", p->expiration);
	amqp091_put_close(w, mark);
	must(w->full || w->n > mark);
}

static void put_again(struct wr *w, struct slice death)
{
	int64_t count = 0;
	struct rd r = rd_of(death);
	struct amqp091_entry e;
	size_t mark = amqp091_put_open(w, AMQP091_TYPE_TABLE);
	(void)amqp091_table_int(death, "count", &count);
	amqp091_put_int(w, "count", count < INT64_MAX ? count + 1 : count);
	while (amqp091_table_next(&r, &e)) {
		if (is_named(e.name, "count"))
			continue;
		amqp091_put_name(w, e.name);
		amqp091_put_value(w, &e.value);
	}
	amqp091_put_close(w, mark);
	must(w->full || w->n > mark);
}

static struct slice put_deaths(struct wr *w, const struct amqp091_death *d,
			       const struct amqp091_props *p, struct slice before)
{
	struct amqp091_value v, same = { .type = AMQP091_TYPE_VOID };
	struct rd r = rd_of(before);
	while (same.type == AMQP091_TYPE_VOID && amqp091_array_next(&r, &v))
		if (is_death_of(&v, d->queue, d->reason))
			same = v;
	amqp091_put_name(w, slice_str(X_DEATH));
	size_t mark = amqp091_put_open(w, AMQP091_TYPE_ARRAY);
	if (same.type == AMQP091_TYPE_VOID)
		put_first(w, d, p);
	else
		put_again(w, same.octets);
	r = rd_of(before);
	while (amqp091_array_next(&r, &v))
		if (!is_death_of(&v, d->queue, d->reason))
			amqp091_put_value(w, &v);
	amqp091_put_close(w, mark);
	must(w->full || w->n > mark);
	return w->full ? SLICE_EMPTY : slice_of(w->p + mark + 4, w->n - mark - 4);
}

/* ---- headers ------------------------------------------------------------------------------ */

static bool stays(const struct amqp091_death *d, struct slice name)
{
	must(name.n <= UINT8_MAX);
	if (is_named(name, "BCC") || (d->has_own_key && is_named(name, "CC")))
		return false;
	if (begins(name, "x-first-death-"))
		return d->has_history;
	return !is_named(name, X_DEATH) && !begins(name, "x-last-death-");
}

static struct slice put_headers(struct wr *w, const struct amqp091_death *d,
				const struct amqp091_props *p)
{
	struct slice before = SLICE_EMPTY;
	struct rd r = rd_of(p->headers);
	struct amqp091_entry e;
	size_t mark = w->n;
	wr_u32(w, 0);
	while (amqp091_table_next(&r, &e)) {
		if (!stays(d, e.name))
			continue;
		amqp091_put_name(w, e.name);
		amqp091_put_value(w, &e.value);
	}
	bool is_first = !d->has_history || !deaths_of(p->headers, &before);
	struct slice deaths = put_deaths(w, d, p, before);
	if (is_first) {
		amqp091_put_str(w, "x-first-death-exchange", d->exchange);
		amqp091_put_str(w, "x-first-death-queue", d->queue);
		amqp091_put_str(w, "x-first-death-reason", d->reason);
	}
	amqp091_put_str(w, "x-last-death-exchange", d->exchange);
	amqp091_put_str(w, "x-last-death-queue", d->queue);
	amqp091_put_str(w, "x-last-death-reason", d->reason);
	amqp091_put_close(w, mark);
	must(w->full || w->n > mark);
	return deaths;
}

/* ---- properties --------------------------------------------------------------------------- */

size_t amqp091_death_room(struct slice props, const struct amqp091_death *d)
{
	const size_t names = 512; /* of all headers and fields, with types and lengths */
	must(d->key.n <= UINT8_MAX && d->exchange.n <= UINT8_MAX);
	/* CC, at most all of props, may stand twice: where it was, and in the history */
	return 2 * props.n + 3 * (d->queue.n + d->reason.n + d->exchange.n) + d->key.n + names;
}

static void put_all(struct wr *w, const struct amqp091_death *d, const struct amqp091_props *p,
		    struct amqp091_dead *out)
{
	size_t at = w->n;
	if (out->is_plain && d->same.n > 0)
		wr_str32(w, d->same);
	else
		out->deaths = put_headers(w, d, p);
	must(w->full || w->n >= at + 4);
	if (!w->full)
		out->headers = slice_of(w->p + at + 4, w->n - at - 4);
}

enum err amqp091_death_put(struct wr *w, struct slice props, const struct amqp091_death *d,
			   struct amqp091_dead *out)
{
	struct amqp091_props p;
	TRY(amqp091_props_decode(props, &p));
	struct amqp091_props q = p;
	q.flags = (uint16_t)((p.flags | AMQP091_HAS_headers) & ~AMQP091_HAS_expiration);
	must((q.flags & AMQP091_PROPS_UNUSED) == 0);
	*out = (struct amqp091_dead){
		.priority = p.priority,
		.has_priority = p.flags & AMQP091_HAS_priority,
		.is_plain = !d->has_history && p.headers.n == 0 &&
			    !(p.flags & AMQP091_HAS_expiration),
	};
	if (!d->has_own_key && p.headers.n > 0)
		out->copies = copies_of(p.headers);
	wr_u16(w, q.flags);
#define put_u8(v)    wr_u8(w, v)
#define put_u64(v)   wr_u64(w, v)
#define put_str8(v)  wr_str8(w, v)
#define put_table(v) put_all(w, d, &p, out)
#define PROP(bit, type, name, prose)      \
	if (q.flags & AMQP091_HAS_##name) \
		put_##type(q.name);
#include "wire/amqp091/props.def"
#undef PROP
	return ERR_OK;
}

/* ---- asked afterwards --------------------------------------------------------------------- */

bool amqp091_death_is_cycle(struct slice deaths, struct slice queue)
{
	struct rd r = rd_of(deaths);
	struct amqp091_value v;
	struct slice s;
	must(queue.p != NULL || queue.n == 0);
	while (amqp091_array_next(&r, &v)) {
		if (v.type != AMQP091_TYPE_TABLE || !amqp091_table_str(v.octets, "reason", &s) ||
		    slice_eq(s, slice_str("rejected")))
			return false;
		if (amqp091_table_str(v.octets, "queue", &s) && slice_eq(s, queue))
			return true;
	}
	return false;
}
