#include "core/exchange_set.h"

#include "base/hash.h"
#include "base/must.h"
#include "core/catalog.h"

#include <string.h>

struct exchange_set {
	uint64_t birth;
	struct pmap bindings;
	uint32_t key_len;
	uint8_t key[];
};

static struct exchange_set *set_of(uintptr_t place)
{
	must((place & EXCHANGE_TAGS) == EXCHANGE_SET);
	return (struct exchange_set *)(place - EXCHANGE_SET);
}

static const struct binding *binding_of(uintptr_t place)
{
	must(place != 0 && (place & EXCHANGE_TAGS) == 0);
	return (const struct binding *)place;
}

static bool is_set(uintptr_t place)
{
	return place & EXCHANGE_SET;
}
static size_t set_bytes(uint32_t key_len)
{
	return sizeof(struct exchange_set) + key_len;
}

uint64_t binding_hash(const struct binding_key *key)
{
	struct hash_key fixed = { 0x676f64776974, key->to };
	if (key->to_x)
		fixed.k1 = hash_slice((struct hash_key){ fixed.k0, key->to_x->vhost },
				      exchange_name_slice(key->to_x));
	uint64_t name = hash_slice(fixed, exchange_name_slice(key->exchange));
	uint64_t hash = hash_slice((struct hash_key){ name, key->arguments.n }, key->key);
	return key->arguments.n ? hash_slice((struct hash_key){ name, hash }, key->arguments)
				: hash;
}

bool binding_is_durable(const struct binding *b)
{
	must(b->exchange != NULL);
	return b->flags & QUEUE_DURABLE && b->exchange->flags & EXCHANGE_DURABLE;
}

static size_t bytes_of(uint64_t to, size_t key_and_arguments)
{
	size_t pointer = to & BINDING_TO_EXCHANGE ? sizeof(struct exchange_name *) : 0;
	return sizeof(struct binding) + key_and_arguments + pointer;
}

struct binding *binding_new(struct pmap_edit *e, const struct binding_key *key, uint16_t shard,
			    uint16_t flags)
{
	must(key->key.n <= UINT8_MAX && key->arguments.n <= UINT16_MAX && key->to != 0);
	must((key->to_x != NULL) == ((key->to & BINDING_TO_EXCHANGE) != 0));
	struct binding *b = pmap_alloc(e, bytes_of(key->to, key->key.n + key->arguments.n),
				       "catalog binding");
	*b = (struct binding){
		.to = key->to,
		.exchange = key->exchange,
		.shard = shard,
		.flags = flags,
		.key_len = (uint8_t)key->key.n,
		.arguments_len = (uint16_t)key->arguments.n,
	};
	if (key->key.n)
		memcpy(b->bytes, key->key.p, key->key.n);
	if (key->arguments.n)
		memcpy(b->bytes + key->key.n, key->arguments.p, key->arguments.n);
	if (key->to_x)
		memcpy(b->bytes + key->key.n + key->arguments.n, &key->to_x, sizeof key->to_x);
	return b;
}

void binding_retire(struct pmap_edit *e, const struct binding *own_b)
{
	must(own_b->to != 0);
	pmap_retire(e, own_b, bytes_of(own_b->to, own_b->key_len + own_b->arguments_len), 0);
}

struct binding_key binding_key_of(const struct binding *b)
{
	return (struct binding_key){ b->to, b->exchange, binding_key_slice(b), binding_arguments(b),
				     binding_to_exchange(b) };
}

static uint64_t kind_hash(const struct pmap_kind *k, uintptr_t object)
{
	struct binding_key key = binding_key_of(binding_of(object));
	must(k == &binding_kind);
	return binding_hash(&key);
}

static bool kind_is(const struct pmap_kind *k, uintptr_t object, const void *key)
{
	const struct binding *b = binding_of(object);
	const struct binding_key *want = key;
	must(k == &binding_kind);
	return b->to == want->to && b->exchange == want->exchange &&
	       slice_eq(binding_key_slice(b), want->key) &&
	       slice_eq(binding_arguments(b), want->arguments);
}

const struct pmap_kind binding_kind = { .hash = kind_hash, .is = kind_is };

