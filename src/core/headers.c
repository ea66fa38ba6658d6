#include "core/headers.h"

#include "base/must.h"
#include "core/catalog_view.h"
#include "core/route.h"

/* What hangs under one hash. */
struct headers_place {
	uint64_t birth;
	uint64_t hash;
	uintptr_t bindings; /* a place (exchange_set.h) */
};

/* What a binding asks for. */
struct wish {
	const struct header_ops *ops;
	struct rd pairs;
	bool is_any, with_x;
};

static struct wish wish_of(const struct catalog_view *v, const struct binding *b)
{
	struct slice arguments = binding_arguments(b);
	struct wish w = { .ops = v->arguments };
	struct header match;
	must(b->exchange->kind == EXCHANGE_HEADERS);
	if (!w.ops)
		return w;
	w.pairs = w.ops->begin(arguments);
	if (!header_find(w.ops, arguments, slice_str("x-match"), &match))
		return w;
	bool any_x = slice_eq(match.octets, slice_str("any-with-x"));
	w.is_any = any_x || slice_eq(match.octets, slice_str("any"));
	w.with_x = any_x || slice_eq(match.octets, slice_str("all-with-x"));
	return w;
}

/* The next pair that counts; false: no more. */
static bool next_pair(struct wish *w, struct header *out)
{
	must(out != NULL);
	while (w->ops && w->ops->next(&w->pairs, out)) {
		bool is_x = slice_starts_with(out->name, slice_str("x-"));
		if (!is_x || (w->with_x && !slice_eq(out->name, slice_str("x-match"))))
			return true;
	}
	return false;
}

static uint64_t pair_hash(struct hash_key key, const struct header *h)
{
	must(h->name.n <= UINT8_MAX);
	return h->class == HEADER_VOID ? header_name_hash(key, h) : header_hash(key, h);
}

/* ---- places ---- */

static struct headers_place *place_of(uintptr_t object)
{
	must(object != 0 && (object & EXCHANGE_TAGS) == 0);
	return (struct headers_place *)object;
}

static uint64_t place_hash(const struct pmap_kind *k, uintptr_t object)
{
	must(k->at == 0);
	return place_of(object)->hash;
}

static bool place_is(const struct pmap_kind *k, uintptr_t object, const void *key)
{
	must(k->at == 0);
	return place_of(object)->hash == *(const uint64_t *)key;
}

static const struct pmap_kind place_kind = { .hash = place_hash, .is = place_is };

/* The bindings that hang under a hash; 0: none. */
static uintptr_t hanging(const struct exchange *x, uint64_t hash)
{
	uintptr_t at = pmap_find(&x->by_key, &place_kind, hash, &hash);
	must(x->kind == EXCHANGE_HEADERS);
	return at ? place_of(at)->bindings : 0;
}

/* Puts `bindings` in the place of what hangs under the hash; 0: nothing is left. */
static void hang(struct exchange *x, struct pmap_edit *e, uint64_t hash, uintptr_t bindings)
{
	uintptr_t at = pmap_find(&x->by_key, &place_kind, hash, &hash);
	struct headers_place *old = at ? place_of(at) : NULL, *p = NULL;
	must(old != NULL || bindings != 0);
	if (old && old->birth == e->version && bindings) {
		old->bindings = bindings;
		return;
	}
	if (bindings) {
		p = pmap_alloc(e, sizeof *p, "catalog headers");
		*p = (struct headers_place){ e->version, hash, bindings };
	}
	if (old)
		pmap_swap(&x->by_key, e, hash, at, (uintptr_t)p);
	else
		(void)pmap_put(&x->by_key, e, &place_kind, hash, &hash, (uintptr_t)p);
	if (old)
		pmap_retire(e, old, sizeof *old, old->birth);
}

static void hang_one(struct exchange *x, struct pmap_edit *e, uint64_t hash,
		     const struct binding *b)
{
	uintptr_t there = hanging(x, hash);
	must(b != NULL);
	if (!exchange_set_has(there, b)) /* a pair may be named twice */
		hang(x, e, hash, exchange_set_add(e, there, b));
}

