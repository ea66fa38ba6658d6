#include "core/queue.h"

#include "base/ablate.h"
#include "core/lanes.h"
#include "msg/big.h"

#include <string.h>

/* A directory that reaches further than this is a damaged checkpoint: 8 billion entries. And no
 * queue gets to such a number of chunks. */
#define CHUNKS_MAX ((uint64_t)1 << 24)
#define NUMBER_MAX ((uint64_t)1 << 48)

static const struct special plain;

void queue_init(struct queue *q, uint64_t id, uint8_t flags)
{
	must(id > 0 && id < UINT64_MAX);
	*q = (struct queue){
		.id = id, .flags = flags, .first = 1, .passing_bytes = RULE_NONE, .has = &plain
	};
	deque_init(&q->chunks, sizeof(struct chunk *), "queue directories");
	q->tail_pos = q->cursor = q->fresh_pos = pos_of(1, 0);
	list_init(&q->able);
	list_init(&q->idle);
}

void queue_fini(struct queue *q, struct mem *mem)
{
	must(q->live_n == 0 && q->chunks.n == 0 && q->consumers_n == 0);
	must(!list_has_node(&q->active) && !list_has_node(&q->dirty));
	must(memcmp(q->has, &plain, sizeof plain) == 0);
	deque_fini(&q->chunks, mem);
	if (q->has != &plain)
		mem_put(mem, (void *)(uintptr_t)q->has, sizeof *q->has);
	mem_put(mem, q->count, sizeof *q->count);
}

struct special *queue_special(struct queue *q, struct mem *mem)
{
	must(q->has != NULL);
	if (q->has != &plain)
		return (struct special *)(uintptr_t)q->has;
	struct special *own = mem_get(mem, sizeof *own, "queues with rules");
	must(own != NULL);
	*own = plain;
	q->has = own;
	return own;
}

uint32_t queue_pieces(const struct entry *e)
{
	if ((e->flags & (ENTRY_BIG | ENTRY_PERSISTENT)) != ENTRY_BIG || !e->mem)
		return 0;
	const struct msg *m = msg_of(e->mem);
	must(m->proto == MSG_CHUNKS);
	return m->body_bytes / BIG_ROW_BYTES;
}

void queue_pieces_on(struct queue *q, const struct entry *e)
{
	const uint32_t n = queue_pieces(e);
	if (n == 0)
		return;
	must(q->has != &plain); /* who added it has made room */
	((struct special *)(uintptr_t)q->has)->ready_pieces += n;
}

void queue_pieces_off(struct queue *q, const struct entry *e)
{
	const uint32_t n = queue_pieces(e);
	must(q->has->ready_pieces >= n);
	if (n > 0)
		((struct special *)(uintptr_t)q->has)->ready_pieces -= n;
}

struct queue_count *queue_count_new(struct queue *q, struct mem *mem)
{
	must(q->count == NULL);
	q->count = mem_get(mem, sizeof *q->count, "counters of queues");
	must(q->count != NULL);
	*q->count = (struct queue_count){ 0 };
	return q->count;
}

const struct queue_count *queue_counted(const struct queue *q)
{
	static const struct queue_count nothing;
	must(q->id != 0);
	return q->count ? q->count : &nothing;
}

static struct chunk **row_at(const struct queue *q, uint64_t number)
{
	return deque_at(&q->chunks, number - q->first);
}

struct chunk *queue_tail(struct queue *q, struct chunk_pool *p, struct chunk **out_done)
{
	*out_done = NULL;
	struct chunk *tail = q->chunks.n ? *row_at(q, queue_end(q) - 1) : NULL;
	if (tail && tail->used < CHUNK_N)
		return tail;
	if (!tail)
		q->first = pos_chunk(q->tail_pos);
	else if (tail->live_n == 0)
		*out_done = tail;
	must(pos_slot(q->tail_pos) == 0 && queue_end(q) == pos_chunk(q->tail_pos));
	struct chunk *k = chunk_take(p, queue_end(q));
	k->first_id = q->last_id;
	k->queue = q;
	enum err err = deque_push(&q->chunks, p->mem, &k);
	must(err == ERR_OK);
	return k;
}

