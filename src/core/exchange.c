#include "core/exchange.h"

#include "base/limits.h"
#include "base/must.h"
#include "core/catalog_view.h"
#include "core/headers.h"
#include "core/jms.h"
#include "core/keeper.h"
#include "core/route.h"
#include "core/spread.h"
#include "core/topic.h"

static const char *const type_names[] = {
	[EXCHANGE_DIRECT] = "direct",
	[EXCHANGE_FANOUT] = "fanout",
	[EXCHANGE_TOPIC] = "topic",
	[EXCHANGE_HEADERS] = "headers",
	[EXCHANGE_CONSISTENT_HASH] = "x-consistent-hash",
	[EXCHANGE_MODULUS_HASH] = "x-modulus-hash",
	[EXCHANGE_RANDOM] = "x-random",
	[EXCHANGE_LOCAL_RANDOM] = "x-local-random",
	[EXCHANGE_RECENT_HISTORY] = "x-recent-history",
	[EXCHANGE_DELAYED] = "x-delayed-message",
	[EXCHANGE_JMS_TOPIC] = "x-jms-topic",
	[EXCHANGE_DEDUPLICATION] = "x-message-deduplication",
};
#define TYPES (sizeof type_names / sizeof type_names[0])

uint8_t exchange_type_of(struct slice name)
{
	for (uint8_t type = EXCHANGE_DIRECT; type < TYPES; type++)
		if (slice_eq(name, slice_str(type_names[type])))
			return type;
	return 0;
}

const char *exchange_type_name(uint8_t type)
{
	must(type >= EXCHANGE_DIRECT && type < TYPES);
	return type_names[type];
}

bool exchange_varies(const struct exchange *x)
{
	must(x->type >= EXCHANGE_DIRECT && x->type < TYPES);
	return x->kind == EXCHANGE_HEADERS || x->kind == EXCHANGE_JMS_TOPIC || x->type != x->kind ||
	       spread_varies(x);
}

static size_t name_bytes(size_t name_len, size_t arguments_len)
{
	return sizeof(struct exchange_name) + name_len + arguments_len;
}

static const struct exchange_name *name_new(struct pmap_edit *e, const struct catalog_view *v,
					    uint64_t id, const struct declare_exchange *d)
{
	uint8_t kind = keeper_kind(v, d);
	struct exchange_name *n = pmap_alloc(e, name_bytes(d->name.n, d->arguments.n),
					     "catalog exchange");
	must(d->name.n <= UINT8_MAX && d->arguments.n <= UINT16_MAX);
	*n = (struct exchange_name){
		.id = id,
		.vhost = d->vhost,
		.type = exchange_type_of(d->type),
		.kind = kind ? kind : EXCHANGE_FANOUT, /* a log may say anything */
		.flags = d->flags,
		.name_len = (uint8_t)d->name.n,
		.arguments_len = (uint16_t)d->arguments.n,
	};
	must(n->type != 0 && n->kind != 0);
	if (d->name.n)
		memcpy(n->bytes, d->name.p, d->name.n);
	if (d->arguments.n)
		memcpy(n->bytes + d->name.n, d->arguments.p, d->arguments.n);
	return n;
}

/* The name of the exchange that takes what this one does not route; p NULL: there is none. */
static struct slice alternate(const struct catalog_view *v, struct slice arguments)
{
	static const char *const names[] = { "alternate-exchange", "x-alternate-exchange" };
	struct header h;
	must(arguments.p != NULL || arguments.n == 0);
	for (int i = 0; v->arguments && i < 2; i++)
		if (header_find(v->arguments, arguments, slice_str(names[i]), &h) &&
		    h.class == HEADER_TEXT && h.octets.n <= LIMIT_SHORTSTR)
			return h.octets;
	return SLICE_EMPTY;
}

