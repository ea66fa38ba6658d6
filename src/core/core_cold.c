#include "base/ablate.h"
#include "core/core_attempt.h"
#include "core/core_once.h"
#include "core/core_select.h"

/* Entries of chunks that are exactly what the newest checkpoint holds of them may leave memory:
 * their unit brings them back. What is done to single entries is decided only when they are there,
 * so that apply never misses any; what is done to all of a chunk needs none of them.
 *
 *     HOT --checkpoint kept, too many in memory--> COLD --wanted, read--> HOT
 *                                                   |
 *                                                   +--purged, dropped--> gone, unread
 */
void core_entries_limit(struct core *c, uint64_t bytes_max)
{
	must(c->mem != NULL);
	c->cold.bytes_max = bytes_max;
}

uint64_t core_entries_bytes(const struct core *c)
{
	must(c->mem != NULL);
	return chunk_pool_bytes(&c->chunks);
}

struct cold_count core_cold_count(const struct core *c)
{
	must(c->cold.read_n <= c->cold.left_n);
	return (struct cold_count){ c->cold.left_n, c->cold.read_n };
}

static bool is_too_much(const struct core *c)
{
	return core_entries_bytes(c) > c->cold.bytes_max;
}

/* ---- out of memory ----------------------------------------------------------------------- */

static bool is_all_ready(const struct chunk *k)
{
	bool is_any = false;
	for (uint32_t i = 0; i < CHUNK_WORDS; i++) {
		if (k->ready[i] != k->live[i])
			return false;
		is_any |= k->live[i] != 0;
	}
	return is_any;
}

static void cool(struct core *c, struct queue *q, struct chunk *k)
{
	struct cold cold;
	must(!k->is_cold && k->queue == q);
	if (k->lane || core_select_keeps(k) || k->durable_n != k->live_n || !is_all_ready(k) ||
	    k->expires_ms || k->bodies || k->once || wheel_is_set(&k->due.timer) ||
	    list_has_node(&k->late) || !chunk_weigh(k, &cold))
		return;
	core_select_drop(c, k);
	core_returned_drop(c, k); /* of none that is still there */
	struct chunk *left = chunk_cool(&c->chunks, k, &cold);
	if (!left)
		return;
	queue_swap(q, left);
	q->cold_n++;
	c->cold.left_n++;
}

void core_cool_one(struct core *c, struct queue *q, struct chunk *k)
{
	if (is_too_much(c) && k->is_stored)
		cool(c, q, k);
}

/* Queues whose limits look at each entry, or that have a highest priority, keep them. */
static bool is_plain(const struct queue *q)
{
	const struct ruled *r = q->has->ruled;
	const bool has_highest = q->has->lanes && !q->is_ranked;
	return !has_highest && !q->has->delay && !q->is_closed && !(q->flags & QUEUE_KEEPER) &&
	       (!r || (r->max_length == RULE_NONE && r->max_length_bytes == RULE_NONE));
}

void core_cool_behind(struct core *c, struct queue *q, struct chunk *k)
{
	if (k->changed <= c->checkpoint.kept && is_plain(q))
		core_cool_one(c, q, k);
}

/* From the first chunk that may go there on; what is not in a checkpoint yet will be later. */
void core_cool(struct core *c, struct queue *q)
{
	uint64_t near = list_is_empty(&q->able) ? 0 : pos_chunk(q->cursor) + NEAR_CHUNKS;
	if (!is_too_much(c) || !is_plain(q))
		return;
	uint64_t number = max_u64(q->cool_at, near);
	bool is_waiting = false; /* for a checkpoint */
	for (struct chunk *k; is_too_much(c) && (k = queue_next_used(q, number)) != NULL;) {
		number = k->number + 1;
		bool is_kept = k->is_stored && k->changed <= c->checkpoint.kept;
		is_waiting |= !is_kept || k->used < CHUNK_N;
		if (!k->is_cold && (is_kept || ABLATED(cold_clean)))
			cool(c, q, k);
		if (!is_waiting)
			q->cool_at = number;
	}
	must(q->cool_at <= queue_end(q));
}

/* ---- back -------------------------------------------------------------------------------- */

