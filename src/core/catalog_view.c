#include "core/catalog_view.h"

#include "base/must.h"
#include "core/fact.h"

/* Names, in their vhost. */

uint64_t catalog_key_hash(struct hash_key key, uint16_t vhost, struct slice name)
{
	key.k1 ^= (uint64_t)vhost << 32;
	return hash_slice(key, name);
}

static uint64_t exchange_hash(const struct pmap_kind *k, uintptr_t object)
{
	const struct exchange *x = (const struct exchange *)object;
	must(x->fixed != NULL);
	return catalog_key_hash(k->key, x->vhost, x->name);
}

static bool exchange_is(const struct pmap_kind *k, uintptr_t object, const void *key)
{
	const struct exchange *x = (const struct exchange *)object;
	const struct catalog_key *want = key;
	must(k->hash == exchange_hash);
	return x->vhost == want->vhost && slice_eq(x->name, want->name);
}

struct pmap_kind catalog_exchange_kind(struct hash_key key)
{
	return (struct pmap_kind){ .hash = exchange_hash, .is = exchange_is, .key = key };
}

static uint64_t queue_hash(const struct pmap_kind *k, uintptr_t object)
{
	const struct queue_record *q = (const struct queue_record *)object;
	must(q->id != 0);
	return catalog_key_hash(k->key, q->vhost, queue_record_name(q));
}

static bool queue_is(const struct pmap_kind *k, uintptr_t object, const void *key)
{
	const struct queue_record *q = (const struct queue_record *)object;
	const struct catalog_key *want = key;
	must(k->hash == queue_hash);
	return q->vhost == want->vhost && slice_eq(queue_record_name(q), want->name);
}

struct pmap_kind catalog_queue_kind(struct hash_key key)
{
	return (struct pmap_kind){ .hash = queue_hash, .is = queue_is, .key = key };
}

/* Ids, which are their own hashes. */

static uint64_t exchange_name_hash(const struct pmap_kind *k, uintptr_t object)
{
	must(k == &catalog_exchange_name_kind);
	return ((const struct exchange_name *)object)->id;
}

static uint64_t queue_id_hash(const struct pmap_kind *k, uintptr_t object)
{
	must(k == &catalog_queue_id_kind);
	return ((const struct queue_record *)object)->id;
}

static const struct bound *bound_of(uintptr_t object)
{
	must(object & BOUND);
	return (const struct bound *)(object - BOUND);
}

static uint64_t bound_hash(const struct pmap_kind *k, uintptr_t object)
{
	must(k == &catalog_bound_kind);
	return object & BOUND ? bound_of(object)->queue : ((const struct binding *)object)->to;
}

static bool id_is(const struct pmap_kind *k, uintptr_t object, const void *key)
{
	must(object != 0);
	return k->hash(k, object) == *(const uint64_t *)key;
}

const struct pmap_kind catalog_exchange_name_kind = { .hash = exchange_name_hash, .is = id_is };
const struct pmap_kind catalog_queue_id_kind = { .hash = queue_id_hash, .is = id_is };
const struct pmap_kind catalog_bound_kind = { .hash = bound_hash, .is = id_is };

/* Exclusive queues: the owner's hash above, the id below; so the queues of one lie together. */

uint64_t catalog_owned_from(uint64_t owner)
{
	must(owner != 0);
	return hash_u64(owner, 0) >> 32 << 32;
}

uint64_t catalog_owned_hash(const struct queue_record *q)
{
	must(q->flags & QUEUE_EXCLUSIVE);
	return catalog_owned_from(q->owner) | (uint32_t)q->id;
}

static uint64_t owned_hash(const struct pmap_kind *k, uintptr_t object)
{
	must(k == &catalog_owned_kind);
	return catalog_owned_hash((const struct queue_record *)object);
}

static bool owned_is(const struct pmap_kind *k, uintptr_t object, const void *key)
{
	must(k == &catalog_owned_kind);
	return object == (uintptr_t)key;
}

