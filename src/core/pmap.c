#include "core/pmap.h"

#include "base/must.h"

#include <string.h>

struct pmap_node {
	uint64_t birth;
	uint32_t bits; /* which digits have a slot; 0: objects whose hashes are equal */
	uint32_t n;
	uintptr_t at[];
};

#define DIGIT_BITS   5
#define DIGITS       32u
#define SHIFT_MAX    60u
#define GARBAGE_KEPT 256u /* rows of room that a quiet catalog keeps */

struct pmap_garbage {
	void *p;
	size_t bytes;
	uint64_t version;
};

void pmap_edit_init(struct pmap_edit *e, struct mem *mem)
{
	must(mem != NULL);
	*e = (struct pmap_edit){ .mem = mem, .version = 1 };
	cells_init(&e->cells, mem);
	deque_init(&e->garbage, sizeof(struct pmap_garbage), "catalog garbage");
}

void pmap_edit_fini(struct pmap_edit *e)
{
	pmap_collect(e, UINT64_MAX);
	must(e->garbage_bytes == 0);
	deque_fini(&e->garbage, e->mem);
	cells_fini(&e->cells);
}

void *pmap_alloc(struct pmap_edit *e, size_t bytes, const char *kind)
{
	void *p = cells_get(&e->cells, bytes, kind);
	must(p != NULL);
	return p;
}

void pmap_retire(struct pmap_edit *e, const void *own_p, size_t bytes, uint64_t birth)
{
	struct pmap_garbage g = { (void *)(uintptr_t)own_p, bytes, e->version };
	if (birth >= e->version) {
		cells_put(&e->cells, g.p, bytes);
		return;
	}
	must(deque_push(&e->garbage, e->mem, &g) == ERR_OK);
	e->garbage_bytes += bytes;
}

void pmap_collect(struct pmap_edit *e, uint64_t seen)
{
	struct pmap_garbage *g;
	while ((g = deque_peek(&e->garbage)) && g->version <= seen) {
		cells_put(&e->cells, g->p, g->bytes);
		must(e->garbage_bytes >= g->bytes);
		e->garbage_bytes -= g->bytes;
		(void)deque_pop(&e->garbage, NULL);
	}
	if (e->garbage.cap > GARBAGE_KEPT)
		deque_trim(&e->garbage, e->mem);
}

static bool is_node(uintptr_t at)
{
	return at & PMAP_NODE;
}
static struct pmap_node *node_of(uintptr_t at)
{
	must(is_node(at));
	return (struct pmap_node *)(at - PMAP_NODE);
}
static uintptr_t tagged(const struct pmap_node *node)
{
	return (uintptr_t)node + PMAP_NODE;
}
static size_t node_bytes(uint32_t n)
{
	return sizeof(struct pmap_node) + n * sizeof(uintptr_t);
}

static uint32_t count_bits(uint32_t v)
{
	v -= v >> 1 & 0x55555555u;
	v = (v & 0x33333333u) + (v >> 2 & 0x33333333u);
	return ((v + (v >> 4)) & 0x0f0f0f0fu) * 0x01010101u >> 24;
}

/* The digit of a hash that chooses in a node `shift` bits up, as a bit. */
static uint32_t digit(uint64_t hash, int shift)
{
	return UINT32_C(1) << (hash >> shift & (DIGITS - 1));
}

static uint32_t place(const struct pmap_node *node, uint32_t bit)
{
	return count_bits(node->bits & (bit - 1));
}

static struct pmap_node *node_new(struct pmap_edit *e, uint32_t bits, uint32_t n)
{
	struct pmap_node *node = pmap_alloc(e, node_bytes(n), "catalog map");
	must(((uintptr_t)node & PMAP_NODE) == 0);
	*node = (struct pmap_node){ .birth = e->version, .bits = bits, .n = n };
	return node;
}

static void node_retire(struct pmap_edit *e, const struct pmap_node *own_node)
{
	must(own_node->n > 0);
	pmap_retire(e, own_node, node_bytes(own_node->n), own_node->birth);
}

