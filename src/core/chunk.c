#include "core/chunk.h"

#include "base/ablate.h"

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
	must(p->out_n == 0 && p->full_n == 0);
	while (p->free) {
		struct chunk *k = p->free;
		p->free = k->next;
		mem_put(p->mem, k, CHUNK_SMALL_BYTES);
	}
	while (p->free_rows) {
		struct chunk_rows *rows = p->free_rows;
		p->free_rows = rows->next;
		mem_put(p->mem, rows, sizeof *rows);
	}
	p->free_n = p->free_rows_n = 0;
}

struct chunk *chunk_take(struct chunk_pool *p, uint64_t number)
{
	struct chunk *k = p->free;
	if (k) {
		p->free = k->next;
		p->free_n--;
	} else {
		k = mem_get(p->mem, CHUNK_SMALL_BYTES, "queue chunks");
		must(k != NULL);
	}
	memset(k, 0, offsetof(struct chunk, few));
	k->number = number;
	k->entry = k->few.entry;
	k->loc = k->few.loc;
	p->out_n++;
	return k;
}

void chunk_rows_get(struct chunk_pool *p, struct chunk *k)
{
	struct chunk_rows *rows = p->free_rows;
	must(!k->rows && k->used <= CHUNK_FEW);
	if (rows) {
		p->free_rows = rows->next;
		p->free_rows_n--;
	} else {
		rows = mem_get(p->mem, sizeof *rows, "queue entries");
		must(rows != NULL);
	}
	memcpy(rows->entry, k->few.entry, k->used * sizeof rows->entry[0]);
	memcpy(rows->loc, k->few.loc, k->used * sizeof rows->loc[0]);
	k->rows = rows;
	k->entry = rows->entry;
	k->loc = rows->loc;
	p->full_n++;
}

static void put_rows(struct chunk_pool *p, struct chunk_rows *own_rows)
{
	must(p->full_n > 0);
	p->full_n--;
	if (p->free_rows_n == CHUNKS_FREE_MAX) {
		mem_put(p->mem, own_rows, sizeof *own_rows);
		return;
	}
	own_rows->next = p->free_rows;
	p->free_rows = own_rows;
	p->free_rows_n++;
}

uint64_t chunk_pool_bytes(const struct chunk_pool *p)
{
	must(p->cold_n <= p->out_n && p->full_n <= p->out_n);
	return (p->out_n - p->cold_n) * CHUNK_SMALL_BYTES + p->full_n * sizeof(struct chunk_rows);
}

void chunk_put(struct chunk_pool *p, struct chunk *own_k)
{
	must(p->out_n > 0 && own_k->live_n == 0 && !own_k->once && !own_k->returned);
	p->out_n--;
	if (own_k->is_cold) {
		size_t bytes = chunk_cold_bytes(&own_k->cold);
		must(p->cold_n > 0 && p->cold_bytes >= bytes);
		p->cold_n--;
		p->cold_bytes -= bytes;
		mem_put(p->mem, own_k, bytes);
		return;
	}
	if (own_k->rows)
		put_rows(p, own_k->rows);
	if (p->free_n == CHUNKS_FREE_MAX) {
		mem_put(p->mem, own_k, CHUNK_SMALL_BYTES);
		return;
	}
	own_k->next = p->free;
	p->free = own_k;
	p->free_n++;
}

void chunk_use(struct chunk *k, uint32_t n)
{
	must(k->used + n <= CHUNK_N);
	bits_set_range(k->live, k->used, n);
	bits_set_range(k->ready, k->used, n);
	k->used += n;
	k->live_n += n;
}

/* ---- cold -------------------------------------------------------------------------------- */

static bool add_span(struct cold *c, uint32_t segment, uint64_t bytes)
{
	must(segment != 0);
	uint32_t i = 0;
	while (i < c->spans_n && c->span[i].segment != segment)
		i++;
	if (i == COLD_SPANS_MAX)
		return false;
	if (i == c->spans_n)
		c->span[c->spans_n++] = (struct cold_span){ .segment = segment };
	c->span[i].n++;
	c->span[i].bytes += bytes;
	return true;
}

bool chunk_weigh(const struct chunk *k, struct cold *out)
{
	struct cold c = { 0 };
	must(!k->is_cold && k->live_n > 0);
	for (uint32_t i = 0; (i = (uint32_t)bits_next_set(k->live, CHUNK_N, i)) < CHUNK_N; i++) {
		const struct entry *e = &k->entry[i];
		if (e->mem || e->flags != ENTRY_PERSISTENT || e->expiry_ms)
			return false;
		if (!add_span(&c, (uint32_t)(k->loc[i] >> 32), e->bytes))
			return false;
		const uint8_t level = (uint8_t)min_u64(e->priority, RANK_MAX);
		if (!c.first_id) {
			c.first_id = e->id;
			c.level = level;
		}
		c.differ |= level != c.level;
		c.last_id = e->id;
		c.bytes += e->bytes;
	}
	c.sum = chunk_sum(k);
	*out = c;
	return true;
}

