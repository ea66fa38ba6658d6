#include "base/strmap.h"

#include "base/bits.h"

#define SLOTS_MIN 4

static size_t slots_n(const struct strmap *m)
{
	return m->slots ? m->mask + 1 : 0;
}

/* Names that fit: three quarters, so that a probe is short and always finds a free slot. */
static size_t room(const struct strmap *m)
{
	return slots_n(m) / 4 * 3;
}

static uint32_t hash_of(const struct strmap *m, struct slice name)
{
	return (uint32_t)hash_slice(m->key, name);
}

/* seek gives the slot of `name`, or the free one where it belongs. */
static struct strmap_slot *seek(const struct strmap *m, struct slice name, uint32_t hash)
{
	for (size_t i = hash & m->mask;; i = (i + 1) & m->mask) {
		struct strmap_slot *s = &m->slots[i];
		if (!s->value)
			return s;
		if (s->hash == hash && slice_eq(slice_of(s->p, s->len), name))
			return s;
	}
}

size_t strmap_bytes(size_t n)
{
	return pow2_up(max_size(SLOTS_MIN, ceil_div(n, 3) * 4)) * sizeof(struct strmap_slot);
}

void strmap_init(struct strmap *m, void *own_mem, size_t bytes, struct hash_key key)
{
	must((uintptr_t)own_mem % _Alignof(struct strmap_slot) == 0);
	*m = (struct strmap){ .key = key };
	if (!own_mem)
		return;
	must(bytes >= SLOTS_MIN * sizeof(struct strmap_slot));
	m->slots = own_mem;
	m->mask = pow2_down(bytes / sizeof(struct strmap_slot)) - 1;
	for (size_t i = 0; i <= m->mask; i++)
		m->slots[i].value = NULL;
}

void *strmap_grow(struct strmap *m, void *own_mem, size_t bytes, size_t *out_bytes)
{
	struct strmap old = *m;
	strmap_init(m, own_mem, bytes, old.key);
	must(old.n <= room(m));
	for (size_t i = 0; i < slots_n(&old); i++) {
		const struct strmap_slot *s = &old.slots[i];
		if (s->value)
			*seek(m, slice_of(s->p, s->len), s->hash) = *s;
	}
	m->n = old.n;
	*out_bytes = slots_n(&old) * sizeof(struct strmap_slot);
	return old.slots;
}

enum err strmap_make_room(struct strmap *m, struct mem *mem, const char *kind)
{
	if (!strmap_is_full(m))
		return ERR_OK;
	size_t bytes = max_size(SLOTS_MIN, slots_n(m) * 2) * sizeof(struct strmap_slot), old_bytes;
	void *block = mem_get(mem, bytes, kind);
	if (!block)
		return ERR_LIMIT;
	void *old = strmap_grow(m, block, bytes, &old_bytes);
	mem_put(mem, old, old_bytes);
	return ERR_OK;
}

void strmap_fini(struct strmap *m, struct mem *mem)
{
	mem_put(mem, m->slots, slots_n(m) * sizeof(struct strmap_slot));
	*m = (struct strmap){ .key = m->key };
}

void *strmap_get(const struct strmap *m, struct slice name)
{
	return m->n ? seek(m, name, hash_of(m, name))->value : NULL;
}

bool strmap_is_full(const struct strmap *m)
{
	return m->n == room(m);
}

void *strmap_put(struct strmap *m, struct slice name, void *value)
{
	must(value != NULL && m->slots != NULL && name.n <= UINT32_MAX);
	uint32_t hash = hash_of(m, name);
	struct strmap_slot *s = seek(m, name, hash);
	void *old = s->value;
	if (!old) {
		must(m->n < room(m));
		m->n++;
	}
	*s = (struct strmap_slot){ name.p, (uint32_t)name.n, hash, value };
	return old;
}

/* close_gap moves later names of the same run back over the free slot `gap`, each only if it
 * stays at or behind its home: then every probe still meets no free slot before its name. */
static void close_gap(struct strmap *m, size_t gap)
{
	for (size_t i = gap;;) {
		i = (i + 1) & m->mask;
		if (!m->slots[i].value)
			break;
		if (((i - m->slots[i].hash) & m->mask) >= ((i - gap) & m->mask)) {
			m->slots[gap] = m->slots[i];
			gap = i;
		}
	}
	m->slots[gap].value = NULL;
}

void *strmap_del(struct strmap *m, struct slice name)
{
	if (m->n == 0)
		return NULL;
	struct strmap_slot *s = seek(m, name, hash_of(m, name));
	void *old = s->value;
	if (old) {
		close_gap(m, (size_t)(s - m->slots));
		m->n--;
	}
	return old;
}

struct strmap_slot *strmap_next(const struct strmap *m, size_t *cursor)
{
	while (*cursor < slots_n(m)) {
		struct strmap_slot *s = &m->slots[(*cursor)++];
		if (s->value)
			return s;
	}
	return NULL;
}

void strmap_check(const struct strmap *m)
{
	size_t n = 0, cursor = 0;
	must_if(m->slots, is_pow2(m->mask + 1));
	must(m->n <= room(m));
	for (struct strmap_slot *s; (s = strmap_next(m, &cursor)); n++) {
		struct slice name = slice_of(s->p, s->len);
		must(s->hash == hash_of(m, name) && seek(m, name, s->hash) == s);
	}
	must(n == m->n);
}
