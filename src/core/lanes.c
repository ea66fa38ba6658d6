#include "core/lanes.h"

#include <string.h>

#define PRIORITIES_MAX 256u
#define RANKS_N        (RANK_MAX + 1)

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

/* Which of `n` lanes a priority is in. */
static uint8_t lane_in(uint32_t n, uint8_t priority)
{
	must(n > 0);
	return (uint8_t)min_u64(priority, n - 1);
}

static uint8_t lane_of(const struct chunk *k, uint32_t slot)
{
	must(slot < CHUNK_N && k->lanes_n > 0);
	return k->lane ? lane_in(k->lanes_n, k->entry[slot].priority) : k->level;
}

/* ---- entries ----------------------------------------------------------------------------- */

/* `n` more are ready, the first of them at `pos`. */
static void more(struct queue *q, uint8_t p, uint64_t pos, uint32_t n)
{
	struct lane *l = &q->has->lanes->lane[p];
	must(n > 0);
	bits_set(q->has->lanes->some, p);
	l->cursor = l->ready_n ? min_u64(l->cursor, pos) : pos;
	l->ready_n += n;
}

static void less(struct queue *q, uint8_t p, uint64_t n)
{
	struct lane *l = &q->has->lanes->lane[p];
	must(l->ready_n >= n);
	l->ready_n -= n;
	if (l->ready_n == 0)
		bits_clear(q->has->lanes->some, p);
}

void queue_lane_on(struct queue *q, struct chunk *k, uint32_t slot)
{
	uint8_t p = lane_of(k, slot);
	must(!k->lane || !bits_test(k->lane[p], slot));
	if (k->lane)
		bits_set(k->lane[p], slot);
	more(q, p, pos_of(k->number, slot), 1);
}

void queue_lane_off(struct queue *q, struct chunk *k, uint32_t slot)
{
	uint8_t p = lane_of(k, slot);
	must(!k->lane || bits_test(k->lane[p], slot));
	if (k->lane)
		bits_clear(k->lane[p], slot);
	less(q, p, 1);
}

void lanes_leave(struct queue *q, const struct chunk *k)
{
	must(!k->lane);
	if (k->lanes_n)
		less(q, k->level, bits_count(k->ready, CHUNK_N));
}

/* ---- chunks ------------------------------------------------------------------------------ */

/* The first live slot from `i` on; `end`: none before that. */
static uint32_t next_live(const struct chunk *k, uint32_t i, uint32_t end)
{
	must(end <= CHUNK_N);
	return (uint32_t)min_u64(bits_next_set(k->live, CHUNK_N, i), end);
}

/* Are the live entries in [from, to) all of its level? */
static bool is_level(const struct chunk *k, uint32_t lanes_n, uint32_t from, uint32_t to)
{
	must(!k->is_cold);
	for (uint32_t i = from; (i = next_live(k, i, to)) < to; i++)
		if (lane_in(lanes_n, k->entry[i].priority) != k->level)
			return false;
	return true;
}

/* The level of a chunk is that of its first entry there. */
static void find_level(struct chunk *k, uint32_t lanes_n)
{
	const uint32_t first = next_live(k, 0, k->used);
	must(!k->is_cold && !k->lane);
	k->level = first < k->used ? lane_in(lanes_n, k->entry[first].priority) : 0;
}

/* Its own bits for each priority. */
static void split(struct chunk *k, struct mem *mem)
{
	must(!k->lane && !k->is_cold);
	k->lane = mem_get(mem, table_bytes(k), "priorities");
	must(k->lane != NULL);
	memset(k->lane, 0, table_bytes(k));
	for (uint32_t i = 0; (i = (uint32_t)bits_next_set(k->ready, CHUNK_N, i)) < CHUNK_N; i++)
		bits_set(k->lane[lane_of(k, i)], i);
}

/* What is ready in [from, to) counts from now on. */
static void count(struct queue *q, const struct chunk *k, uint32_t from, uint32_t to)
{
	must(k->lanes_n == q->has->lanes->n);
	for (uint32_t i = from; (i = (uint32_t)bits_next_set(k->ready, CHUNK_N, i)) < to; i++)
		more(q, lane_of(k, i), pos_of(k->number, i), 1);
}

/* A chunk comes to lanes. */
static void enter(struct queue *q, struct chunk *k, struct mem *mem)
{
	const uint32_t ready_n = (uint32_t)bits_count(k->ready, CHUNK_N);
	must(k->lanes_n == 0 && !k->lane);
	k->lanes_n = (uint16_t)q->has->lanes->n;
	if (!k->is_cold && !is_level(k, k->lanes_n, 0, k->used)) {
		split(k, mem);
		count(q, k, 0, CHUNK_N);
	} else if (ready_n) {
		more(q, k->level, pos_of(k->number, (uint32_t)bits_next_set(k->ready, CHUNK_N, 0)),
		     ready_n);
	}
}

void lanes_add(struct queue *q, struct chunk *k, uint32_t from, uint32_t n, struct mem *mem)
{
	must(from + n <= k->used && n > 0);
	if (!q->has->lanes) {
		must(q->is_ranked);
		k->level = q->level;
		return;
	}
	if (k->lanes_n == 0) {
		must(from == 0);
		k->lanes_n = (uint16_t)q->has->lanes->n;
		k->level = lane_in(k->lanes_n, k->entry[0].priority);
	}
	if (!k->lane && !is_level(k, k->lanes_n, from, from + n))
		split(k, mem);
	for (uint32_t i = from; k->lane && i < from + n; i++)
		if (bits_test(k->ready, i))
			bits_set(k->lane[lane_of(k, i)], i);
	count(q, k, from, from + n);
}

