#include "core/retain.h"

#include "base/bits.h"
#include "base/must.h"

/* A place where keys part. Bits are numbered from the first of the key on, 16 to a byte: the first
 * says whether there is such a byte, eight are the byte, the others are not used. Behind the words
 * is a byte that is not there, and then the number; so no key is the beginning of another. */
struct retain_node {
	uintptr_t child[2];
	uint32_t bit;
};

#define BIT_NONE    UINT32_MAX
#define BITS        16u
#define NUMBER_N    8u
#define IS_ENTRY    ((uintptr_t)1)
#define SLAB_BYTES  8192u
#define CLASS_BYTES 16u

/* ---- keys -------------------------------------------------------------------------------- */

void retain_fold(struct slice words, uint8_t *out)
{
	must(out != NULL || words.n == 0);
	for (size_t i = 0; i < words.n; i++) {
		uint8_t b = words.p[i];
		out[i] = b == '.' ? 0 : (uint8_t)(b + (b < '.'));
	}
}

void retain_unfold(struct slice folded, uint8_t *out)
{
	must(out != NULL || folded.n == 0);
	for (size_t i = 0; i < folded.n; i++) {
		uint8_t b = folded.p[i];
		out[i] = b == 0 ? '.' : (uint8_t)(b - (b <= '.'));
	}
}

static uint8_t number_byte(uint64_t number, uint32_t at)
{
	must(at < NUMBER_N);
	return (uint8_t)(number >> (8 * (NUMBER_N - 1 - at)));
}

static unsigned bit_of(struct retain_key k, uint32_t bit)
{
	uint32_t at = bit / BITS, in = bit % BITS;
	if (at < k.words.n)
		return in == 0 || k.words.p[at] >> (8 - in) & 1;
	at -= (uint32_t)k.words.n;
	must(in <= 8);
	if (at == 0 || at > NUMBER_N)
		return 0;
	return in == 0 || number_byte(k.number, at - 1) >> (8 - in) & 1;
}

/* The first bit in which two keys differ. */
static uint32_t parting(struct retain_key a, struct retain_key b)
{
	uint32_t n = (uint32_t)min_size(a.words.n, b.words.n), at = 0;
	while (at < n && a.words.p[at] == b.words.p[at])
		at++;
	if (at < n)
		return at * BITS + 8 - bits_highest(a.words.p[at] ^ b.words.p[at]);
	if (a.words.n != b.words.n)
		return at * BITS;
	if (a.number == b.number)
		return BIT_NONE;
	unsigned high = bits_highest(a.number ^ b.number);
	must(high < 64);
	return (n + 1 + (63 - high) / 8) * BITS + 8 - high % 8;
}

/* ---- the tree ---------------------------------------------------------------------------- */

static bool is_entry(uintptr_t at)
{
	return at & IS_ENTRY;
}
static struct retained *entry_of(uintptr_t at)
{
	must(at & IS_ENTRY);
	return (struct retained *)(at - IS_ENTRY);
}
static struct retain_node *node_of(uintptr_t at)
{
	must(at != 0 && !(at & IS_ENTRY));
	return (struct retain_node *)at;
}

/* An entry that shares as much with the key as any does. */
static struct retained *nearest(uintptr_t at, struct retain_key key)
{
	must(at != 0);
	while (!is_entry(at)) {
		const struct retain_node *n = node_of(at);
		at = n->child[bit_of(key, n->bit)];
	}
	return entry_of(at);
}

static struct retained *first_of(uintptr_t at)
{
	while (!is_entry(at))
		at = node_of(at)->child[0];
	return entry_of(at);
}

struct retained *retain_get(const struct retain *r, struct retain_key key)
{
	uintptr_t root = r->root[key.number != 0];
	if (!root)
		return NULL;
	const struct retained *e = nearest(root, key);
	must(e->slot < retain_slots(r));
	return parting(retained_key(e), key) == BIT_NONE ? retain_at(r, e->slot) : NULL;
}

