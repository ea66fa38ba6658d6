#include "core/spread.h"

#include "base/ablate.h"
#include "base/bits.h"
#include "base/byteorder.h"
#include "base/must.h"
#include "core/catalog_view.h"

#define FRACTION_BITS 24

static const struct hash_key fixed = { 0x676f64776974, 0x737072656164 };

enum err spread_weight(struct slice key, uint32_t *out_weight)
{
	bool is_negative = key.n > 0 && key.p[0] == '-';
	size_t first = is_negative || (key.n > 0 && key.p[0] == '+');
	uint64_t v = 0;
	must(out_weight != NULL);
	if (first == key.n)
		return ERR_MALFORMED;
	for (size_t i = first; i < key.n; i++) {
		if (key.p[i] < '0' || key.p[i] > '9')
			return ERR_MALFORMED;
		v = v > SPREAD_WEIGHT_MAX ? v : v * 10 + (uint64_t)(key.p[i] - '0');
	}
	if (is_negative || v == 0)
		return ERR_LIMIT;
	*out_weight = v < SPREAD_WEIGHT_MAX ? (uint32_t)v : SPREAD_WEIGHT_MAX;
	return ERR_OK;
}

bool spread_varies(const struct exchange *x)
{
	must(x->kind != EXCHANGE_HEADERS);
	switch (x->kind) {
	case EXCHANGE_RANDOM:
	case EXCHANGE_LOCAL_RANDOM: return true;
	case EXCHANGE_CONSISTENT_HASH: return x->arguments.n > 0;
	default: return false;
	}
}

/* The hash of the property that is meant; 0: the message does not have it. */
static uint64_t property_hash(const struct routing *m, struct slice name)
{
	static const char *const names[] = {
		[HEADER_MESSAGE_ID] = "message_id",
		[HEADER_CORRELATION_ID] = "correlation_id",
		[HEADER_TIMESTAMP] = "timestamp",
	};
	struct header h;
	uint8_t number[8];
	must(m->headers != NULL);
	for (int i = 0; i < (int)(sizeof names / sizeof names[0]); i++) {
		if (!names[i] || !slice_eq(name, slice_str(names[i])) || !m->headers->property ||
		    !m->headers->property(m->props, (enum header_property)i, &h))
			continue;
		if (i != HEADER_TIMESTAMP)
			return hash_slice(fixed, h.octets);
		store_be64(number, h.number);
		return hash_slice(fixed, slice_of(number, sizeof number));
	}
	return 0;
}

static uint64_t message_hash(const struct catalog_view *v, const struct exchange *x,
			     const struct routing *m)
{
	struct header by, h;
	must(x->kind == EXCHANGE_MODULUS_HASH || x->kind == EXCHANGE_CONSISTENT_HASH);
	if (x->kind == EXCHANGE_CONSISTENT_HASH && v->arguments && x->arguments.n > 0) {
		if (header_find(v->arguments, x->arguments, slice_str("hash-header"), &by))
			return m->headers && header_find(m->headers, m->props, by.octets, &h)
				       ? header_hash(fixed, &h)
				       : 0;
		if (header_find(v->arguments, x->arguments, slice_str("hash-property"), &by))
			return m->headers ? property_hash(m, by.octets) : 0;
	}
	return hash_slice(fixed, m->key);
}

/* How far `u`, a fraction of 2^64, is below 1: -log2(u), with FRACTION_BITS behind the point. */
static uint64_t distance(uint64_t u)
{
	u |= 1;
	unsigned whole = bits_highest(u);
	uint64_t x = (u << (63 - whole)) >> 32, log = whole; /* x: from 1 to 2, 31 bits behind it */
	for (int i = 0; i < FRACTION_BITS; i++) {
		x = x * x >> 31;
		log = log << 1 | x >> 32;
		x >>= x >> 32;
	}
	must(log < UINT64_C(64) << FRACTION_BITS);
	return (UINT64_C(64) << FRACTION_BITS) - log;
}

/* Where a binding leads, the same in every life. */
static uint64_t end_hash(const struct binding *b)
{
	const struct exchange_name *to = binding_to_exchange(b);
	must(b->to != 0);
	return to ? hash_slice(fixed, exchange_name_slice(to)) : hash_u64(b->to, fixed.k1);
}

static uintptr_t best_of(uintptr_t place, uint64_t hash)
{
	struct pmap_walk w;
	uintptr_t best = 0;
	uint64_t nearest = 0;
	uint32_t best_weight = 1;
	exchange_set_walk(&w, place);
	for (uintptr_t at; (at = pmap_walk_next(&w));) {
		const struct binding *b = (const struct binding *)at;
		uint32_t weight = 1;
		if (spread_weight(binding_key_slice(b), &weight) != ERR_OK)
			continue;
		uint64_t d = distance(hash_u64(hash ^ end_hash(b), fixed.k0));
		if (!best || d * best_weight < nearest * weight) {
			best = at;
			nearest = d;
			best_weight = weight;
		}
	}
	must(nearest < UINT64_C(65) << FRACTION_BITS);
	return best;
}

static uintptr_t nth_of(uintptr_t place, uint64_t n)
{
	struct pmap_walk w;
	must(n < exchange_set_n(place));
	exchange_set_walk(&w, place);
	uintptr_t at = pmap_walk_next(&w);
	while (n-- > 0)
		at = pmap_walk_next(&w);
	return at;
}

void spread_route(const struct catalog_view *v, const struct exchange *x, const struct routing *m,
		  struct route *r)
{
	uint32_t n = exchange_set_n(x->root);
	if (n == 0)
		return;
	must(x->by_key.n == 0);
	if (ABLATED(spread))
		route_add(r, x->root);
	else if (x->kind == EXCHANGE_CONSISTENT_HASH && !ABLATED(share))
		route_add(r, best_of(x->root, message_hash(v, x, m)));
	else if (x->kind == EXCHANGE_MODULUS_HASH || x->kind == EXCHANGE_CONSISTENT_HASH)
		route_add(r, nth_of(x->root, message_hash(v, x, m) % n));
	else
		route_add(r, nth_of(x->root, hash_u64(m->dice, fixed.k0) % n));
}