struct chunk *chunk_cool(struct chunk_pool *p, struct chunk *own_k, const struct cold *cold)
{
	must(!own_k->is_cold && !own_k->bodies && !own_k->lane && !own_k->once);
	must(own_k->live_n > 0 && !own_k->returned);
	must(!wheel_is_set(&own_k->due.timer) && !list_has_node(&own_k->late));
	size_t bytes = chunk_cold_bytes(cold);
	struct chunk *k = mem_get(p->mem, bytes, "cold queue entries");
	if (!k)
		return NULL;
	memcpy(k, own_k, offsetof(struct chunk, cold));
	memcpy((uint8_t *)k + offsetof(struct chunk, cold), cold,
	       bytes - offsetof(struct chunk, cold));
	k->is_cold = true;
	k->is_wanted = false;
	k->level = cold->level;
	k->entry = NULL;
	k->loc = NULL;
	k->rows = NULL;
	k->used = CHUNK_N;
	p->out_n++;
	p->cold_n++;
	p->cold_bytes += bytes;
	own_k->live_n = 0;
	chunk_put(p, own_k);
	return k;
}

/* Slots that nothing lives in have the id of the one before. */
static void fill_up(struct chunk_pool *p, struct chunk *k)
{
	must(k->used > 0);
	chunk_room(p, k, CHUNK_N);
	for (uint64_t id = k->entry[k->used - 1].id; k->used < CHUNK_N; k->used++)
		k->entry[k->used] = (struct entry){ .id = id };
}

void chunk_warm(struct chunk_pool *p, struct chunk *own_k, struct chunk *hot)
{
	must(own_k->is_cold && !hot->is_cold && own_k->number == hot->number);
	must(hot->live_n == 0 && hot->used > 0);
	fill_up(p, hot);
	hot->changed = own_k->changed;
	hot->first_id = own_k->first_id;
	hot->live_n = own_k->live_n;
	hot->durable_n = own_k->durable_n;
	hot->is_stored = own_k->is_stored;
	hot->level = own_k->level;
	hot->lanes_n = own_k->lanes_n;
	hot->queue = own_k->queue;
	own_k->live_n = 0;
	chunk_put(p, own_k);
}

static void entry_sum(const struct entry *e, uint64_t once, uint16_t returned,
		      struct digest_sum *io)
{
	uint64_t what = (uint64_t)e->bytes << 32 | (uint32_t)e->count << 16 |
			(uint32_t)e->priority << 8 | (e->flags & ENTRY_STORED);
	must(e->flags & ENTRY_PERSISTENT);
	uint64_t hi = hash_u64(hash_u64(hash_u64(e->id, 1), what), e->expiry_ms);
	uint64_t lo = hash_u64(hash_u64(hash_u64(e->id, hi), what), e->expiry_ms);
	if (once << 1) { /* but for what is not durable of it: core_once.c */
		hi = hash_u64(once << 1, hi);
		lo = hash_u64(once << 1, lo);
	}
	if (returned) {
		hi = hash_u64(returned, hi);
		lo = hash_u64(returned, lo);
	}
	io->hi += hi;
	io->lo += lo;
}

struct digest_sum chunk_sum(const struct chunk *k)
{
	struct digest_sum sum = { 0 };
	if (k->is_cold)
		return k->cold.sum;
	must(k->durable_n <= k->live_n);
	for (uint32_t i = 0; (i = (uint32_t)bits_next_set(k->live, CHUNK_N, i)) < CHUNK_N; i++)
		if (k->entry[i].flags & ENTRY_PERSISTENT)
			entry_sum(&k->entry[i], k->once ? k->once[i] : 0, chunk_returned(k, i),
				  &sum);
	return sum;
}

/* ---- looking ----------------------------------------------------------------------------- */

uint32_t chunk_find(const struct chunk *k, uint64_t id)
{
	if (k->is_cold && id > k->cold.last_id)
		return k->used;
	if (k->is_cold)
		return (uint32_t)bits_next_set(k->live, CHUNK_N, 0);
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

static void cold_check(const struct chunk *k)
{
	const struct cold *c = &k->cold;
	uint64_t bytes = 0, n = 0, ready_n = bits_count(k->ready, CHUNK_N);
	must(k->used == CHUNK_N && k->durable_n == k->live_n);
	must(k->is_stored || ABLATED(cold_clean));
	must(!k->bodies && !k->lane && !k->once && !k->returned && !k->expires_ms);
	must(ready_n == 0 || ready_n == k->live_n);
	must(c->first_id >= k->first_id && c->last_id >= c->first_id);
	for (uint32_t i = 0; i < c->spans_n; i++) {
		bytes += c->span[i].bytes;
		n += c->span[i].n;
	}
	must(k->live_n && n == k->live_n && bytes == c->bytes);
}

void chunk_check(const struct chunk *k)
{
	uint32_t durable_n = 0;
	must(k->used <= CHUNK_N && k->number > 0);
	must_if(!k->rows && !k->is_cold, k->used <= CHUNK_FEW);
	must(k->live_n == bits_count(k->live, CHUNK_N));
	if (k->is_cold) {
		cold_check(k);
		return;
	}
	must(!k->is_wanted);
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
		if (bits_test(k->ready, i) && expiry_time(e->expiry_ms))
			must(k->expires_ms && k->expires_ms <= expiry_time(e->expiry_ms));
		must(e->mem || k->loc[i] || e->flags & ENTRY_DEAD);
		must_if(e->flags & ENTRY_RETURNED, i < k->returned_n && k->returned[i] > 0);
	}
	must(durable_n == k->durable_n);
	must_if(durable_n, k->changed > 0);
}
