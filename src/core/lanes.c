#include "core/lanes.h"

#include <string.h>

#define PRIORITIES_MAX 256u

struct lane {
	uint64_t cursor; /* nothing of it is ready before */
	uint64_t ready_n;
};

struct lanes {
	uint32_t n;                         /* of them: the highest priority and one */
	uint64_t some[PRIORITIES_MAX / 64]; /* those in which something is ready */
	struct lane lane[];
};

static size_t lanes_bytes(uint32_t n)
{
	must(n > 0 && n <= PRIORITIES_MAX);
	return sizeof(struct lanes) + n * sizeof(struct lane);
}

static size_t table_bytes(const struct chunk *k)
{
	must(k->lanes_n > 0);
	return k->lanes_n * sizeof *k->lane;
}

static uint32_t lane_of(const struct chunk *k, uint32_t slot)
{
	must(slot < CHUNK_N && k->lanes_n > 0);
	return (uint32_t)min_u64(k->entry[slot].priority, k->lanes_n - 1u);
}

/* ---- entries ----------------------------------------------------------------------------- */

void queue_lane_on(struct queue *q, struct chunk *k, uint32_t slot)
{
	uint32_t p = lane_of(k, slot);
	struct lane *l = &q->has->lanes->lane[p];
	uint64_t pos = pos_of(k->number, slot);
	must(!bits_test(k->lane[p], slot));
	bits_set(k->lane[p], slot);
	bits_set(q->has->lanes->some, p);
	l->cursor = l->ready_n++ ? min_u64(l->cursor, pos) : pos;
}

void queue_lane_off(struct queue *q, struct chunk *k, uint32_t slot)
{
	uint32_t p = lane_of(k, slot);
	struct lane *l = &q->has->lanes->lane[p];
	must(bits_test(k->lane[p], slot) && l->ready_n > 0);
	bits_clear(k->lane[p], slot);
	if (--l->ready_n == 0)
		bits_clear(q->has->lanes->some, p);
}

void lanes_add(struct queue *q, struct chunk *k, uint32_t from, uint32_t n, struct mem *mem)
{
	must(from + n <= k->used);
	if (!k->lane) {
		k->lanes_n = (uint16_t)q->has->lanes->n;
		k->lane = mem_get(mem, table_bytes(k), "priorities");
		must(k->lane != NULL);
		memset(k->lane, 0, table_bytes(k));
	}
	for (uint32_t i = from; i < from + n; i++)
		if (bits_test(k->ready, i))
			queue_lane_on(q, k, i);
}

void lanes_drop(struct chunk *k, struct mem *mem)
{
	must((k->lane == NULL) == (k->lanes_n == 0));
	if (k->lane)
		mem_put(mem, k->lane, table_bytes(k));
	k->lane = NULL;
	k->lanes_n = 0;
}

/* ---- with and without -------------------------------------------------------------------- */

void lanes_off(struct queue *q, struct mem *mem)
{
	struct chunk *k = NULL;
	if (!q->has->lanes)
		return;
	while ((k = queue_next_used(q, k ? k->number + 1 : 0)) != NULL)
		lanes_drop(k, mem);
	mem_put(mem, q->has->lanes, lanes_bytes(q->has->lanes->n));
	queue_special(q, mem)->lanes = NULL;
	q->cursor = pos_of(q->first, 0);
	must(q->cursor <= q->tail_pos);
}

void lanes_on(struct queue *q, uint8_t max, struct mem *mem)
{
	struct chunk *k = NULL;
	uint32_t n = max + 1u;
	if (q->has->lanes && q->has->lanes->n == n)
		return;
	lanes_off(q, mem);
	must(q->cold_n == 0); /* it comes with the queue */
	queue_special(q, mem)->lanes = mem_get(mem, lanes_bytes(n), "priorities");
	must(q->has->lanes != NULL);
	memset(q->has->lanes, 0, lanes_bytes(n));
	q->has->lanes->n = n;
	while ((k = queue_next_used(q, k ? k->number + 1 : 0)) != NULL)
		lanes_add(q, k, 0, k->used, mem);
}

uint8_t lanes_max(const struct queue *q)
{
	must(q->has->lanes != NULL);
	return (uint8_t)(q->has->lanes->n - 1);
}

/* ---- the highest ------------------------------------------------------------------------- */

static uint32_t highest(const struct lanes *l)
{
	for (uint32_t i = PRIORITIES_MAX / 64; i-- > 0;)
		if (l->some[i])
			return i * 64 + bits_highest(l->some[i]);
	must(!"nothing is ready");
	return 0;
}

struct chunk *lanes_next(struct queue *q, uint32_t *out_slot)
{
	must(q->ready_n > 0);
	uint32_t p = highest(q->has->lanes);
	struct lane *l = &q->has->lanes->lane[p];
	uint64_t number = pos_chunk(l->cursor);
	uint32_t slot = pos_slot(l->cursor);
	if (number < q->first) {
		number = q->first;
		slot = 0;
	}
	for (;; number++, slot = 0) {
		must(number < queue_end(q));
		struct chunk *k = queue_chunk(q, number);
		slot = k ? (uint32_t)bits_next_set(k->lane[p], CHUNK_N, slot) : CHUNK_N;
		if (slot == CHUNK_N)
			continue;
		l->cursor = pos_of(number, slot);
		*out_slot = slot;
		return k;
	}
}

/* ---- check ------------------------------------------------------------------------------- */

static void check_chunk(const struct lanes *l, const struct chunk *k, uint64_t *io_n)
{
	must(k->lane && k->lanes_n == l->n);
	for (uint32_t i = 0; i < k->used; i++) {
		uint32_t p = lane_of(k, i);
		bool is_ready = bits_test(k->ready, i);
		must(bits_test(k->lane[p], i) == is_ready);
		must_if(is_ready, l->lane[p].cursor <= pos_of(k->number, i));
	}
	for (uint32_t p = 0; p < l->n; p++)
		*io_n += bits_count(k->lane[p], CHUNK_N);
}

void lanes_check(const struct queue *q)
{
	uint64_t counted = 0, bits_n = 0;
	const struct chunk *k = NULL;
	must(q->has->lanes != NULL);
	for (uint32_t p = 0; p < q->has->lanes->n; p++) {
		must(bits_test(q->has->lanes->some, p) == (q->has->lanes->lane[p].ready_n > 0));
		counted += q->has->lanes->lane[p].ready_n;
	}
	while ((k = queue_next_used(q, k ? k->number + 1 : 0)) != NULL)
		check_chunk(q->has->lanes, k, &bits_n);
	must(counted == q->ready_n && bits_n == q->ready_n);
}
