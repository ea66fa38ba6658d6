#include "session/amqp091/publish.h"

#include "base/must.h"
#include "wire/amqp091/headers.h"
#include "wire/amqp091/table.h"

/* Sender-selected distribution: arrays of further routing keys in the headers CC and BCC. What is
 * no string in them is passed over; who receives the message sees CC, and not BCC. */

#define NAMES_N 2
static const char *const names[NAMES_N] = { "CC", "BCC" };

/* The arrays; an empty one where there is none. */
static enum err find(struct turn *t, struct slice headers, struct slice *out)
{
	struct amqp091_value v;
	must(t->why.n == 0);
	for (int i = 0; i < NAMES_N; i++) {
		out[i] = SLICE_EMPTY;
		if (!amqp091_table_find(headers, slice_str(names[i]), &v))
			continue;
		if (v.type != AMQP091_TYPE_ARRAY) {
			text_putf(&t->why,
				  "invalid message: {unacceptable_type_in_header,\"%s\",%s}",
				  names[i], amqp091_type_words(v.type));
			return ERR_PRECONDITION_FAILED;
		}
		out[i] = v.octets;
	}
	return ERR_OK;
}

/* How many keys there are; they go to `out` if it is not NULL. */
static uint32_t keys_of(const struct slice *arrays, struct slice *out)
{
	struct amqp091_value v;
	uint32_t n = 0;
	for (int i = 0; i < NAMES_N; i++) {
		struct rd r = rd_of(arrays[i]);
		while (amqp091_array_next(&r, &v)) {
			if (v.type != AMQP091_TYPE_LONGSTR)
				continue;
			if (out)
				out[n] = v.octets;
			n++;
		}
		must(rd_done(&r)); /* it was checked */
	}
	return n;
}

/* Topic permissions count for each key. */
static enum err allow(struct turn *t, const struct exchange *x, const struct routing *m)
{
	must(m->more_n > 0);
	for (uint32_t i = 0; i < m->more_n; i++)
		TRY(amqp091_allow_key(t, x, m->more[i], AUTH_WRITE));
	return ERR_OK;
}

enum err amqp091_publish_copies(struct turn *t, struct channel *c, const struct publish *p,
				struct routing *m, struct route_hit **inout_hit)
{
	struct slice arrays[NAMES_N];
	must(p->copies.n > 0 && (*inout_hit)->x != NULL);
	TRY(find(t, p->copies, arrays));
	m->more_n = keys_of(arrays, NULL);
	if (m->more_n == 0)
		return ERR_OK;
	amqp091_fan_send(t); /* its route may lie where the new one will */
	struct slice *more = amqp091_get(t, m->more_n * sizeof more[0], "copies");
	m->more = more;
	(void)keys_of(arrays, more);
	enum err e = allow(t, (*inout_hit)->x, m);
	if (e == ERR_OK && route_cache_more(c->routes, t->w->view, m, inout_hit) != ERR_OK)
		e = amqp091_refuse(t, ERR_RESOURCE_ERROR, "no memory for a route");
	amqp091_put(t, more, m->more_n * sizeof more[0]);
	return e;
}

uint32_t amqp091_publish_strip(struct publish *p, uint32_t front)
{
	uint8_t *props = (uint8_t *)(uintptr_t)p->props.p; /* in a block that we fill */
	must(p->copies.n > 0);
	uint32_t gone = (uint32_t)amqp091_headers_drop(props, p->props.n, slice_str("BCC"));
	if (gone > 0 && front > 0)
		memmove(props - front + gone, props - front, front);
	p->props = slice_from(p->props, gone);
	return gone;
}
