#include "core/core_group.h"
#include "core/core_once.h"
#include "core/core_select.h"

/* Messages become entries of their queue, as they were admitted; or there is none any more. */

void core_drop_rows(struct core *c, const struct run *to, const struct add_row *row, uint32_t n,
		    struct post *fx)
{
	struct refs gone = { 0 };
	must(n > 0);
	for (uint32_t i = 0; i < n; i++) {
		if (row[i].mem)
			refs_drop(&gone, row[i].mem);
		if (row[i].loc)
			core_freed(c, row[i].loc, row[i].bytes, row[i].flags);
	}
	refs_unref(&gone);
	core_confirm_rows(c, to, row, n, fx);
}

static void add_pieces(struct core *c, struct queue *q, const struct entry *e, uint32_t n)
{
	uint64_t pieces = 0;
	must(n > 0);
	for (uint32_t i = 0; i < n; i++)
		pieces += queue_pieces(&e[i]);
	if (pieces)
		queue_special(q, c->mem)->ready_pieces += pieces;
}

/* Fills slots of `k` from rows. Ids: of persistent entries one after the other from first_id on;
 * of transient ones all the same. Gives all bits of their expiries. */
static uint64_t fill(struct core *c, struct queue *q, struct chunk *k, const struct add_row *row,
		     uint32_t n, uint64_t first_id, bool is_logged)
{
	struct entry *e = k->entry + k->used;
	uint64_t *loc = k->loc + k->used, bytes = 0, cached = 0, expiry = 0;
	uint8_t kinds = 0;
	must(k->used + n <= CHUNK_N && first_id >= q->last_id);
	for (uint32_t i = 0; i < n; i++) {
		e[i] = (struct entry){
			.id = first_id + (is_logged ? i : 0),
			.mem = row[i].mem,
			.expiry_ms = row[i].expiry_ms,
			.bytes = row[i].bytes,
			.flags = row[i].flags & (ENTRY_STORED | ENTRY_SPILLED),
			.priority = row[i].priority,
		};
		loc[i] = row[i].loc;
		bytes += row[i].bytes;
		cached += row[i].mem ? row[i].bytes : 0;
		expiry |= row[i].expiry_ms;
		kinds |= row[i].flags;
	}
	q->last_id = e[n - 1].id;
	q->live_bytes += bytes;
	q->ready_bytes += bytes;
	q->cached_bytes += cached;
	if (kinds & ENTRY_BIG)
		add_pieces(c, q, e, n);
	return expiry;
}

/* The list of a large body that the log has need not stay in memory (node/shard.c). */
static void let_go_of_lists(struct queue *q, struct chunk *k, uint32_t from, uint32_t n)
{
	must(from + n <= k->used);
	for (uint32_t i = from; i < from + n; i++) {
		struct entry *e = &k->entry[i];
		if (!(e->flags & ENTRY_BIG) || !e->mem)
			continue;
		msg_unref(e->mem, 1);
		e->mem = 0;
		q->cached_bytes -= e->bytes;
	}
}

/* The newest `n` entries had no room. */
static void die(struct core *c, struct queue *q, uint32_t n)
{
	must(n > 0 && n <= q->ready_n);
	for (uint64_t pos = q->tail_pos - n; pos < q->tail_pos; pos++)
		core_dead(c, q, queue_chunk(q, pos_chunk(pos)), pos_slot(pos), DEAD_MAXLEN);
	queue_counting(q, c->mem)->refused += n;
	c->count.refused += n;
}

/* Rows from `from` on become entries. */
static void add_rows(struct core *c, struct queue *q, const struct run *o, uint32_t from,
		     uint64_t first_id, bool is_replay)
{
	const struct add_row *row = (const void *)(o + 1);
	bool is_logged = o->flags & RUN_LOGGED;
	uint64_t cached_before = q->cached_bytes, live_before = q->live_bytes;
	must(from < o->n);
	if (q->is_ranked)
		lanes_meet(q, row + from, o->n - from, c->mem);
	for (uint32_t at = from, n; at < o->n; at += n) {
		struct chunk *done, *k = queue_tail(q, &c->chunks, &done);
		if (done)
			core_release(c, q, done);
		n = (uint32_t)min_u64(o->n - at, CHUNK_N - k->used);
		chunk_room(&c->chunks, k, k->used + n);
		uint64_t expiry = fill(c, q, k, row + at, n, first_id + (is_logged ? at : 0),
				       is_logged);
		chunk_use(k, n);
		if (expiry && q->has->delay)
			core_delay_add(c, q, k, k->used - n, n);
		else if (expiry)
			core_watch_slots(c, k, k->used - n, n);
		if (expiry & EXPIRY_OF_GROUP)
			core_group_begin(c, q);
		if (is_replay)
			core_rule_replayed(c, k, row + at, n);
		else if (q->has->ruled || k->bodies)
			core_rule_weigh(c, q, k, k->used - n, n);
		if (is_logged)
			let_go_of_lists(q, k, k->used - n, n);
		if (q->has->lanes || q->is_ranked)
			lanes_add(q, k, k->used - n, n, c->mem);
		if (q->has->select)
			core_select_own(c, q, k, k->used - n, n, o->session);
		q->tail_pos += n;
		if (is_logged) {
			k->durable_n += n;
			core_changed(c, q, k);
		}
	}
	q->live_n += o->n - from;
	c->all.queued_n += o->n - from;
	c->all.bytes += q->live_bytes - live_before;
	q->ready_n += o->n - from;
	q->durable_n += is_logged ? o->n - from : 0;
	c->cached_bytes += q->cached_bytes - cached_before;
	if (o->flags & ADD_DEAD && core_dead_is_on(c, q))
		die(c, q, o->n);
}

void core_apply_add(struct core *c, struct run *o, uint64_t index, uint32_t ordinal,
		    struct post *fx)
{
	bool is_logged = o->flags & RUN_LOGGED;
	struct queue *q = core_find_queue(c, o->queue);
	if (!q && is_logged) { /* the log is read before the catalog tells of its queues */
		q = core_make_queue(c, o->queue, QUEUE_DURABLE);
		must(q != NULL);
	}
	if (!q) {
		c->count.dropped += o->n;
		core_drop_rows(c, o, run_rows(o), o->n, fx);
		return;
	}
	must(o->n > 0 && ordinal + o->n <= 1u << 16);
	if (o->flags & ADD_RESERVED) {
		must(q->pending_n >= o->n);
		q->pending_n -= o->n;
		if (q->has->ruled) /* which may have come after them */
			q->has->ruled->pending_bytes -= min_u64(
				q->has->ruled->pending_bytes, core_rule_bodies(run_rows(o), o->n));
	}
	bool may_pass = fx && !is_logged && !(o->flags & ADD_DEAD);
	uint32_t passed_n = may_pass ? core_pass(c, q, o, fx) : 0;
	if (passed_n && o->kind == OUTCOME_ADD_ONCE)
		core_once_passed(q, o);
	if (passed_n < o->n)
		add_rows(c, q, o, passed_n, is_logged ? index << 16 | ordinal : q->last_id, !fx);
	if (passed_n < o->n && o->kind == OUTCOME_ADD_ONCE)
		core_once_add(c, q, o, fx != NULL);
	queue_counting(q, c->mem)->published += o->n;
	c->count.published += o->n;
	if (!fx)
		return;
	core_confirm_rows(c, o, run_rows(o), o->n, fx);
	if (passed_n < o->n)
		core_activate(c, q);
}