struct exchange *exchange_new(struct pmap_edit *e, const struct catalog_view *v, uint64_t id,
			      const struct declare_exchange *d)
{
	const struct exchange_name *n = name_new(e, v, id, d);
	struct exchange *x = pmap_alloc(e, sizeof *x, "catalog exchange");
	*x = (struct exchange){
		.id = id,
		.version = e->version,
		.name = exchange_name_slice(n),
		.arguments = exchange_name_arguments(n),
		.alternate = alternate(v, exchange_name_arguments(n)),
		.vhost = n->vhost,
		.type = n->type,
		.kind = n->kind,
		.flags = n->flags,
		.fixed = n,
		.by_key = PMAP_HASHED,
	};
	return x;
}

struct exchange *exchange_edit(struct pmap_edit *e, const struct exchange *own_x)
{
	must(own_x->version <= e->version);
	if (own_x->version == e->version)
		return (struct exchange *)(uintptr_t)own_x;
	struct exchange *copy = pmap_alloc(e, sizeof *copy, "catalog exchange");
	*copy = *own_x;
	copy->version = e->version;
	pmap_retire(e, own_x, sizeof *own_x, own_x->version);
	return copy;
}

/* Places of a direct exchange by key. */
static uint64_t key_hash(const struct pmap_kind *k, uintptr_t place)
{
	must(place != 0);
	return hash_slice(k->key, exchange_set_key(place));
}

static bool key_is(const struct pmap_kind *k, uintptr_t place, const void *key)
{
	must(k->at == 0);
	return slice_eq(exchange_set_key(place), *(const struct slice *)key);
}

static struct pmap_kind keys(struct hash_key key)
{
	return (struct pmap_kind){ .hash = key_hash, .is = key_is, .key = key };
}

static void direct_bind(struct exchange *x, struct pmap_edit *e, struct hash_key key,
			const struct binding *b)
{
	struct slice name = binding_key_slice(b);
	struct pmap_kind kind = keys(key);
	uint64_t hash = hash_slice(key, name);
	uintptr_t old = pmap_find(&x->by_key, &kind, hash, &name);
	uintptr_t place = exchange_set_add(e, old, b);
	must(x->kind == EXCHANGE_DIRECT);
	if (old == 0)
		(void)pmap_put(&x->by_key, e, &kind, hash, &name, place);
	else if (old != place)
		pmap_swap(&x->by_key, e, hash, old, place);
}

static void direct_unbind(struct exchange *x, struct pmap_edit *e, struct hash_key key,
			  const struct binding *b)
{
	struct slice name = binding_key_slice(b);
	struct pmap_kind kind = keys(key);
	uint64_t hash = hash_slice(key, name);
	uintptr_t old = pmap_find(&x->by_key, &kind, hash, &name);
	must(x->kind == EXCHANGE_DIRECT && old != 0);
	uintptr_t place = exchange_set_del(e, old, b);
	if (old != place)
		pmap_swap(&x->by_key, e, hash, old, place);
}

void exchange_bind(struct exchange *x, struct pmap_edit *e, const struct catalog_view *v,
		   const struct binding *b)
{
	must(x->version == e->version && b->exchange == x->fixed);
	if (x->kind == EXCHANGE_DIRECT)
		direct_bind(x, e, v->key, b);
	else if (x->kind == EXCHANGE_TOPIC)
		x->root = topic_add(e, v->key, x->root, b);
	else if (x->kind == EXCHANGE_HEADERS)
		headers_bind(x, e, v, b);
	else
		x->root = exchange_set_add(e, x->root, b);
	x->bindings_n++;
}

void exchange_unbind(struct exchange *x, struct pmap_edit *e, const struct catalog_view *v,
		     const struct binding *b)
{
	must(x->version == e->version && b->exchange == x->fixed && x->bindings_n > 0);
	if (x->kind == EXCHANGE_DIRECT)
		direct_unbind(x, e, v->key, b);
	else if (x->kind == EXCHANGE_TOPIC)
		x->root = topic_del(e, v->key, x->root, b);
	else if (x->kind == EXCHANGE_HEADERS)
		headers_unbind(x, e, v, b);
	else
		x->root = exchange_set_del(e, x->root, b);
	x->bindings_n--;
}

