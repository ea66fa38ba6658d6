#include "core/chunk.h"

#include <string.h>

/* As many queues of a shard may become empty and full again without asking for memory. */
#define CHUNKS_FREE_MAX 64u

void chunk_pool_init(struct chunk_pool *p, struct mem *mem)
{
	must(mem != NULL);
	*p = (struct chunk_pool){ .mem = mem };
}

void chunk_pool_fini(struct chunk_pool *p)
{
	must(p->out_n == 0);
	while (p->free) {
		struct chunk *k = p->free;
		p->free = k->next;
		mem_put(p->mem, k, sizeof *k);
	}
	p->free_n = 0;
}

struct chunk *chunk_take(struct chunk_pool *p, uint64_t number)
{
	struct chunk *k = p->free;
	if (k) {
		p->free = k->next;
		p->free_n--;
	} else {
		k = mem_get(p->mem, sizeof *k, "queue entries");
		must(k != NULL);
	}
	memset(k, 0, offsetof(struct chunk, loc));
	k->number = number;
	p->out_n++;
	return k;
}

void chunk_put(struct chunk_pool *p, struct chunk *own_k)
{
	must(p->out_n > 0 && own_k->live_n == 0);
	p->out_n--;
	if (p->free_n == CHUNKS_FREE_MAX) {
		mem_put(p->mem, own_k, sizeof *own_k);
		return;
	}
	own_k->next = p->free;
	p->free = own_k;
	p->free_n++;
}

static void bits_set_range(uint64_t *map, uint32_t from, uint32_t n)
{
	must(n > 0 && from + n <= CHUNK_N);
	uint32_t first = from / 64, last = (from + n - 1) / 64;
	uint64_t head = UINT64_MAX << (from % 64);
	uint64_t tail = UINT64_MAX >> (63 - (from + n - 1) % 64);
	for (uint32_t i = first; i <= last; i++)
		map[i] |= (i == first ? head : UINT64_MAX) & (i == last ? tail : UINT64_MAX);
}

void chunk_use(struct chunk *k, uint32_t n)
{
	must(k->used + n <= CHUNK_N);
	bits_set_range(k->live, k->used, n);
	bits_set_range(k->ready, k->used, n);
	k->used += n;
	k->live_n += n;
}

uint32_t chunk_find(const struct chunk *k, uint64_t id)
{
	uint32_t low = 0, high = k->used;
	while (low < high) {
		uint32_t middle = (low + high) / 2;
		if (k->entry[middle].id < id)
			low = middle + 1;
		else
			high = middle;
	}
	must(low == k->used || k->entry[low].id >= id);
	return low;
}

void chunk_check(const struct chunk *k)
{
	uint32_t durable_n = 0;
	must(k->used <= CHUNK_N && k->number > 0);
	must(k->live_n == bits_count(k->live, CHUNK_N));
	must(bits_next_set(k->live, CHUNK_N, k->used) == CHUNK_N || k->used == CHUNK_N);
	for (uint32_t i = 0; i < CHUNK_WORDS; i++)
		must((k->ready[i] & ~k->live[i]) == 0);
	for (uint32_t i = 0; i < k->used; i++) {
		const struct entry *e = &k->entry[i];
		must(e->id >= (i ? k->entry[i - 1].id : k->first_id));
		if (!bits_test(k->live, i))
			continue;
		durable_n += (e->flags & ENTRY_PERSISTENT) != 0;
		must_if(bits_test(k->ready, i), !(e->flags & (ENTRY_SETTLING | ENTRY_DEAD)));
		if (bits_test(k->ready, i) && e->expiry_ms)
			must(k->expires_ms && k->expires_ms <= e->expiry_ms);
		must(e->mem || k->loc[i] || e->flags & ENTRY_DEAD);
	}
	must(durable_n == k->durable_n);
	must_if(durable_n, k->changed > 0);
}