const struct pmap_kind catalog_owned_kind = { .hash = owned_hash, .is = owned_is };

const struct queue_record *catalog_owned_next(struct pmap_walk *w, uint64_t owner)
{
	uint64_t from = catalog_owned_from(owner);
	for (uintptr_t object; (object = pmap_walk_next(w));) {
		const struct queue_record *q = (const struct queue_record *)object;
		must(q->owner != 0);
		if (q->owner == owner)
			return q;
		if (catalog_owned_from(q->owner) != from)
			return NULL;
	}
	return NULL;
}

/* Look-ups. */

uint64_t catalog_version(const struct catalog_view *v)
{
	must(v != NULL);
	return v->version;
}

const struct exchange *catalog_exchange(const struct catalog_view *v, uint16_t vhost,
					struct slice name)
{
	struct pmap_kind kind = catalog_exchange_kind(v->key);
	struct catalog_key key = { name, vhost };
	must(v->exchanges.n > 0);
	uint64_t hash = catalog_key_hash(v->key, vhost, name);
	return (const struct exchange *)pmap_find(&v->exchanges, &kind, hash, &key);
}

const struct queue_record *catalog_queue(const struct catalog_view *v, uint16_t vhost,
					 struct slice name)
{
	struct pmap_kind kind = catalog_queue_kind(v->key);
	struct catalog_key key = { name, vhost };
	must(v->queues.n == v->queue_ids.n);
	uint64_t hash = catalog_key_hash(v->key, vhost, name);
	return (const struct queue_record *)pmap_find(&v->queues, &kind, hash, &key);
}

const struct queue_record *catalog_queue_by_id(const struct catalog_view *v, uint64_t id)
{
	must(v->queue_next > v->queue_ids.n);
	const struct pmap_kind *kind = &catalog_queue_id_kind;
	return (const struct queue_record *)pmap_find(&v->queue_ids, kind, id, &id);
}

const struct exchange_name *catalog_exchange_name(const struct catalog_view *v, uint64_t id)
{
	const struct pmap_kind *kind = &catalog_exchange_name_kind;
	must(id != 0 && id < EXCHANGE_ID_VOLATILE);
	return (const struct exchange_name *)pmap_find(&v->exchange_names, kind, id, &id);
}

const struct queue_record *catalog_queue_after(const struct catalog_view *v, uint64_t id)
{
	struct pmap_walk w;
	must(id < UINT64_MAX);
	pmap_walk_from(&w, &v->queue_ids, &catalog_queue_id_kind, id + 1);
	return (const struct queue_record *)pmap_walk_next(&w);
}

enum err catalog_vhost(const struct catalog_view *v, struct slice name, uint16_t *out_vhost)
{
	const struct fact *f = catalog_fact(v, FACT_VHOST, name, SLICE_EMPTY, SLICE_EMPTY);
	must(v->vhosts->n > 0);
	if (!f && !slice_eq(v->vhosts->name[0], name))
		return ERR_NOT_FOUND;
	*out_vhost = f ? f->number : 0; /* the first one need not be a fact yet */
	return v->vhosts->name[*out_vhost].p ? ERR_OK : ERR_NOT_FOUND;
}

struct slice catalog_vhost_name(const struct catalog_view *v, uint16_t vhost)
{
	must(v->vhosts->n > 0);
	return vhost < v->vhosts->n ? v->vhosts->name[vhost] : SLICE_EMPTY;
}

/* The bindings of one queue. */

static uintptr_t bound_find(const struct catalog_view *v, uint64_t queue)
{
	must(queue != 0);
	return pmap_find(&v->bound, &catalog_bound_kind, queue, &queue);
}

uint32_t catalog_bound_n(const struct catalog_view *v, uint64_t queue)
{
	uintptr_t object = bound_find(v, queue);
	must_if(object & BOUND, bound_of(object)->bindings.n > 1);
	return object & BOUND ? bound_of(object)->bindings.n : object != 0;
}