/* Rows without chunks at either end are taken away; an empty directory begins anew, with a number
 * that no chunk has had, at the next entry. */
static void trim(struct queue *q)
{
	while (q->chunks.n && !*row_at(q, q->first)) {
		deque_pop(&q->chunks, NULL);
		q->first++;
	}
	if (q->chunks.n)
		return;
	q->tail_pos = align_up(q->tail_pos, CHUNK_N);
	q->cursor = q->fresh_pos = q->tail_pos;
	q->first = pos_chunk(q->tail_pos);
}

static enum err stretch(struct queue *q, uint64_t number, struct mem *mem)
{
	struct chunk *none = NULL;
	if (number == 0 || number > NUMBER_MAX)
		return ERR_CORRUPT;
	if (q->chunks.n == 0)
		q->first = number;
	uint64_t low = min_u64(q->first, number), high = max_u64(queue_end(q), number + 1);
	if (high - low > CHUNKS_MAX)
		return ERR_CORRUPT;
	for (; q->first > low; q->first--)
		TRY(deque_push_front(&q->chunks, mem, &none));
	while (queue_end(q) < high)
		TRY(deque_push(&q->chunks, mem, &none));
	must(number >= q->first && number < queue_end(q));
	return ERR_OK;
}

enum err queue_place(struct queue *q, struct chunk *own_k, struct mem *mem)
{
	must(own_k->live_n == 0);
	if (queue_chunk(q, own_k->number))
		return ERR_CORRUPT;
	TRY(stretch(q, own_k->number, mem));
	*row_at(q, own_k->number) = own_k;
	own_k->queue = q;
	return ERR_OK;
}

void queue_swap(struct queue *q, struct chunk *k)
{
	must(queue_chunk(q, k->number) && k->queue == q);
	*row_at(q, k->number) = k;
	/* The entries of one that was cold once are complete. */
	if (k->used == CHUNK_N)
		q->tail_pos = max_u64(q->tail_pos, pos_of(k->number + 1, 0));
}

void queue_unlink(struct queue *q, struct chunk *k)
{
	must(k->live_n == 0 && queue_chunk(q, k->number) == k);
	must(k->number + 1 < queue_end(q) || q->live_n == 0);
	*row_at(q, k->number) = NULL;
	trim(q);
}

struct chunk *queue_next_ready(struct queue *q, uint32_t *out_slot)
{
	if (q->ready_n == 0)
		return NULL;
	if (q->has->lanes)
		return lanes_next(q, out_slot);
	uint64_t number = pos_chunk(q->cursor);
	uint32_t slot = pos_slot(q->cursor);
	if (number < q->first) {
		number = q->first;
		slot = 0;
	}
	for (;; number++, slot = 0) {
		if (number == queue_end(q)) { /* only if what was released is not looked for */
			must(ABLATED(requeue_place));
			number = q->first;
		}
		struct chunk *k = queue_chunk(q, number);
		if (!k)
			continue;
		slot = (uint32_t)bits_next_set(k->ready, CHUNK_N, slot);
		if (slot == CHUNK_N)
			continue;
		q->cursor = pos_of(number, slot);
		*out_slot = slot;
		return k;
	}
}

struct chunk *queue_next_live(const struct queue *q, uint64_t *io_pos)
{
	uint64_t number = pos_chunk(*io_pos);
	uint32_t slot = pos_slot(*io_pos);
	if (number < q->first) {
		number = q->first;
		slot = 0;
	}
	for (; number < queue_end(q); number++, slot = 0) {
		struct chunk *k = queue_chunk(q, number);
		slot = k ? (uint32_t)bits_next_set(k->live, CHUNK_N, slot) : CHUNK_N;
		if (slot < CHUNK_N) {
			*io_pos = pos_of(number, slot);
			return k;
		}
	}
	return NULL;
}

struct chunk *queue_next_used(const struct queue *q, uint64_t number)
{
	for (number = max_u64(number, q->first); number < queue_end(q); number++)
		if (queue_chunk(q, number))
			return queue_chunk(q, number);
	return NULL;
}

