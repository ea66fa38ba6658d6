#include "core/route.h"

#include "base/must.h"
#include "core/catalog_view.h"

#define SCANNED_MAX 8u /* so many keys are compared one by one */

void route_keys_init(struct route_keys *k, struct mem *mem)
{
	must(mem != NULL);
	*k = (struct route_keys){ .mem = mem };
}

void route_keys_fini(struct route_keys *k)
{
	must(k->n <= k->cap);
	if (k->slots)
		mem_put(k->mem, k->slots, 2 * k->cap * sizeof k->slots[0]);
	mem_put(k->mem, k->at, k->cap * sizeof k->at[0]);
	route_keys_init(k, k->mem);
}

/* The slot that has the key, or the free one where it belongs. */
static uint32_t *slot_of(const struct route_keys *k, const struct catalog_view *v, struct slice key)
{
	uint32_t mask = 2 * k->cap - 1;
	must(k->slots && k->n <= k->cap);
	uint32_t i = (uint32_t)hash_slice(v->key, key) & mask;
	while (k->slots[i] && !slice_eq(k->at[k->slots[i] - 1], key))
		i = (i + 1) & mask;
	return &k->slots[i];
}

static bool grow(struct route_keys *k, const struct catalog_view *v)
{
	struct route_keys more = { .mem = k->mem, .n = k->n, .cap = k->cap ? 2 * k->cap : 8 };
	must(k->n == k->cap);
	more.at = mem_get(k->mem, more.cap * sizeof more.at[0], "keys");
	if (more.at && more.cap > SCANNED_MAX) {
		more.slots = mem_get(k->mem, 2 * more.cap * sizeof more.slots[0], "keys");
		if (!more.slots) {
			mem_put(k->mem, more.at, more.cap * sizeof more.at[0]);
			more.at = NULL;
		}
	}
	if (!more.at)
		return false;
	if (k->n)
		memcpy(more.at, k->at, k->n * sizeof k->at[0]);
	if (more.slots)
		memset(more.slots, 0, 2 * more.cap * sizeof more.slots[0]);
	for (uint32_t i = 0; more.slots && i < more.n; i++)
		*slot_of(&more, v, more.at[i]) = i + 1;
	route_keys_fini(k);
	*k = more;
	return true;
}

static bool is_there(const struct route_keys *k, const struct catalog_view *v, struct slice key)
{
	if (k->slots)
		return *slot_of(k, v, key) != 0;
	must(k->n <= SCANNED_MAX);
	for (uint32_t i = 0; i < k->n; i++)
		if (slice_eq(k->at[i], key))
			return true;
	return false;
}

bool route_keys_add(struct route_keys *k, const struct catalog_view *v, struct slice key)
{
	must(k->mem != NULL);
	if (is_there(k, v, key))
		return true;
	if (k->n == k->cap && !grow(k, v))
		return false;
	if (k->slots)
		*slot_of(k, v, key) = k->n + 1;
	k->at[k->n++] = key;
	return true;
}

void route_keys_more(const struct route_keys *k, struct routing *m)
{
	must(k->n > 0 && slice_eq(k->at[0], m->key));
	m->more = k->at + 1;
	m->more_n = k->n - 1;
}