/* The node with slot i changed: itself if nobody has seen it yet. */
static uintptr_t node_set(struct pmap_edit *e, struct pmap_node *node, uint32_t i, uintptr_t to)
{
	must(i < node->n);
	if (node->birth != e->version) {
		struct pmap_node *copy = node_new(e, node->bits, node->n);
		memcpy(copy->at, node->at, node->n * sizeof node->at[0]);
		node_retire(e, node);
		node = copy;
	}
	node->at[i] = to;
	return tagged(node);
}

static uintptr_t node_with(struct pmap_edit *e, struct pmap_node *node, uint32_t i, uint32_t bit,
			   uintptr_t object)
{
	must(i <= node->n && (node->bits & bit) == 0);
	struct pmap_node *copy = node_new(e, node->bits | bit, node->n + 1);
	memcpy(copy->at, node->at, i * sizeof node->at[0]);
	copy->at[i] = object;
	memcpy(copy->at + i + 1, node->at + i, (node->n - i) * sizeof node->at[0]);
	node_retire(e, node);
	return tagged(copy);
}

/* The node without slot i; a single object that is left takes the node's place. */
static uintptr_t node_without(struct pmap_edit *e, struct pmap_node *node, uint32_t i, uint32_t bit)
{
	must(i < node->n);
	uintptr_t left = 0;
	if (node->n == 2 && !is_node(node->at[1 - i])) {
		left = node->at[1 - i];
	} else if (node->n > 1) {
		struct pmap_node *copy = node_new(e, node->bits & ~bit, node->n - 1);
		memcpy(copy->at, node->at, i * sizeof node->at[0]);
		memcpy(copy->at + i, node->at + i + 1, (node->n - i - 1) * sizeof node->at[0]);
		left = tagged(copy);
	}
	node_retire(e, node);
	return left;
}

static bool out_of_range(const struct pmap *m, uint64_t hash)
{
	return m->shift < SHIFT_MAX && hash >> (m->shift + DIGIT_BITS) != 0;
}

static uint32_t colliding(const struct pmap_node *node, const struct pmap_kind *k, const void *key)
{
	uint32_t i = 0;
	must(node->bits == 0);
	while (i < node->n && !k->is(k, node->at[i], key))
		i++;
	return i;
}

uintptr_t pmap_find(const struct pmap *m, const struct pmap_kind *k, uint64_t hash, const void *key)
{
	uintptr_t at = m->root;
	if (out_of_range(m, hash))
		return 0;
	for (int shift = (int)m->shift; is_node(at); shift -= DIGIT_BITS) {
		const struct pmap_node *node = node_of(at);
		if (shift < 0) {
			uint32_t i = colliding(node, k, key);
			return i < node->n ? node->at[i] : 0;
		}
		uint32_t bit = digit(hash, shift);
		if (!(node->bits & bit))
			return 0;
		at = node->at[place(node, bit)];
	}
	return at && k->is(k, at, key) ? at : 0;
}

/* One change on its way down. */
struct change {
	struct pmap_edit *e;
	const struct pmap_kind *k;
	uint64_t hash;
	const void *key;
	uintptr_t object; /* to be entered */
	uintptr_t old;    /* what was there */
};

/* The smallest tree that holds an object with another hash and the new one. */
static uintptr_t pair(struct change *c, uintptr_t other, uint64_t other_hash, int shift)
{
	if (shift < 0) {
		struct pmap_node *node = node_new(c->e, 0, 2);
		must(other_hash == c->hash);
		node->at[0] = other;
		node->at[1] = c->object;
		return tagged(node);
	}
	must(other != 0);
	uint32_t mine = digit(c->hash, shift), its = digit(other_hash, shift);
	struct pmap_node *node = node_new(c->e, mine | its, mine == its ? 1 : 2);
	if (mine == its) {
		node->at[0] = pair(c, other, other_hash, shift - DIGIT_BITS);
	} else {
		node->at[mine > its] = c->object;
		node->at[mine < its] = other;
	}
	return tagged(node);
}

