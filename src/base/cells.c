#include "base/cells.h"

#include <stdbool.h>
#include <stdint.h>

#define PAGE_BYTES ((size_t)65536) /* aligned to that, as mem.h says */

#if defined(__SANITIZE_ADDRESS__)
#define IS_WATCHED true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define IS_WATCHED true
#endif
#endif
#ifndef IS_WATCHED
#define IS_WATCHED false
#endif

struct cell {
	struct cell *next;
};

struct cell_page {
	struct cell_page *prev, *next; /* with room, of its size */
	struct cell *free;
	uint32_t fresh; /* offset of what was never taken */
	uint32_t used_n;
	size_t bytes; /* of a cell */
};

static size_t size_of(size_t n)
{
	must(n > 0 && n <= CELLS_BYTES_MAX);
	return (n + 7) / 8 - 1;
}

static bool is_full(const struct cell_page *k)
{
	must(k->bytes > 0);
	return !k->free && k->fresh + k->bytes > PAGE_BYTES;
}

static void list_in(struct cells *c, struct cell_page *k)
{
	struct cell_page **first = &c->with_room[size_of(k->bytes)];
	must(!is_full(k));
	k->prev = NULL;
	k->next = *first;
	if (k->next)
		k->next->prev = k;
	*first = k;
}

static void list_out(struct cells *c, struct cell_page *k)
{
	if (k->next)
		k->next->prev = k->prev;
	if (k->prev)
		k->prev->next = k->next;
	else
		c->with_room[size_of(k->bytes)] = k->next;
}

static struct cell_page *page_new(struct cells *c, size_t n, const char *kind)
{
	struct cell_page *k = mem_get(c->mem, PAGE_BYTES, kind);
	if (!k)
		return NULL;
	must((uintptr_t)k % PAGE_BYTES == 0);
	*k = (struct cell_page){ .fresh = sizeof *k, .bytes = (size_of(n) + 1) * 8 };
	list_in(c, k);
	return k;
}

void cells_init(struct cells *c, struct mem *mem)
{
	must(mem != NULL);
	*c = (struct cells){ .mem = mem };
}

void cells_fini(struct cells *c)
{
	must(c->used == 0);
	for (size_t i = 0; i < CELLS_SIZES; i++)
		for (struct cell_page *k; (k = c->with_room[i]) != NULL;) {
			must(k->used_n == 0);
			list_out(c, k);
			mem_put(c->mem, k, PAGE_BYTES);
		}
}

static struct cell *take(struct cell_page *k)
{
	struct cell *cell = k->free;
	must(!is_full(k));
	k->used_n++;
	if (cell) {
		k->free = cell->next;
		return cell;
	}
	cell = (struct cell *)(void *)((uint8_t *)k + k->fresh);
	k->fresh += (uint32_t)k->bytes;
	return cell;
}

void *cells_get(struct cells *c, size_t n, const char *kind)
{
	void *p = NULL;
	if (n > CELLS_BYTES_MAX || IS_WATCHED) {
		p = mem_get(c->mem, n, kind);
		c->used += p ? n : 0;
		return p;
	}
	struct cell_page *k = c->with_room[size_of(n)];
	if (!k)
		k = page_new(c, n, kind);
	if (!k)
		return NULL;
	p = take(k);
	if (is_full(k))
		list_out(c, k);
	c->used += n;
	return p;
}

void cells_put(struct cells *c, void *own_p, size_t n)
{
	must(own_p && c->used >= n);
	c->used -= n;
	if (n > CELLS_BYTES_MAX || IS_WATCHED) {
		mem_put(c->mem, own_p, n);
		return;
	}
	struct cell_page *k = (struct cell_page *)((uintptr_t)own_p & ~(PAGE_BYTES - 1));
	struct cell *cell = own_p;
	must(k->used_n > 0 && k->bytes == (size_of(n) + 1) * 8);
	const bool was_full = is_full(k);
	cell->next = k->free;
	k->free = cell;
	k->used_n--;
	if (was_full)
		list_in(c, k);
	if (k->used_n == 0 && (k->prev || k->next)) {
		list_out(c, k);
		mem_put(c->mem, k, PAGE_BYTES);
	}
}
