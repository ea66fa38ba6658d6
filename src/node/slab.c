#include "node/slab.h"

#include "base/bits.h"
#include "base/must.h"

#define SLAB_BLOCKS (SLAB_BYTES / SLAB_BLOCK_BYTES - 1)

struct slab {
	struct slab *prev, *next;
	uint64_t free; /* bit i: block i + 1 is here */
};

#define ALL_FREE (((uint64_t)1 << SLAB_BLOCKS) - 1)
_Static_assert(SLAB_BLOCKS < 64, "one word says which blocks are free");

static void list_in(struct slabs *s, struct slab *k)
{
	k->prev = NULL;
	k->next = s->with_room;
	if (k->next)
		k->next->prev = k;
	s->with_room = k;
}

static void list_out(struct slabs *s, struct slab *k)
{
	if (k->next)
		k->next->prev = k->prev;
	if (k->prev)
		k->prev->next = k->next;
	else
		s->with_room = k->next;
}

static struct slab *slab_new(struct slabs *s)
{
	struct slab *k = s->heap->get(s->heap, SLAB_BYTES, SLAB_BYTES);
	if (!k)
		return NULL;
	k->free = ALL_FREE;
	s->pieces_n++;
	s->free_n += (uint32_t)SLAB_BLOCKS;
	list_in(s, k);
	return k;
}

static void slab_free(struct slabs *s, struct slab *k)
{
	must(k->free == ALL_FREE);
	list_out(s, k);
	s->pieces_n--;
	s->free_n -= (uint32_t)SLAB_BLOCKS;
	s->heap->put(s->heap, k);
}

void slabs_init(struct slabs *s, const struct heap *heap)
{
	must(heap != NULL);
	*s = (struct slabs){ .heap = heap };
}

void *slabs_take(struct slabs *s)
{
	struct slab *k = s->with_room ? s->with_room : slab_new(s);
	if (!k)
		return NULL;
	uint32_t i = (uint32_t)__builtin_ctzll(k->free);
	k->free &= k->free - 1;
	s->free_n--;
	if (k->free == 0)
		list_out(s, k);
	return (uint8_t *)k + (i + 1) * SLAB_BLOCK_BYTES;
}

void slabs_give(struct slabs *s, void *own_block)
{
	struct slab *k = (struct slab *)((uintptr_t)own_block & ~(uintptr_t)(SLAB_BYTES - 1));
	size_t i = (size_t)((uint8_t *)own_block - (uint8_t *)k) / SLAB_BLOCK_BYTES - 1;
	must(i < SLAB_BLOCKS && !(k->free >> i & 1));
	if (k->free == 0)
		list_in(s, k);
	k->free |= (uint64_t)1 << i;
	s->free_n++;
	if (k->free == ALL_FREE && s->free_n > SLAB_BLOCKS)
		slab_free(s, k);
}

void slabs_fini(struct slabs *s)
{
	while (s->with_room)
		slab_free(s, s->with_room);
	must(s->pieces_n == 0);
}