void headers_bind(struct exchange *x, struct pmap_edit *e, const struct catalog_view *v,
		  const struct binding *b)
{
	struct wish w = wish_of(v, b);
	struct header pair;
	uint64_t best = 0;
	uint32_t fewest = UINT32_MAX;
	bool has_pair = false;
	must(x->version == e->version);
	while (next_pair(&w, &pair)) {
		uint64_t hash = pair_hash(v->key, &pair);
		has_pair = true;
		if (w.is_any) {
			hang_one(x, e, hash, b);
			continue;
		}
		uint32_t n = exchange_set_n(hanging(x, hash));
		best = n < fewest ? hash : best;
		fewest = n < fewest ? n : fewest;
	}
	if (!has_pair)
		x->root = exchange_set_add(e, x->root, b);
	else if (!w.is_any)
		hang_one(x, e, best, b);
}

void headers_unbind(struct exchange *x, struct pmap_edit *e, const struct catalog_view *v,
		    const struct binding *b)
{
	struct wish w = wish_of(v, b);
	struct header pair;
	bool was_found = false;
	must(x->version == e->version);
	while (next_pair(&w, &pair)) {
		uint64_t hash = pair_hash(v->key, &pair);
		uintptr_t there = hanging(x, hash);
		if (!exchange_set_has(there, b))
			continue;
		hang(x, e, hash, exchange_set_del(e, there, b));
		was_found = true;
	}
	if (!was_found)
		x->root = exchange_set_del(e, x->root, b);
}

const struct binding *headers_any(const struct exchange *x)
{
	must(x->bindings_n > 0);
	return exchange_set_any(x->root ? x->root : place_of(pmap_first(&x->by_key))->bindings);
}

void headers_drop(const struct exchange *x, struct pmap_edit *e)
{
	struct pmap_walk w;
	must(x->kind == EXCHANGE_HEADERS);
	pmap_walk(&w, &x->by_key);
	for (uintptr_t at; (at = pmap_walk_next(&w));) {
		struct headers_place *p = place_of(at);
		exchange_set_drop(e, p->bindings);
		pmap_retire(e, p, sizeof *p, p->birth);
	}
	exchange_set_drop(e, x->root);
}

/* ---- routing ---- */

#define SCANNED_MAX 16u /* so many headers are compared one by one */

struct header_kept {
	struct header header;
	uint64_t name_hash;
};

void headers_free(struct route *r)
{
	must(r->headers_n <= r->headers_cap);
	mem_put(r->mem, r->headers, r->headers_cap * sizeof r->headers[0]);
	mem_put(r->mem, r->header_names, r->names_cap * sizeof r->header_names[0]);
	r->headers = NULL;
	r->header_names = NULL;
	r->headers_n = r->headers_cap = r->names_cap = 0;
}

static bool keep(struct route *r, struct hash_key key, const struct header *h)
{
	must(r->headers_n <= r->headers_cap);
	if (r->headers_n == r->headers_cap) {
		uint32_t cap = r->headers_cap ? r->headers_cap * 2 : SCANNED_MAX;
		struct header_kept *to = mem_get(r->mem, cap * sizeof to[0], "route");
		if (!to)
			return false;
		if (r->headers_n)
			memcpy(to, r->headers, r->headers_n * sizeof to[0]);
		mem_put(r->mem, r->headers, r->headers_cap * sizeof to[0]);
		r->headers = to;
		r->headers_cap = cap;
	}
	r->headers[r->headers_n++] = (struct header_kept){ *h, header_name_hash(key, h) };
	return true;
}

/* The place for a name in the table of names: what is there is 1 + its place among the headers. */
static uint32_t *name_slot(const struct route *r, uint64_t name_hash, struct slice name)
{
	uint32_t mask = r->names_cap - 1, i = (uint32_t)name_hash & mask;
	must(r->headers_n < r->names_cap);
	while (r->header_names[i] &&
	       !slice_eq(r->headers[r->header_names[i] - 1].header.name, name))
		i = (i + 1) & mask;
	return &r->header_names[i];
}

