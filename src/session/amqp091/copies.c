#include "session/amqp091/publish.h"

#include "base/ablate.h"
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

/* Adds the keys in both arrays. False: no memory. */
static bool add_keys(const struct turn *t, const struct slice *arrays, struct route_keys *k)
{
	struct amqp091_value v;
	must(k->n == 1); /* the message's own */
	for (int i = 0; i < NAMES_N; i++) {
		struct rd r = rd_of(arrays[i]);
		while (amqp091_array_next(&r, &v))
			if (v.type == AMQP091_TYPE_LONGSTR &&
			    !route_keys_add(k, t->w->view, v.octets))
				return false;
		must(rd_done(&r)); /* it was checked */
	}
	return true;
}

/* Topic permissions count for each key. */
static enum err allow(struct turn *t, const struct exchange *x, const struct routing *m)
{
	must(m->more != NULL);
	for (uint32_t i = 0; i < m->more_n; i++)
		TRY(amqp091_allow_key(t, x, m->more[i], AUTH_WRITE));
	return ERR_OK;
}

enum err amqp091_publish_also(struct turn *t, struct channel *c, const struct routing *m,
			      struct route_hit **inout_hit)
{
	must(m->more_n > 0 || m->also);
	amqp091_fan_send(t); /* its route may lie where the new one will */
	if (route_cache_more(c->routes, t->w->view, m, inout_hit) != ERR_OK)
		return amqp091_refuse(t, ERR_RESOURCE_ERROR, "no memory for a route");
	if (!(*inout_hit)->route->is_beyond)
		return ERR_OK;
	return amqp091_refuse(t, ERR_PRECONDITION_FAILED,
			      "invalid message: too many keys in CC and BCC for the bindings there "
			      "are");
}

static enum err route(struct turn *t, struct channel *c, const struct slice *arrays,
		      struct route_keys *k, struct routing *m, struct route_hit **inout_hit)
{
	const struct catalog_view *v = t->w->view;
	must((*inout_hit)->x != NULL);
	if (!route_keys_add(k, v, m->key) || !add_keys(t, arrays, k))
		return amqp091_refuse(t, ERR_RESOURCE_ERROR, "no memory for a route");
	if (!ABLATED(copies))
		route_keys_more(k, m);
	if (m->more_n > 0)
		TRY(allow(t, (*inout_hit)->x, m));
	return m->more_n > 0 || m->also ? amqp091_publish_also(t, c, m, inout_hit) : ERR_OK;
}

enum err amqp091_publish_copies(struct turn *t, struct channel *c, const struct publish *p,
				struct routing *m, struct route_hit **inout_hit)
{
	struct slice arrays[NAMES_N];
	struct route_keys k;
	must(p->copies.n > 0);
	TRY(find(t, p->copies, arrays));
	route_keys_init(&k, t->w->mem);
	enum err e = route(t, c, arrays, &k, m, inout_hit);
	m->more_n = 0;
	route_keys_fini(&k);
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