static void want(struct core *c, struct queue *q, struct chunk *k)
{
	struct unit_key key = { q->id, k->number };
	must(k->is_cold);
	if (k->is_wanted)
		return;
	k->is_wanted = true;
	enum err err = deque_push(&c->cold.wants, c->mem, &key);
	must(err == ERR_OK);
}

bool core_live_again(struct core *c, struct live_walk *io_walk)
{
	struct queue *q = core_find_queue(c, io_walk->queue);
	struct chunk *k = q ? queue_chunk(q, io_walk->chunk) : NULL;
	must(io_walk->id == 0 && io_walk->chunk != 0);
	if (!k || !k->is_cold || !is_all_ready(k))
		return false;
	want(c, q, k);
	io_walk->pos = pos_of(k->number, 0);
	io_walk->chunk = 0;
	return true;
}

bool core_near(struct core *c, struct queue *q, const struct chunk *k)
{
	must(q->cold_n > 0);
	for (uint64_t i = 0; i < NEAR_CHUNKS && k->number + i < queue_end(q); i++) {
		struct chunk *ahead = queue_chunk(q, k->number + i);
		if (ahead && ahead->is_cold && is_all_ready(ahead))
			want(c, q, ahead);
	}
	return !k->is_cold;
}

bool core_has_wants(const struct core *c)
{
	must(c->mem != NULL);
	return c->cold.wants.n > 0;
}

uint32_t core_wants_take(struct core *c, struct unit_key *out, uint32_t max)
{
	uint32_t n = 0;
	must(max > 0);
	while (n < max && deque_pop(&c->cold.wants, &out[n]))
		n++;
	return n;
}

void core_cold_ask(struct core *c, const struct ask *a)
{
	must(a->who.session != 0);
	enum err err = deque_push(&c->cold.asks, c->mem, a);
	must(err == ERR_OK);
}

bool core_cold_want(struct core *c, struct queue *q, struct chunk *k)
{
	if (!is_all_ready(k))
		return false;
	want(c, q, k);
	return true;
}

static void ask_again(struct core *c)
{
	struct ask a;
	must(c->is_leading || c->cold.asks.n == 0);
	while (deque_pop(&c->cold.asks, &a)) {
		enum err err = deque_push(&c->asks, c->mem, &a);
		must(err == ERR_OK);
	}
}

/* Its bytes count by chunk while it is cold, and by entry from now on. */
static void weigh_again(struct core *c, struct queue *q, struct chunk *k, uint64_t bytes)
{
	struct ruled *r = q->has->ruled;
	if (!r || r->max_length_bytes == RULE_NONE) {
		core_rule_unweigh(c, k); /* its unit is of a time when there was a limit */
		return;
	}
	must(r->ready_bodies >= bytes);
	r->ready_bodies -= bytes;
	core_rule_count(c, q, k);
}

/* The entries of a unit. False: they are not those that have left. */
static bool is_back(struct core *c, const struct chunk *cold, struct chunk *hot, struct slice unit)
{
	if (core_chunk_read(c, hot, unit) != ERR_OK)
		return false;
	return memcmp(cold->live, hot->live, sizeof hot->live) == 0 &&
	       digest_eq(cold->cold.sum, chunk_sum(hot));
}

static void lost(struct core *c, struct queue *q, struct chunk *k, struct chunk *own_hot)
{
	must(ABLATED(cold_clean)); /* all of a checkpoint has been read and compared before */
	core_once_drop(c, own_hot);
	core_returned_drop(c, own_hot);
	core_rule_unweigh(c, own_hot);
	chunk_put(&c->chunks, own_hot);
	core_cold_drop(c, q, k);
	core_release(c, q, k);
}

void core_warm(struct core *c, struct unit_key key, struct slice unit)
{
	struct queue *q = core_find_queue(c, key.queue);
	struct chunk *k = q ? queue_chunk(q, key.chunk) : NULL;
	ask_again(c);
	if (!k || !k->is_cold || !is_all_ready(k))
		return;
	struct chunk *hot = chunk_take(&c->chunks, key.chunk);
	uint64_t bytes = k->cold.bytes;
	core_activate(c, q);
	if (!is_back(c, k, hot, unit)) {
		lost(c, q, k, hot);
		return;
	}
	chunk_warm(&c->chunks, k, hot);
	queue_swap(q, hot);
	q->cold_n--;
	c->cold.read_n++;
	weigh_again(c, q, hot, bytes);
	if (key.chunk > pos_chunk(q->cursor) + 2 * NEAR_CHUNKS)
		q->cool_at = min_u64(q->cool_at, key.chunk);
}