void lanes_drop(struct chunk *k, struct mem *mem)
{
	must(!k->lane || k->lanes_n > 0);
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

static void make(struct queue *q, uint32_t n, struct mem *mem)
{
	must(!q->has->lanes);
	queue_special(q, mem)->lanes = mem_get(mem, lanes_bytes(n), "priorities");
	must(q->has->lanes != NULL);
	memset(q->has->lanes, 0, lanes_bytes(n));
	q->has->lanes->n = n;
}

void lanes_on(struct queue *q, uint8_t max, struct mem *mem)
{
	struct chunk *k = NULL;
	uint32_t n = max + 1u;
	must(!q->is_ranked);
	if (q->has->lanes && q->has->lanes->n == n)
		return;
	lanes_off(q, mem);
	must(q->cold_n == 0); /* it comes with the queue */
	make(q, n, mem);
	while ((k = queue_next_used(q, k ? k->number + 1 : 0)) != NULL) {
		find_level(k, n);
		enter(q, k, mem);
	}
}

uint8_t lanes_max(const struct queue *q)
{
	must(q->is_ranked || q->has->lanes);
	return (uint8_t)(q->is_ranked ? RANK_MAX : q->has->lanes->n - 1);
}

/* ---- only while they differ -------------------------------------------------------------- */

static void begin(struct queue *q, struct mem *mem)
{
	struct chunk *k = NULL;
	make(q, RANKS_N, mem);
	must(q->is_ranked);
	while ((k = queue_next_used(q, k ? k->number + 1 : 0)) != NULL)
		enter(q, k, mem);
}

void lanes_rank(struct queue *q, struct mem *mem)
{
	struct chunk *k = NULL;
	bool differ = false, is_first = true;
	if (q->is_ranked)
		return;
	must(!q->has->lanes);
	q->is_ranked = true;
	while ((k = queue_next_used(q, k ? k->number + 1 : 0)) != NULL) {
		if (!k->is_cold)
			find_level(k, RANKS_N);
		must_if(k->is_cold, !k->cold.differ);
		if (is_first)
			q->level = k->level;
		is_first = false;
		differ |= k->level != q->level ||
			  (!k->is_cold && !is_level(k, RANKS_N, 0, k->used));
	}
	if (differ)
		begin(q, mem);
}

bool lanes_differ(const struct queue *q, const struct add_row *row, uint32_t n)
{
	bool differ = q->live_n == 0;
	must(q->is_ranked);
	for (uint32_t i = 0; i < n; i++)
		differ |= lane_in(RANKS_N, row[i].priority) != q->level;
	return differ;
}

void lanes_meet(struct queue *q, const struct add_row *row, uint32_t n, struct mem *mem)
{
	must(q->is_ranked && n > 0);
	if (q->has->lanes)
		return;
	if (q->chunks.n == 0)
		q->level = lane_in(RANKS_N, row[0].priority);
	for (uint32_t i = 0; i < n; i++) {
		if (lane_in(RANKS_N, row[i].priority) == q->level)
			continue;
		begin(q, mem);
		return;
	}
}

void lanes_idle(struct queue *q, struct mem *mem)
{
	must(q->live_n == 0 && q->chunks.n == 0);
	if (q->is_ranked)
		lanes_off(q, mem);
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

/* The first ready slot of `k` in lane `p` from `slot` on; CHUNK_N: none. */
static uint32_t next_in(const struct chunk *k, uint32_t p, uint32_t slot)
{
	must(k->lanes_n > p);
	if (k->lane)
		return (uint32_t)bits_next_set(k->lane[p], CHUNK_N, slot);
	return k->level == p ? (uint32_t)bits_next_set(k->ready, CHUNK_N, slot) : CHUNK_N;
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
		slot = k ? next_in(k, p, slot) : CHUNK_N;
		if (slot == CHUNK_N)
			continue;
		l->cursor = pos_of(number, slot);
		q->cursor = l->cursor; /* what is near there stays in memory */
		*out_slot = slot;
		return k;
	}
}

/* ---- check ------------------------------------------------------------------------------- */

static void check_chunk(const struct lanes *l, const struct chunk *k, uint64_t *io_n)
{
	must(k->lanes_n == l->n);
	for (uint32_t i = 0; k->lane && i < k->used; i++) {
		uint32_t p = lane_of(k, i);
		must(bits_test(k->lane[p], i) == bits_test(k->ready, i));
	}
	for (uint32_t p = 0; p < l->n; p++) {
		const uint32_t first = next_in(k, p, 0);
		must_if(first < CHUNK_N, l->lane[p].cursor <= pos_of(k->number, first));
		for (uint32_t i = first; i < CHUNK_N; i = next_in(k, p, i + 1))
			++*io_n;
	}
}

void lanes_check(const struct queue *q)
{
	uint64_t counted = 0, bits_n = 0;
	const struct chunk *k = NULL;
	const struct lanes *l = q->has->lanes;
	for (uint32_t p = 0; l && p < l->n; p++) {
		must(bits_test(l->some, p) == (l->lane[p].ready_n > 0));
		counted += l->lane[p].ready_n;
	}
	while ((k = queue_next_used(q, k ? k->number + 1 : 0)) != NULL) {
		must_if(q->is_ranked && !l, k->level == q->level);
		must_if(!l, !k->lane && k->lanes_n == 0);
		if ((l || q->is_ranked) && !k->lane && !k->is_cold)
			must(is_level(k, l ? l->n : RANKS_N, 0, k->used));
		if (l)
			check_chunk(l, k, &bits_n);
	}
	must_if(l, counted == q->ready_n && bits_n == q->ready_n);
}