/* The first chunk whose first id is not below `id`: its number, or the end. */
static uint64_t first_not_below(const struct queue *q, uint64_t id)
{
	uint64_t low = q->first, high = queue_end(q);
	while (low < high) {
		uint64_t middle = low + (high - low) / 2;
		const struct chunk *k = queue_next_used(q, middle);
		if (!k || k->number >= high || k->first_id >= id)
			high = middle;
		else
			low = k->number + 1;
	}
	return low;
}

uint64_t queue_find(const struct queue *q, uint64_t id)
{
	uint64_t number = first_not_below(q, id);
	const struct chunk *before = NULL;
	for (uint64_t i = number; i > q->first && !before;)
		before = queue_chunk(q, --i);
	uint32_t slot = before ? chunk_find(before, id) : 0;
	if (before && slot < before->used)
		return pos_of(before->number, slot);
	const struct chunk *k = queue_next_used(q, number);
	must(!k || k->first_id >= id);
	return k ? pos_of(k->number, 0) : q->tail_pos;
}

static bool is_cold_with(const struct chunk *k, uint64_t id)
{
	return k && k->is_cold && k->cold.first_id <= id && id <= k->cold.last_id;
}

struct chunk *queue_cold_with(const struct queue *q, uint64_t id)
{
	uint64_t number = first_not_below(q, id);
	struct chunk *k = NULL;
	must(q->cold_n > 0);
	for (uint64_t i = number; i > q->first && !k;)
		k = queue_chunk(q, --i);
	while (!is_cold_with(k, id)) {
		k = queue_next_used(q, number);
		if (!k || k->first_id > id)
			return NULL;
		number = k->number + 1;
	}
	return k;
}

uint64_t queue_id_ahead(const struct queue *q, uint64_t number)
{
	const struct chunk *k = number + 1 < queue_end(q) ? queue_chunk(q, number) : NULL;
	must(!k || k->used > 0);
	return k ? queue_ids_end(k) : 0;
}

void queue_check(const struct queue *q)
{
	uint64_t ready_n = 0, live_n = 0, durable_n = 0, last_id = 0, ready_bodies = 0, cold_n = 0;
	uint64_t pieces = 0;
	bool is_weighed = q->has->ruled && q->has->ruled->max_length_bytes != RULE_NONE;
	must(q->first > 0 && q->cursor <= q->tail_pos && q->durable_n <= q->live_n);
	must_if(q->chunks.n == 0, pos_slot(q->tail_pos) == 0);
	must_if(q->chunks.n, queue_chunk(q, q->first) && queue_chunk(q, queue_end(q) - 1));
	for (uint64_t i = q->first; i < queue_end(q); i++) {
		const struct chunk *k = queue_chunk(q, i);
		if (!k)
			continue;
		chunk_check(k);
		must(k->number == i && k->first_id >= last_id && k->queue == q);
		must(k->live_n || (i + 1 == queue_end(q) && q->live_n));
		last_id = max_u64(queue_ids_end(k), k->first_id);
		cold_n += k->is_cold;
		if (k->is_cold && is_weighed && bits_next_set(k->ready, CHUNK_N, 0) < CHUNK_N)
			ready_bodies += k->cold.bytes;
		ready_n += bits_count(k->ready, CHUNK_N);
		for (uint32_t s = 0; !k->is_cold && s < k->used; s++)
			pieces += bits_test(k->ready, s) ? queue_pieces(&k->entry[s]) : 0;
		for (uint32_t s = 0; k->bodies && s < k->used; s++)
			ready_bodies += bits_test(k->ready, s) ? k->bodies[s] : 0;
		live_n += k->live_n;
		durable_n += k->durable_n;
	}
	must(last_id <= q->last_id && cold_n == q->cold_n && pieces == q->has->ready_pieces);
	must(ready_n == q->ready_n && live_n == q->live_n && durable_n == q->durable_n);
	must_if(q->ready_n == q->live_n && q->durable_n == 0, q->ready_bytes == q->live_bytes);
	must(q->has->stream || q->cached_bytes <= q->live_bytes);
	must_if(q->has->stream, q->live_n == 0);
	must_if(q->has->ruled, ready_bodies == q->has->ruled->ready_bodies);
	lanes_check(q);
}