uint32_t catalog_bound_level(const struct catalog_view *v, uint64_t queue)
{
	uintptr_t object = bound_find(v, queue);
	must_if(object & BOUND, bound_of(object)->level <= BOUND_LEVEL_MAX);
	return object & BOUND ? bound_of(object)->level : 0;
}

void catalog_bound_walk(struct pmap_walk *w, const struct catalog_view *v, uint64_t queue,
			uint64_t from_hash)
{
	uintptr_t object = bound_find(v, queue);
	struct pmap one = { object, object != 0, 60 };
	must(v->bound.n <= v->queue_ids.n);
	const struct pmap *m = object & BOUND ? &bound_of(object)->bindings : &one;
	pmap_walk_from(w, m, &binding_kind, from_hash);
}

const struct binding *catalog_binding(const struct catalog_view *v, const struct binding_key *key)
{
	must(key->exchange != NULL);
	if (key->to_x)
		return (const struct binding *)pmap_find(&v->between, &catalog_between_kind,
							 catalog_between_hash(key), key);
	uintptr_t object = bound_find(v, key->to);
	struct pmap one = { object, object != 0, 60 };
	const struct pmap *m = object & BOUND ? &bound_of(object)->bindings : &one;
	return (const struct binding *)pmap_find(m, &binding_kind, binding_hash(key), key);
}

/* The bindings that lead to exchanges: the exchange's hash above, the binding's below. */

static uint64_t between_from(const struct exchange_name *to)
{
	must(to != NULL);
	return hash_u64(to->id, 0) >> 32 << 32;
}

uint64_t catalog_between_hash(const struct binding_key *key)
{
	must(key->to == (BINDING_TO_EXCHANGE | key->to_x->id));
	return between_from(key->to_x) | binding_hash(key) >> 32;
}

static uint64_t between_hash(const struct pmap_kind *k, uintptr_t object)
{
	struct binding_key key = binding_key_of((const struct binding *)object);
	must(k == &catalog_between_kind);
	return catalog_between_hash(&key);
}

static bool between_is(const struct pmap_kind *k, uintptr_t object, const void *key)
{
	must(k == &catalog_between_kind);
	return binding_kind.is(&binding_kind, object, key);
}

const struct pmap_kind catalog_between_kind = { .hash = between_hash, .is = between_is };

void catalog_between_walk(struct pmap_walk *w, const struct catalog_view *v,
			  const struct exchange_name *to)
{
	must(v->between.n >= v->between_logged.n);
	pmap_walk_from(w, &v->between, &catalog_between_kind, between_from(to));
}

const struct binding *catalog_between_next(struct pmap_walk *w, const struct exchange_name *to)
{
	for (uintptr_t object; (object = pmap_walk_next(w));) {
		const struct binding *b = (const struct binding *)object;
		const struct exchange_name *leads = binding_to_exchange(b);
		must(leads != NULL);
		if (leads == to)
			return b;
		if (between_from(leads) != between_from(to))
			return NULL;
	}
	return NULL;
}

struct ends catalog_ends(const struct catalog_view *v, const struct bind *b)
{
	must(b->exchange.n <= UINT8_MAX && b->queue.n <= UINT8_MAX);
	return (struct ends){
		.x = catalog_exchange(v, b->vhost, b->exchange),
		.queue = b->to_exchange ? NULL : catalog_queue(v, b->vhost, b->queue),
		.to = b->to_exchange ? catalog_exchange(v, b->vhost, b->queue) : NULL,
	};
}

struct binding_key catalog_ends_key(const struct ends *e, const struct bind *b)
{
	must(catalog_ends_both(e));
	return (struct binding_key){
		.to = e->to ? BINDING_TO_EXCHANGE | e->to->id : e->queue->id,
		.exchange = e->x->fixed,
		.key = b->key,
		.arguments = b->arguments,
		.to_x = e->to ? e->to->fixed : NULL,
	};
}