struct slice exchange_set_key(uintptr_t place)
{
	must(place != 0);
	if (!is_set(place))
		return binding_key_slice(binding_of(place));
	return slice_of(set_of(place)->key, set_of(place)->key_len);
}

static struct exchange_set *set_new(struct pmap_edit *e, struct pmap bindings, struct slice key)
{
	must(key.n <= UINT8_MAX);
	struct exchange_set *s = pmap_alloc(e, set_bytes((uint32_t)key.n), "catalog set");
	*s = (struct exchange_set){ .birth = e->version,
				    .bindings = bindings,
				    .key_len = (uint32_t)key.n };
	if (key.n)
		memcpy(s->key, key.p, key.n);
	return s;
}

static void set_retire(struct pmap_edit *e, const struct exchange_set *own_s)
{
	must(own_s->birth > 0);
	pmap_retire(e, own_s, set_bytes(own_s->key_len), own_s->birth);
}

static struct exchange_set *set_edit(struct pmap_edit *e, struct exchange_set *s)
{
	must(s->bindings.n > 1 && s->birth <= e->version);
	if (s->birth == e->version)
		return s;
	struct exchange_set *copy = set_new(e, s->bindings, slice_of(s->key, s->key_len));
	set_retire(e, s);
	return copy;
}

static void set_put(struct pmap_edit *e, struct exchange_set *s, const struct binding *b)
{
	struct binding_key key = binding_key_of(b);
	must(pmap_put(&s->bindings, e, &binding_kind, binding_hash(&key), &key, (uintptr_t)b) == 0);
}

uintptr_t exchange_set_add(struct pmap_edit *e, uintptr_t place, const struct binding *b)
{
	must(((uintptr_t)b & EXCHANGE_TAGS) == 0);
	if (place == 0)
		return (uintptr_t)b;
	struct exchange_set *s;
	if (is_set(place)) {
		s = set_edit(e, set_of(place));
	} else {
		s = set_new(e, PMAP_HASHED, exchange_set_key(place));
		set_put(e, s, binding_of(place));
	}
	set_put(e, s, b);
	return (uintptr_t)s + EXCHANGE_SET;
}

uintptr_t exchange_set_del(struct pmap_edit *e, uintptr_t place, const struct binding *b)
{
	if (!is_set(place)) {
		must(binding_of(place) == b);
		return 0;
	}
	struct exchange_set *s = set_edit(e, set_of(place));
	struct binding_key key = binding_key_of(b);
	must(pmap_del(&s->bindings, e, &binding_kind, binding_hash(&key), &key) == (uintptr_t)b);
	must(s->bindings.n > 0);
	if (s->bindings.n > 1)
		return (uintptr_t)s + EXCHANGE_SET;
	uintptr_t left = pmap_first(&s->bindings);
	pmap_clear(&s->bindings, e);
	set_retire(e, s);
	return left;
}

uint32_t exchange_set_n(uintptr_t place)
{
	must((place & EXCHANGE_FORK) == 0);
	return is_set(place) ? set_of(place)->bindings.n : place != 0;
}

bool exchange_set_has(uintptr_t place, const struct binding *b)
{
	must(b != NULL);
	if (!is_set(place))
		return place == (uintptr_t)b;
	struct binding_key key = binding_key_of(b);
	const struct pmap *m = &set_of(place)->bindings;
	return pmap_find(m, &binding_kind, binding_hash(&key), &key) == (uintptr_t)b;
}

const struct binding *exchange_set_any(uintptr_t place)
{
	return binding_of(is_set(place) ? pmap_first(&set_of(place)->bindings) : place);
}

void exchange_set_walk(struct pmap_walk *w, uintptr_t place)
{
	struct pmap one = { place, place != 0, 0 };
	must((place & EXCHANGE_FORK) == 0);
	pmap_walk(w, is_set(place) ? &set_of(place)->bindings : &one);
}

void exchange_set_drop(struct pmap_edit *e, uintptr_t place)
{
	if (!is_set(place))
		return;
	struct pmap nodes = set_of(place)->bindings;
	must(nodes.n > 1);
	pmap_clear(&nodes, e);
	set_retire(e, set_of(place));
}