static uintptr_t put_at(struct change *c, uintptr_t at, int shift)
{
	must(shift >= -DIGIT_BITS);
	if (at == 0)
		return c->object;
	if (!is_node(at)) {
		if (!c->k->is(c->k, at, c->key))
			return pair(c, at, c->k->hash(c->k, at), shift);
		c->old = at;
		return c->object;
	}
	struct pmap_node *node = node_of(at);
	if (shift < 0) {
		uint32_t i = colliding(node, c->k, c->key);
		if (i == node->n)
			return node_with(c->e, node, i, 0, c->object);
		c->old = node->at[i];
		return node_set(c->e, node, i, c->object);
	}
	uint32_t bit = digit(c->hash, shift), i = place(node, bit);
	if (!(node->bits & bit))
		return node_with(c->e, node, i, bit, c->object);
	uintptr_t child = put_at(c, node->at[i], shift - DIGIT_BITS);
	return child == node->at[i] ? at : node_set(c->e, node, i, child);
}

/* A map of ids grows upwards: the old root becomes the lowest of a higher one. */
static void raise_root(struct pmap *m, struct pmap_edit *e, uint64_t hash)
{
	while (out_of_range(m, hash)) {
		if (is_node(m->root)) {
			struct pmap_node *node = node_new(e, 1, 1);
			node->at[0] = m->root;
			m->root = tagged(node);
		}
		m->shift += DIGIT_BITS;
		must(m->shift <= SHIFT_MAX);
	}
}

uintptr_t pmap_put(struct pmap *m, struct pmap_edit *e, const struct pmap_kind *k, uint64_t hash,
		   const void *key, uintptr_t object)
{
	struct change c = { .e = e, .k = k, .hash = hash, .key = key, .object = object };
	must(object != 0 && !is_node(object) && m->n < UINT32_MAX);
	raise_root(m, e, hash);
	m->root = put_at(&c, m->root, (int)m->shift);
	m->n += c.old == 0;
	return c.old;
}

static uintptr_t del_at(struct change *c, uintptr_t at, int shift)
{
	must(shift >= -DIGIT_BITS);
	if (!is_node(at)) {
		if (at == 0 || !c->k->is(c->k, at, c->key))
			return at;
		c->old = at;
		return 0;
	}
	struct pmap_node *node = node_of(at);
	if (shift < 0) {
		uint32_t i = colliding(node, c->k, c->key);
		if (i == node->n)
			return at;
		c->old = node->at[i];
		return node_without(c->e, node, i, 0);
	}
	uint32_t bit = digit(c->hash, shift), i = place(node, bit);
	if (!(node->bits & bit))
		return at;
	uintptr_t child = del_at(c, node->at[i], shift - DIGIT_BITS);
	if (child == node->at[i])
		return at;
	if (child == 0)
		return node_without(c->e, node, i, bit);
	if (is_node(child) || node->n > 1)
		return node_set(c->e, node, i, child);
	node_retire(c->e, node);
	return child;
}

uintptr_t pmap_del(struct pmap *m, struct pmap_edit *e, const struct pmap_kind *k, uint64_t hash,
		   const void *key)
{
	struct change c = { .e = e, .k = k, .hash = hash, .key = key };
	if (out_of_range(m, hash))
		return 0;
	m->root = del_at(&c, m->root, (int)m->shift);
	must_if(c.old != 0, m->n > 0);
	m->n -= c.old != 0;
	return c.old;
}

static bool is_itself(const struct pmap_kind *k, uintptr_t object, const void *key)
{
	must(k->hash == NULL);
	return object == (uintptr_t)key;
}

void pmap_swap(struct pmap *m, struct pmap_edit *e, uint64_t hash, uintptr_t old, uintptr_t to)
{
	static const struct pmap_kind itself = { .is = is_itself };
	must(old != 0 && old != to);
	uintptr_t found = to ? pmap_put(m, e, &itself, hash, (const void *)old, to)
			     : pmap_del(m, e, &itself, hash, (const void *)old);
	must(found == old);
}

uintptr_t pmap_first(const struct pmap *m)
{
	uintptr_t at = m->root;
	must((at == 0) == (m->n == 0));
	while (is_node(at))
		at = node_of(at)->at[0];
	return at;
}

