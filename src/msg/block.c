#include "msg/block.h"

#include "base/bits.h"
#include "base/must.h"

void block_home_init(struct block_home *h, struct mem *mem, uint32_t free_max)
{
	must(mem != NULL);
	*h = (struct block_home){ .mem = mem, .free_max = free_max };
	atomic_init(&h->returned, NULL);
}

void block_home_fini(struct block_home *h)
{
	if (h->common)
		block_close(h->common);
	h->common = NULL;
	block_collect(h);
	for (struct block *b; (b = block_ended(h)) != NULL;)
		block_forget(h, b);
	must(h->out_bytes == 0);
	while (h->free) {
		struct block *b = h->free;
		h->free = b->next;
		mem_put(h->mem, b, b->bytes);
	}
	h->free_n = 0;
}

static void block_begin(struct block *b)
{
	atomic_init(&b->refs, BLOCK_SHARE);
	b->given = 0;
	b->next = NULL;
	b->noted = 0;
	b->fill = sizeof *b;
	b->msg_floor = BLOCK_ALIGN;
	if (block_is_large(b))
		b->fill = b->msg_floor = sizeof *b + BLOCK_LARGE_HEADERS;
}

struct block *block_take(struct block_home *h, uint32_t bytes)
{
	uint64_t want = (uint64_t)bytes + sizeof(struct block) + BLOCK_HEADER_ROOM;
	uint32_t size = BLOCK_ALIGN;
	if (want > BLOCK_ALIGN)
		size = (uint32_t)((want + BLOCK_LARGE_HEADERS + BLOCK_ALIGN - 1) / BLOCK_ALIGN) *
		       BLOCK_ALIGN;
	struct block *b = h->free;
	if (size == BLOCK_ALIGN && b) {
		h->free = b->next;
		h->free_n--;
	} else {
		b = mem_get(h->mem, size, "block");
		if (!b)
			return NULL;
		must(block_of(b) == b);
		b->bytes = size;
		b->home = h;
	}
	block_begin(b);
	h->out_bytes += size;
	return b;
}

struct block *block_for(struct block_home *h, uint32_t bytes)
{
	if (bytes > BLOCK_COMMON_MAX)
		return block_take(h, bytes);
	if (h->common && block_room(h->common) >= bytes + BLOCK_HEADER_ROOM)
		return h->common;
	if (h->common)
		block_close(h->common);
	h->common = block_take(h, 0);
	return h->common;
}

void block_filled(struct block *b)
{
	if (b != b->home->common)
		block_close(b);
}

static void block_home_again(struct block_home *h, struct block *b)
{
	must(b->home == h && h->out_bytes >= b->bytes);
	h->out_bytes -= b->bytes;
	if (!block_is_large(b) && h->free_n < h->free_max) {
		b->next = h->free;
		h->free = b;
		h->free_n++;
	} else {
		mem_put(h->mem, b, b->bytes);
	}
}

void block_collect(struct block_home *h)
{
	if (!atomic_load_explicit(&h->returned, memory_order_relaxed))
		return;
	struct block *b = atomic_exchange_explicit(&h->returned, NULL, memory_order_acquire);
	while (b) {
		struct block *next = b->next;
		if (b->noted) {
			b->next = h->ended;
			h->ended = b;
		} else {
			block_home_again(h, b);
		}
		b = next;
	}
}

struct block *block_ended(struct block_home *h)
{
	struct block *b = h->ended;
	if (b)
		h->ended = b->next;
	return b;
}

void block_forget(struct block_home *h, struct block *own_b)
{
	must(own_b->noted != 0);
	block_home_again(h, own_b);
}

/* Taking is all or nothing (exchange), so the usual trap of such a stack cannot spring. */
static void block_return(struct block *b)
{
	struct block_home *h = b->home;
	struct block *old = atomic_load_explicit(&h->returned, memory_order_relaxed);
	do {
		b->next = old;
	} while (!atomic_compare_exchange_weak_explicit(&h->returned, &old, b, memory_order_release,
							memory_order_relaxed));
}

void block_close(struct block *b)
{
	must(b->given >= 0 && b->given < BLOCK_SHARE);
	block_unref(b, BLOCK_SHARE - b->given);
}

void block_unref(struct block *b, int64_t n)
{
	must(n > 0);
	int64_t before = atomic_fetch_sub_explicit(&b->refs, n, memory_order_acq_rel);
	must(before >= n);
	if (before == n)
		block_return(b);
}