struct retained *retain_from(const struct retain *r, struct retain_key key, bool is_numbered)
{
	uintptr_t at = r->root[is_numbered], behind = 0;
	if (!at)
		return NULL;
	struct retained *e = nearest(at, key);
	uint32_t bit = parting(retained_key(e), key);
	if (bit == BIT_NONE)
		return e;
	while (!is_entry(at) && node_of(at)->bit < bit) {
		const struct retain_node *n = node_of(at);
		unsigned side = bit_of(key, n->bit);
		if (side == 0)
			behind = n->child[1];
		at = n->child[side];
	}
	must(is_entry(at) || node_of(at)->bit > bit);
	if (bit_of(key, bit) == 0) /* all from here on are above it */
		return first_of(at);
	return behind ? first_of(behind) : NULL;
}

static uintptr_t *root_of(struct retain *r, struct retain_key key)
{
	return &r->root[key.number != 0];
}

/* Where a new key will part from those that are there; BIT_NONE: it is there. */
static uint32_t new_bit(const struct retain *r, struct retain_key key)
{
	uintptr_t root = r->root[key.number != 0];
	return root ? parting(retained_key(nearest(root, key)), key) : 0;
}

/* The link to what the key parts from at `bit`. */
static uintptr_t *link_at(struct retain *r, struct retain_key key, uint32_t bit)
{
	uintptr_t *link = root_of(r, key);
	while (!is_entry(*link) && node_of(*link)->bit < bit) {
		struct retain_node *n = node_of(*link);
		link = &n->child[bit_of(key, n->bit)];
	}
	must(is_entry(*link) || node_of(*link)->bit > bit);
	return link;
}

static void hang(struct retain *r, struct retained *e, uint32_t bit)
{
	uintptr_t own = (uintptr_t)e | IS_ENTRY;
	uintptr_t *root = root_of(r, retained_key(e));
	if (!*root) {
		*root = own;
		return;
	}
	enum err err = pool_make_room(&r->nodes, r->mem, SLAB_BYTES, "retained keys");
	must(err == ERR_OK && bit != BIT_NONE);
	struct retain_node *n = pool_take(&r->nodes);
	uintptr_t *link = link_at(r, retained_key(e), bit);
	unsigned side = bit_of(retained_key(e), bit);
	n->bit = bit;
	n->child[side] = own;
	n->child[1 - side] = *link;
	*link = (uintptr_t)n;
}

static void unhang(struct retain *r, const struct retained *e)
{
	uintptr_t *link = root_of(r, retained_key(e)), *above = NULL;
	unsigned side = 0;
	while (!is_entry(*link)) {
		struct retain_node *n = node_of(*link);
		side = bit_of(retained_key(e), n->bit);
		above = link;
		link = &n->child[side];
	}
	must(entry_of(*link) == e);
	if (!above) {
		*link = 0;
		return;
	}
	struct retain_node *n = node_of(*above);
	*above = n->child[1 - side];
	pool_put(&r->nodes, n);
}

/* ---- slots ------------------------------------------------------------------------------- */

static struct retain_page *page_new(struct retain *r)
{
	struct retain_page *p = mem_get(r->mem, sizeof *p, "retained pages");
	must(p != NULL);
	*p = (struct retain_page){ .of = r, .number = r->pages.n, .due = { .kind = DUE_RETAIN } };
	enum err err = deque_push(&r->pages, r->mem, &p);
	must(err == ERR_OK);
	list_push(&r->roomy, &p->roomy);
	return p;
}

static uint32_t free_slot(struct retain *r)
{
	if (list_is_empty(&r->roomy))
		(void)page_new(r);
	const struct retain_page *p = containerof(list_first(&r->roomy), struct retain_page, roomy);
	size_t in = bits_next_clear(p->used, RETAIN_PAGE_N, 0);
	must(in < RETAIN_PAGE_N && p->number < RETAIN_PAGES_MAX);
	return (uint32_t)(p->number * RETAIN_PAGE_N + in);
}

static void take_slot(struct retain *r, struct retained *e, uint32_t slot)
{
	struct retain_page *p = retain_page(r, slot / RETAIN_PAGE_N);
	must(!p->at[slot % RETAIN_PAGE_N]);
	p->at[slot % RETAIN_PAGE_N] = e;
	bits_set(p->used, slot % RETAIN_PAGE_N);
	e->slot = slot;
	if (++p->used_n == RETAIN_PAGE_N)
		list_remove(&p->roomy);
}

static void give_slot(struct retain *r, const struct retained *e)
{
	struct retain_page *p = retain_page_of(r, e);
	must(p->at[e->slot % RETAIN_PAGE_N] == e);
	p->at[e->slot % RETAIN_PAGE_N] = NULL;
	bits_clear(p->used, e->slot % RETAIN_PAGE_N);
	if (p->used_n-- == RETAIN_PAGE_N)
		list_push(&r->roomy, &p->roomy);
}