static void clear_at(struct pmap_edit *e, uintptr_t at)
{
	if (!is_node(at))
		return;
	struct pmap_node *node = node_of(at);
	must(node->birth > 0 && node->n > 0);
	for (uint32_t i = 0; i < node->n; i++)
		clear_at(e, node->at[i]);
	node_retire(e, node);
}

void pmap_clear(struct pmap *m, struct pmap_edit *e)
{
	must((m->root == 0) == (m->n == 0));
	clear_at(e, m->root);
	m->root = 0;
	m->n = 0;
}

static void walk_down(struct pmap_walk *w, uintptr_t at, uint32_t from)
{
	w->depth++;
	must(w->depth < PMAP_DEPTH);
	w->node[w->depth] = node_of(at);
	w->at[w->depth] = from;
}

void pmap_walk(struct pmap_walk *w, const struct pmap *m)
{
	must((m->root == 0) == (m->n == 0));
	w->depth = -1;
	w->lone = is_node(m->root) ? 0 : m->root;
	if (is_node(m->root))
		walk_down(w, m->root, 0);
}

void pmap_walk_from(struct pmap_walk *w, const struct pmap *m, const struct pmap_kind *k,
		    uint64_t hash)
{
	uintptr_t at = out_of_range(m, hash) ? 0 : m->root;
	w->depth = -1;
	w->lone = 0;
	int shift = (int)m->shift;
	for (; is_node(at) && shift >= 0; shift -= DIGIT_BITS) {
		const struct pmap_node *node = node_of(at);
		uint32_t bit = digit(hash, shift), i = place(node, bit);
		walk_down(w, at, i);
		if (!(node->bits & bit))
			return;
		at = node->at[i];
		w->at[w->depth]++;
	}
	if (is_node(at))
		walk_down(w, at, 0); /* equal hashes: all of them or, below, none */
	uintptr_t object = is_node(at) ? node_of(at)->at[0] : at;
	bool is_behind = object && k->hash(k, object) < hash;
	if (is_node(at))
		w->at[w->depth] = is_behind ? node_of(at)->n : 0;
	else if (w->depth < 0)
		w->lone = is_behind ? 0 : object;
	else if (!is_behind)
		w->at[w->depth]--;
}

uintptr_t pmap_walk_next(struct pmap_walk *w)
{
	uintptr_t at = w->lone;
	must(w->depth < PMAP_DEPTH);
	w->lone = 0;
	while (w->depth >= 0 && !at) {
		const struct pmap_node *node = w->node[w->depth];
		uint32_t i = w->at[w->depth]++;
		if (i == node->n)
			w->depth--;
		else if (is_node(node->at[i]))
			walk_down(w, node->at[i], 0);
		else
			at = node->at[i];
	}
	return at;
}

static size_t bytes_at(uintptr_t at)
{
	if (!is_node(at))
		return 0;
	const struct pmap_node *node = node_of(at);
	size_t sum = node_bytes(node->n);
	must(node->n > 0);
	for (uint32_t i = 0; i < node->n; i++)
		sum += bytes_at(node->at[i]);
	return sum;
}

size_t pmap_bytes(const struct pmap *m)
{
	must(m->shift <= SHIFT_MAX);
	return bytes_at(m->root);
}

static void check_node(const struct pmap_node *node, int shift)
{
	must(node->birth > 0 && node->n > 0);
	must(shift < 0 ? node->bits == 0 && node->n > 1 : count_bits(node->bits) == node->n);
	must_if(node->n == 1, is_node(node->at[0]));
	for (uint32_t i = 0; i < node->n; i++) {
		must(node->at[i] != 0);
		if (is_node(node->at[i]))
			check_node(node_of(node->at[i]), shift - DIGIT_BITS);
	}
}

void pmap_check(const struct pmap *m, const struct pmap_kind *k)
{
	struct pmap_walk w;
	uint32_t n = 0;
	uint64_t last = 0;
	if (is_node(m->root))
		check_node(node_of(m->root), (int)m->shift);
	pmap_walk(&w, m);
	for (uintptr_t object; (object = pmap_walk_next(&w)); n++) {
		uint64_t hash = k->hash(k, object);
		must(hash >= last && !out_of_range(m, hash));
		last = hash;
	}
	must(n == m->n);
}