/* Where a name occurs twice the first counts. */
static bool index_names(struct route *r)
{
	uint32_t cap = r->names_cap ? r->names_cap : 4 * SCANNED_MAX;
	while (cap < 2 * r->headers_n)
		cap *= 2;
	if (cap > r->names_cap) {
		uint32_t *to = mem_get(r->mem, cap * sizeof to[0], "route");
		if (!to)
			return false;
		mem_put(r->mem, r->header_names, r->names_cap * sizeof to[0]);
		r->header_names = to;
		r->names_cap = cap;
	}
	memset(r->header_names, 0, cap * sizeof r->header_names[0]);
	for (uint32_t i = 0; i < r->headers_n; i++) {
		const struct header_kept *k = &r->headers[i];
		uint32_t *slot = name_slot(r, k->name_hash, k->header.name);
		*slot = *slot ? *slot : i + 1;
	}
	return true;
}

/* Takes the message's headers apart. */
static void take_apart(struct hash_key key, const struct routing *m, struct route *r)
{
	struct header h;
	r->headers_n = 0;
	if (!m->headers)
		return;
	must(m->headers->begin && m->headers->next);
	struct rd at = m->headers->begin(m->props);
	while (!r->is_short && m->headers->next(&at, &h))
		r->is_short = !keep(r, key, &h);
	if (!r->is_short && r->headers_n > SCANNED_MAX)
		r->is_short = !index_names(r);
}

static const struct header *find(const struct route *r, struct hash_key key,
				 const struct header *pair)
{
	if (r->headers_n > SCANNED_MAX) {
		uint32_t at = *name_slot(r, header_name_hash(key, pair), pair->name);
		return at ? &r->headers[at - 1].header : NULL;
	}
	must(r->headers_n <= r->headers_cap);
	for (uint32_t i = 0; i < r->headers_n; i++)
		if (slice_eq(r->headers[i].header.name, pair->name))
			return &r->headers[i].header;
	return NULL;
}

static bool has(const struct route *r, struct hash_key key, const struct header *pair)
{
	const struct header *h = find(r, key, pair);
	must(pair->name.n <= UINT8_MAX);
	return h && (pair->class == HEADER_VOID || header_same(h, pair));
}

static bool matches(const struct catalog_view *v, const struct binding *b, const struct route *r)
{
	struct wish w = wish_of(v, b);
	struct header pair;
	must(b->exchange->kind == EXCHANGE_HEADERS);
	while (next_pair(&w, &pair))
		if (has(r, v->key, &pair) == w.is_any)
			return w.is_any;
	return !w.is_any;
}

static void look_at(const struct catalog_view *v, uintptr_t place, struct route *r)
{
	struct pmap_walk w;
	if (place == 0)
		return;
	must(r->mem != NULL);
	exchange_set_walk(&w, place);
	for (uintptr_t at; (at = pmap_walk_next(&w));)
		if (matches(v, (const struct binding *)at, r))
			route_add(r, at);
}

void headers_route(const struct catalog_view *v, const struct exchange *x, const struct routing *m,
		   struct route *r)
{
	must(x->kind == EXCHANGE_HEADERS);
	take_apart(v->key, m, r);
	if (r->is_short)
		return;
	look_at(v, x->root, r);
	for (uint32_t i = 0; i < r->headers_n && x->by_key.n > 0; i++) {
		const struct header *h = &r->headers[i].header;
		look_at(v, hanging(x, r->headers[i].name_hash), r);
		if (h->class != HEADER_VOID)
			look_at(v, hanging(x, header_hash(v->key, h)), r);
	}
}

void headers_check(const struct exchange *x)
{
	struct pmap_walk w;
	must(x->kind == EXCHANGE_HEADERS);
	pmap_check(&x->by_key, &place_kind);
	pmap_walk(&w, &x->by_key);
	for (uintptr_t at; (at = pmap_walk_next(&w));) {
		must(place_of(at)->bindings != 0 && exchange_set_n(place_of(at)->bindings) > 0);
		must(place_of(at)->birth <= x->version);
	}
}