/* ---- entries ----------------------------------------------------------------------------- */

static struct pool *pool_of(struct retain *r, size_t words_n)
{
	must(words_n <= LIMIT_SHORTSTR);
	return &r->entries[(offsetof(struct retained, words) + words_n - 1) / CLASS_BYTES];
}

void retain_init(struct retain *r, struct queue *q, struct mem *mem)
{
	must(mem != NULL);
	*r = (struct retain){ .mem = mem, .queue = q };
	pool_init(&r->nodes, sizeof(struct retain_node), _Alignof(struct retain_node));
	for (size_t i = 0; i < RETAIN_CLASSES; i++)
		pool_init(&r->entries[i], (i + 1) * CLASS_BYTES, _Alignof(struct retained));
	deque_init(&r->pages, sizeof(struct retain_page *), "retained pages");
	list_init(&r->roomy);
}

void retain_fini(struct retain *r)
{
	struct retain_page *p;
	while (deque_pop(&r->pages, &p)) {
		must(!wheel_is_set(&p->due.timer));
		mem_put(r->mem, p, sizeof *p);
	}
	deque_fini(&r->pages, r->mem);
	pool_fini(&r->nodes, r->mem);
	for (size_t i = 0; i < RETAIN_CLASSES; i++)
		pool_fini(&r->entries[i], r->mem);
	r->root[0] = r->root[1] = 0;
	r->n = 0;
}

static struct retained *add(struct retain *r, struct retain_key key, uint32_t slot, uint32_t bit)
{
	struct pool *pool = pool_of(r, key.words.n);
	enum err err = pool_make_room(pool, r->mem, SLAB_BYTES, "retained");
	must(err == ERR_OK);
	struct retained *e = pool_take(pool);
	*e = (struct retained){ .number = key.number, .words_n = (uint8_t)key.words.n };
	if (key.words.n)
		memcpy(e->words, key.words.p, key.words.n);
	take_slot(r, e, slot);
	hang(r, e, bit);
	r->n++;
	return e;
}

struct retained *retain_add(struct retain *r, struct retain_key key)
{
	uint32_t bit = new_bit(r, key);
	must(bit != BIT_NONE);
	return add(r, key, free_slot(r), bit);
}

struct retained *retain_add_at(struct retain *r, struct retain_key key, uint64_t slot)
{
	uint32_t bit = new_bit(r, key);
	must(key.words.n <= LIMIT_SHORTSTR);
	if (bit == BIT_NONE || slot / RETAIN_PAGE_N >= RETAIN_PAGES_MAX)
		return NULL;
	while (retain_slots(r) <= slot)
		(void)page_new(r);
	return retain_at(r, slot) ? NULL : add(r, key, (uint32_t)slot, bit);
}

void retain_del(struct retain *r, struct retained *own_e)
{
	must(r->n > 0);
	unhang(r, own_e);
	give_slot(r, own_e);
	pool_put(pool_of(r, own_e->words_n), own_e);
	r->n--;
}

/* ---- checks ------------------------------------------------------------------------------ */

void retain_check(const struct retain *r)
{
	uint64_t n = 0, trees_n = (r->root[0] ? 1u : 0u) + (r->root[1] ? 1u : 0u);
	for (size_t i = 0; i < r->pages.n; i++) {
		const struct retain_page *p = retain_page(r, i);
		must(p->number == i && p->of == r);
		must(p->used_n == bits_count(p->used, RETAIN_PAGE_N));
		must(list_has_node(&p->roomy) == (p->used_n < RETAIN_PAGE_N));
		for (uint32_t k = 0; k < RETAIN_PAGE_N; k++) {
			const struct retained *e = p->at[k];
			must((e != NULL) == bits_test(p->used, k));
			if (!e)
				continue;
			must(e->slot == i * RETAIN_PAGE_N + k);
			must(retain_get(r, retained_key(e)) == e);
			must(!e->expiry_ms || p->expires_ms || e->flags & ENTRY_SETTLING);
		}
		n += p->used_n;
	}
	must(n == r->n && (n == 0) == (trees_n == 0));
	must(r->nodes.used_n == n - trees_n);
}