/* ---- replay ------------------------------------------------------------------------------ */

static bool is_held(const struct queue *q, uint64_t from, uint64_t to, struct unit_key *out)
{
	const struct chunk *k[2] = { queue_cold_with(q, from), queue_cold_with(q, to) };
	must(from <= to);
	for (uint32_t i = 0; i < 2; i++)
		if (k[i] && (k[i]->cold.first_id < from || k[i]->cold.last_id > to)) {
			*out = (struct unit_key){ q->id, k[i]->number };
			return true;
		}
	return false;
}

bool core_needs(struct core *c, const struct run *o, struct unit_key *out)
{
	struct queue *q = core_find_queue(c, o->queue);
	if (!q || q->cold_n == 0)
		return false;
	if (o->kind == OUTCOME_REMOVE) {
		const struct remove_row *row = (const void *)(o + 1);
		for (uint32_t i = 0; i < o->n; i++)
			if (is_held(q, row[i].first_id, row[i].last_id, out))
				return true;
	} else if (o->kind == OUTCOME_COUNT || o->kind == OUTCOME_RETURN) {
		return core_back_needs(q, o, out);
	}
	return false;
}

bool core_cold_next(struct core *c, struct unit_key *io_key, bool is_any)
{
	const struct queue *q = core_find_queue(c, io_key->queue);
	uint64_t number = io_key->chunk;
	must(io_key->queue != 0);
	if (!q || q->cold_n == 0)
		return false;
	for (const struct chunk *k; (k = queue_next_used(q, number)) != NULL; number++) {
		number = k->number;
		if (!k->is_cold || (!is_any && !k->cold.differ))
			continue;
		io_key->chunk = number;
		return true;
	}
	return false;
}

/* ---- gone, unread ------------------------------------------------------------------------ */

/* All of it is not ready any more. */
static void off(struct queue *q, struct chunk *k)
{
	must(is_all_ready(k) && q->ready_n >= k->live_n);
	lanes_leave(q, k);
	memset(k->ready, 0, sizeof k->ready);
	q->ready_n -= k->live_n;
	q->ready_bytes -= k->cold.bytes;
	if (q->has->ruled && q->has->ruled->max_length_bytes != RULE_NONE)
		q->has->ruled->ready_bodies -= k->cold.bytes;
}

uint64_t core_cold_remove(struct removal *r, struct chunk *k)
{
	must(k->is_cold);
	if (!is_all_ready(k)) /* on its way already */
		return 0;
	uint32_t first = (uint32_t)bits_next_set(k->live, CHUNK_N, 0), last = CHUNK_N - 1;
	while (!bits_test(k->live, last))
		last--;
	struct remove_row row = { k->cold.first_id, k->cold.last_id, pos_of(k->number, first),
				  pos_of(k->number, last) };
	off(r->queue, k);
	core_remove_between(r, &row);
	return k->live_n;
}

void core_cold_drop(struct core *c, struct queue *q, struct chunk *k)
{
	must(k->is_cold && k->live_n > 0 && q->live_n >= k->live_n);
	if (is_all_ready(k))
		off(q, k);
	memset(k->live, 0, sizeof k->live);
	q->live_n -= k->live_n;
	q->durable_n -= k->live_n;
	q->live_bytes -= k->cold.bytes;
	c->all.queued_n -= k->live_n;
	c->all.bytes -= k->cold.bytes;
	k->live_n = k->durable_n = 0;
	if (!ABLATED(checkpoint_settled))
		core_changed(c, q, k);
	for (uint32_t i = 0; i < k->cold.spans_n; i++) {
		const struct cold_span *s = &k->cold.span[i];
		core_freed_many(c, (uint64_t)s->segment << 32, s->bytes, s->n);
	}
}

void core_cold_end(struct core *c, struct queue *q, struct chunk *own_k)
{
	struct chunk *k = chunk_take(&c->chunks, own_k->number);
	must(own_k->is_cold && own_k->live_n == 0);
	k->used = 1;
	k->entry[0] = (struct entry){ .id = own_k->cold.last_id };
	chunk_warm(&c->chunks, own_k, k);
	queue_swap(q, k);
	q->cold_n--;
}
