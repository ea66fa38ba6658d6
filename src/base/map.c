#include "base/map.h"

#include "base/bits.h"
#include "base/hash.h"

#define SLOTS_MIN 4

static size_t slots_n(const struct map *m)
{
	return m->slots ? m->mask + 1 : 0;
}

/* Entries that fit: seven eighths, so that a probe always finds a free slot, and that not far: it
 * looks at 4 slots for a key that is there and at 32 for one that is not, when it is as full as
 * that. */
static size_t room(const struct map *m)
{
	return slots_n(m) * 7 / 8;
}

static size_t home(const struct map *m, uint64_t key)
{
	return hash_u64(key, m->seed) & m->mask;
}

/* seek gives the slot of `key`, or the free one where it belongs. */
static struct map_slot *seek(const struct map *m, uint64_t key)
{
	size_t i = home(m, key);
	while (m->slots[i].key != key && m->slots[i].key != MAP_KEY_NONE)
		i = (i + 1) & m->mask;
	return &m->slots[i];
}

size_t map_bytes(size_t n)
{
	return pow2_up(max_size(SLOTS_MIN, ceil_div(n * 8, 7))) * sizeof(struct map_slot);
}

void map_init(struct map *m, void *own_mem, size_t bytes, uint64_t seed)
{
	must((uintptr_t)own_mem % _Alignof(struct map_slot) == 0);
	*m = (struct map){ .seed = seed };
	if (!own_mem)
		return;
	must(bytes >= SLOTS_MIN * sizeof(struct map_slot));
	m->slots = own_mem;
	m->mask = pow2_down(bytes / sizeof(struct map_slot)) - 1;
	map_clear(m);
}

void map_clear(struct map *m)
{
	m->n = 0;
	for (size_t i = 0; i < slots_n(m); i++)
		m->slots[i].key = MAP_KEY_NONE;
}

void *map_grow(struct map *m, void *own_mem, size_t bytes, size_t *out_bytes)
{
	struct map old = *m;
	map_init(m, own_mem, bytes, old.seed);
	must(old.n <= room(m));
	for (size_t i = 0; i < slots_n(&old); i++)
		if (old.slots[i].key != MAP_KEY_NONE)
			*seek(m, old.slots[i].key) = old.slots[i];
	m->n = old.n;
	*out_bytes = slots_n(&old) * sizeof(struct map_slot);
	return old.slots;
}

enum err map_make_room(struct map *m, struct mem *mem, const char *kind)
{
	if (!map_is_full(m))
		return ERR_OK;
	size_t bytes = max_size(SLOTS_MIN, slots_n(m) * 2) * sizeof(struct map_slot), old_bytes;
	void *block = mem_get(mem, bytes, kind);
	if (!block)
		return ERR_LIMIT;
	void *old = map_grow(m, block, bytes, &old_bytes);
	mem_put(mem, old, old_bytes);
	return ERR_OK;
}

void map_fini(struct map *m, struct mem *mem)
{
	mem_put(mem, m->slots, slots_n(m) * sizeof(struct map_slot));
	*m = (struct map){ 0 };
}

uint64_t *map_find(const struct map *m, uint64_t key)
{
	must(key != MAP_KEY_NONE);
	if (m->n == 0)
		return NULL;
	struct map_slot *s = seek(m, key);
	return s->key == key ? &s->value : NULL;
}

bool map_get(const struct map *m, uint64_t key, uint64_t *out_value)
{
	const uint64_t *value = map_find(m, key);
	if (value)
		*out_value = *value;
	return value != NULL;
}

bool map_is_full(const struct map *m)
{
	return m->n == room(m);
}

void map_put(struct map *m, uint64_t key, uint64_t value)
{
	must(key != MAP_KEY_NONE && m->slots != NULL);
	struct map_slot *s = seek(m, key);
	if (s->key != key) {
		must(m->n < room(m));
		m->n++;
	}
	*s = (struct map_slot){ key, value };
}

/* close_gap moves later entries of the same run back over the free slot `gap`, each only if it
 * stays at or behind its home: then every probe still meets no free slot before its key. */
static void close_gap(struct map *m, size_t gap)
{
	for (size_t i = gap;;) {
		i = (i + 1) & m->mask;
		if (m->slots[i].key == MAP_KEY_NONE)
			break;
		size_t from_home = (i - home(m, m->slots[i].key)) & m->mask;
		if (from_home >= ((i - gap) & m->mask)) {
			m->slots[gap] = m->slots[i];
			gap = i;
		}
	}
	m->slots[gap].key = MAP_KEY_NONE;
}

bool map_del(struct map *m, uint64_t key, uint64_t *out_value)
{
	must(key != MAP_KEY_NONE);
	if (m->n == 0)
		return false;
	struct map_slot *s = seek(m, key);
	if (s->key != key)
		return false;
	if (out_value)
		*out_value = s->value;
	close_gap(m, (size_t)(s - m->slots));
	m->n--;
	return true;
}

struct map_slot *map_next(const struct map *m, size_t *cursor)
{
	while (*cursor < slots_n(m)) {
		struct map_slot *s = &m->slots[(*cursor)++];
		if (s->key != MAP_KEY_NONE)
			return s;
	}
	return NULL;
}

void map_check(const struct map *m)
{
	size_t n = 0, cursor = 0;
	must_if(m->slots, is_pow2(m->mask + 1));
	must(m->n <= room(m));
	for (struct map_slot *s; (s = map_next(m, &cursor)); n++)
		must(seek(m, s->key) == s);
	must(n == m->n);
}