const struct binding *exchange_any(const struct exchange *x)
{
	if (x->bindings_n == 0)
		return NULL;
	if (x->kind == EXCHANGE_HEADERS)
		return headers_any(x);
	uintptr_t place = x->kind == EXCHANGE_DIRECT ? pmap_first(&x->by_key) : x->root;
	must(place != 0);
	return x->kind == EXCHANGE_TOPIC ? topic_any(place) : exchange_set_any(place);
}

void exchange_drop(struct pmap_edit *e, const struct exchange *own_x)
{
	struct pmap by_key = own_x->by_key;
	struct pmap_walk w;
	if (own_x->kind == EXCHANGE_HEADERS) {
		headers_drop(own_x, e);
	} else {
		pmap_walk(&w, &by_key);
		for (uintptr_t place; (place = pmap_walk_next(&w));)
			exchange_set_drop(e, place);
		topic_drop(e, own_x->root);
	}
	pmap_clear(&by_key, e);
	const struct exchange_name *n = own_x->fixed;
	must(n->id == own_x->id);
	pmap_retire(e, own_x, sizeof *own_x, own_x->version);
	pmap_retire(e, n, name_bytes(n->name_len, n->arguments_len), 0);
}

static void route_key(const struct exchange *x, struct hash_key key, struct slice routing_key,
		      struct route *r)
{
	if (x->kind == EXCHANGE_TOPIC) {
		topic_route(x->root, key, routing_key, r);
		return;
	}
	struct pmap_kind kind = keys(key);
	must(x->kind == EXCHANGE_DIRECT);
	route_add(r, pmap_find(&x->by_key, &kind, hash_slice(key, routing_key), &routing_key));
}

void exchange_route(const struct catalog_view *v, const struct exchange *x, const struct routing *m,
		    struct route *r)
{
	must(m->more_n == 0 || m->more != NULL);
	switch (x->kind) {
	case EXCHANGE_FANOUT: route_add(r, x->root); return;
	case EXCHANGE_HEADERS: headers_route(v, x, m, r); return;
	case EXCHANGE_JMS_TOPIC: jms_route(v, x, m, r); return;
	case EXCHANGE_DIRECT:
	case EXCHANGE_TOPIC: break;
	default: spread_route(v, x, m, r); return;
	}
	route_key(x, v->key, m->key, r);
	for (uint32_t i = 0; i < m->more_n && !r->is_beyond; i++) {
		r->is_beyond = r->topic_steps >= LIMIT_ROUTE_STEPS;
		if (m->more[i].n <= LIMIT_SHORTSTR && !r->is_beyond)
			route_key(x, v->key, m->more[i], r);
	}
}

void exchange_check(const struct exchange *x, struct hash_key key)
{
	struct pmap_kind kind = keys(key);
	struct pmap_walk w;
	uint32_t n = 0;
	must(x->fixed->id == x->id && x->fixed->vhost == x->vhost && x->fixed->type == x->type);
	must(x->fixed->kind == x->kind && !exchange_keeps(x->kind));
	must_if(x->kind != EXCHANGE_DIRECT && x->kind != EXCHANGE_HEADERS, x->by_key.n == 0);
	must_if(x->kind == EXCHANGE_DIRECT, x->root == 0);
	must((x->bindings_n == 0) == (x->root == 0 && x->by_key.n == 0));
	if (x->kind == EXCHANGE_HEADERS) {
		headers_check(x);
		return;
	}
	pmap_check(&x->by_key, &kind);
	pmap_walk(&w, &x->by_key);
	for (uintptr_t place; (place = pmap_walk_next(&w));) {
		struct pmap_walk in;
		exchange_set_walk(&in, place);
		while (pmap_walk_next(&in))
			n++;
	}
	must_if(x->kind == EXCHANGE_DIRECT, n == x->bindings_n);
	if (x->kind == EXCHANGE_TOPIC)
		topic_check(x->root, key);
}
