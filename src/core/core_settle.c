#include "base/ablate.h"
#include "core/core_attempt.h"
#include "core/core_bequest.h"
#include "core/core_group.h"
#include "core/core_once.h"
#include "core/core_retain.h"
#include "core/core_select.h"
#include "core/core_stream.h"

/* ---- removals into the log -------------------------------------------------------------- */

static bool is_next(const struct queue *q, const struct remove_row *before, uint64_t pos)
{
	if (pos == before->last_pos + 1)
		return true;
	uint64_t live = before->last_pos + 1;
	return pos > before->last_pos && queue_next_live(q, &live) && live == pos;
}

void core_remove(struct removal *r, struct chunk *k, uint32_t slot)
{
	struct entry *e = &k->entry[slot];
	uint64_t pos = pos_of(k->number, slot);
	must(bits_test(k->live, slot) && !bits_test(k->ready, slot));
	must(e->flags & ENTRY_PERSISTENT && !(e->flags & ENTRY_SETTLING));
	e->flags |= ENTRY_SETTLING;
	if (k->once)
		core_once_left(r->queue, k, slot);
	if (r->row.first_pos && is_next(r->queue, &r->row, pos)) {
		r->row.last_pos = pos;
		r->row.last_id = e->id;
		return;
	}
	core_removed(r);
	r->row = (struct remove_row){ e->id, e->id, pos, pos };
}

void core_remove_between(struct removal *r, const struct remove_row *row)
{
	must(row->first_pos && row->first_id <= row->last_id);
	if (r->row.first_pos && is_next(r->queue, &r->row, row->first_pos)) {
		r->row.last_pos = row->last_pos;
		r->row.last_id = row->last_id;
		return;
	}
	core_removed(r);
	r->row = *row;
}

void core_removed(struct removal *r)
{
	if (!r->row.first_pos)
		return;
	must(r->row.first_id <= r->row.last_id && r->row.first_pos <= r->row.last_pos);
	struct run head = { .kind = OUTCOME_REMOVE,
			    .queue = r->queue->id,
			    .flags = (uint8_t)(RUN_LOGGED | r->reason) };
	struct run *last = outcomes_last(r->later, sizeof r->row);
	if (!last || !run_same(last, &head)) {
		(void)outcomes_run(r->later, &head, &r->row, sizeof r->row, 1, SLICE_EMPTY);
	} else {
		struct remove_row *end = (struct remove_row *)run_rows(last) + last->n - 1;
		if (is_next(r->queue, end, r->row.first_pos)) {
			end->last_pos = r->row.last_pos;
			end->last_id = r->row.last_id;
		} else {
			struct remove_row *row = outcomes_row(r->later, last, sizeof *row);
			*row = r->row;
		}
	}
	r->row.first_pos = 0;
}

/* ---- settle ----------------------------------------------------------------------------- */

struct settling {
	struct core *core;
	struct queue *queue;
	struct refs gone;
	struct removal removal;
	uint64_t bytes;
	uint32_t n[SETTLE_N]; /* by enum settle */
	struct attempts attempts;
};

static void settle_gone(struct settling *t, struct chunk *k, uint32_t slot, uint32_t how)
{
	enum remove_reason reason = how == SETTLE_ACCEPT ? REMOVE_SETTLED : REMOVE_REJECTED;
	must(how == SETTLE_ACCEPT || how == SETTLE_REJECT || how == SETTLE_BURY);
	if (how == SETTLE_BURY && t->core->dead_session) {
		core_dead_bury(t->core, t->queue, k, slot);
		return;
	}
	if (how == SETTLE_REJECT && core_dead_is_on(t->core, t->queue)) {
		core_dead(t->core, t->queue, k, slot, DEAD_REJECTED);
		return;
	}
	if (!(k->entry[slot].flags & ENTRY_PERSISTENT)) {
		core_drop_entry(t->core, t->queue, k, slot, &t->gone);
		return;
	}
	if (t->removal.reason != reason) {
		core_removed(&t->removal);
		t->removal.reason = reason;
	}
	core_remove(&t->removal, k, slot);
}

void core_release_entry(struct core *c, struct queue *q, struct chunk *k, uint32_t slot)
{
	struct entry *e = &k->entry[slot];
	must(!bits_test(k->ready, slot));
	e->flags |= ENTRY_REDELIVERED;
	queue_on(q, k, slot);
	if (expiry_time(e->expiry_ms))
		core_watch(c, k, expiry_time(e->expiry_ms));
	if (!ABLATED(requeue_place))
		q->cursor = min_u64(q->cursor, pos_of(k->number, slot));
	if (q->has->select)
		core_select_back(q, k, slot);
	if (q->has->group)
		core_group_back(q, k, slot);
}

void core_give_back(struct core *c, struct queue *q, struct chunk *k, uint32_t slot,
		    bool is_failure)
{
	must(chunk_is_given(k, slot));
	if (!q->has->retry || ABLATED(retry_wait) || !core_retry_wait(c, q, k, slot, is_failure))
		core_release_entry(c, q, k, slot);
}

static void settle_released(struct settling *t, struct chunk *k, uint32_t slot)
{
	const struct ruled *r = t->queue->has->ruled;
	must(chunk_is_given(k, slot));
	if (r && r->counts)
		core_attempted(t->core, t->queue, k, slot, false, &t->attempts);
	else
		core_give_back(t->core, t->queue, k, slot, false);
}

/* It is given again, unless that was tried too often. */
static void settle_failed(struct settling *t, struct chunk *k, uint32_t slot)
{
	const struct ruled *r = t->queue->has->ruled;
	if (!r || !r->counts)
		core_give_back(t->core, t->queue, k, slot, true);
	else if (k->entry[slot].count < r->delivery_limit)
		core_attempted(t->core, t->queue, k, slot, true, &t->attempts);
	else if (core_dead_is_on(t->core, t->queue))
		core_dead(t->core, t->queue, k, slot, DEAD_DELIVERY_LIMIT);
	else
		settle_gone(t, k, slot, SETTLE_REJECT);
}

static void settle_rows(struct settling *t, const struct settle_row *row, uint32_t n)
{
	struct queue *q = t->queue;
	struct chunk *k = NULL;
	for (uint32_t i = 0; i < n; i++) {
		uint32_t slot = pos_slot(row[i].pos);
		if (!k || k->number != pos_chunk(row[i].pos)) {
			if (k)
				core_release(t->core, q, k);
			k = queue_chunk(q, pos_chunk(row[i].pos));
			if (k && k->is_cold)
				k = NULL; /* nothing in it is given */
		}
		if (!k || !chunk_is_given(k, slot))
			continue; /* settled before, or gone with a queue of that name */
		must(row[i].how < SETTLE_N);
		if (q->has->group)
			core_group_settled(t->core, q, &k->entry[slot]);
		t->n[row[i].how]++;
		t->bytes += k->entry[slot].bytes;
		if (row[i].how == SETTLE_RELEASE)
			settle_released(t, k, slot);
		else if (row[i].how == SETTLE_FAIL)
			settle_failed(t, k, slot);
		else
			settle_gone(t, k, slot, row[i].how);
	}
	if (k)
		core_release(t->core, q, k);
}

static void count_settled(struct queue_count *count, const uint32_t n[SETTLE_N])
{
	count->accepted += n[SETTLE_ACCEPT];
	count->released += n[SETTLE_RELEASE] + n[SETTLE_FAIL];
	count->rejected += n[SETTLE_REJECT] + n[SETTLE_BURY];
}

/* Whoever publishes these accepts them; what he gives back he had got like anybody else. */
static bool is_dead_letters(const struct core *c, const struct run *cmd)
{
	const struct settle_row *row = (const void *)(cmd + 1);
	must(cmd->n > 0);
	return cmd->session && cmd->session == c->dead_session && row->how == SETTLE_ACCEPT;
}

void core_settle(struct core *c, struct run *cmd, struct outcomes *later)
{
	struct queue *q = core_find_queue(c, cmd->queue);
	if (is_dead_letters(c, cmd)) {
		core_dead_settle(c, cmd, later);
		return;
	}
	if (!q)
		return;
	if (q->has->stream) {
		core_stream_settle(c, q, cmd);
		return;
	}
	struct settling t = { .core = c, .queue = q, .removal = { .queue = q, .later = later } };
	settle_rows(&t, run_rows(cmd), cmd->n);
	core_removed(&t.removal);
	const uint32_t pending_n = t.attempts.failed_n + t.attempts.returned_n;
	if (pending_n)
		core_attempts_end(c, q, cmd, &t.attempts, later);
	refs_unref(&t.gone);
	count_settled(queue_counting(q, c->mem), t.n);
	count_settled(&c->count, t.n);
	if (t.n[SETTLE_RELEASE] + t.n[SETTLE_FAIL])
		core_activate(c, q);
	struct consumer *s = consumer_find(&c->consumers, q, cmd);
	uint32_t n = 0;
	for (uint32_t how = 0; how < SETTLE_N; how++)
		n += t.n[how];
	must(n <= cmd->n);
	if (s && !(s->flags & SUBSCRIBE_NO_ACK) && consumer_settled(s, n, t.bytes))
		core_activate(c, q);
	if (q->has->single)
		core_single_settled(c, q, cmd, n, pending_n);
}

/* ---- purge ------------------------------------------------------------------------------ */

/* What is ready in `k` goes; how much of it the log must know of. */
static uint64_t purge_chunk(struct core *c, struct queue *q, struct chunk *k, struct removal *r,
			    struct refs *gone)
{
	uint64_t durable_n = 0;
	must(r->queue == q);
	if (k->is_cold)
		return core_cold_remove(r, k);
	for (uint32_t i = 0; (i = (uint32_t)bits_next_set(k->ready, CHUNK_N, i)) < CHUNK_N;) {
		if (!(k->entry[i].flags & ENTRY_PERSISTENT)) {
			core_drop_entry(c, q, k, i, gone);
			continue;
		}
		queue_off(q, k, i);
		core_remove(r, k, i);
		durable_n++;
	}
	core_release(c, q, k);
	return durable_n;
}

static uint64_t purge_ready(struct core *c, struct queue *q, struct outcomes *later)
{
	struct removal r = { .queue = q, .later = later, .reason = REMOVE_PURGED };
	struct refs gone = { 0 };
	uint64_t durable_n = 0, number = 0;
	for (struct chunk *k; (k = queue_next_used(q, number)) != NULL;) {
		number = k->number + 1;
		durable_n += purge_chunk(c, q, k, &r, &gone);
	}
	core_removed(&r);
	refs_unref(&gone);
	must(q->ready_n == 0 && q->ready_bytes == 0);
	return durable_n;
}

void core_purge(struct core *c, const struct run *cmd, bool is_behind, struct outcomes *later,
		struct post *fx)
{
	struct queue *q = core_find_queue(c, cmd->queue);
	struct reply_row what = { .err = ERR_NOT_FOUND, .op = CMD_PURGE };
	if (!q || q->is_closed) {
		core_reply(c, cmd, what, fx);
		return;
	}
	if (q->has->stream || q->has->retain) {
		what.err = ERR_NOT_IMPLEMENTED;
		core_reply(c, cmd, what, fx);
		return;
	}
	if (queue_awaits_log(q) && !is_behind) {
		core_ask_later(cmd, later);
		return;
	}
	core_serve(c, q, later, fx);
	if (q->has->delay) {
		core_cancel_kept(c, q, cmd, later, fx);
		return;
	}
	what.err = ERR_OK;
	what.a = q->ready_n;
	queue_counting(q, c->mem)->purged += what.a;
	c->count.purged += what.a;
	if (purge_ready(c, q, later) == 0) {
		core_reply(c, cmd, what, fx);
		return;
	}
	struct run head = core_fx(c, OUTCOME_BARRIER, cmd);
	must(what.a > 0);
	(void)outcomes_run(later, &head, NULL, 0, 0, slice_of(&what, sizeof what));
}

/* ---- apply ------------------------------------------------------------------------------ */

/* Drops the persistent entries from `pos` on as long as neither bound is passed. */
static void remove_between(struct core *c, struct queue *q, uint64_t pos,
			   const struct remove_row *row, struct refs *gone)
{
	struct chunk *before = NULL, *k;
	uint64_t last_pos = row->first_pos ? row->last_pos : UINT64_MAX;
	must(row->first_id <= row->last_id);
	for (; (k = queue_next_live(q, &pos)) != NULL && pos <= last_pos; pos++) {
		if (before && before != k)
			core_release(c, q, before);
		before = k;
		if (k->is_cold && k->cold.last_id <= row->last_id) {
			core_cold_drop(c, q, k);
			pos = pos_of(k->number, CHUNK_N - 1);
			continue;
		}
		if (k->is_cold || k->entry[pos_slot(pos)].id > row->last_id)
			break;
		struct entry *e = &k->entry[pos_slot(pos)];
		if (e->flags & ENTRY_PERSISTENT)
			core_drop_entry(c, q, k, pos_slot(pos), gone);
	}
	if (before)
		core_release(c, q, before);
}

void core_apply_remove(struct core *c, const struct run *o)
{
	const struct remove_row *row = (const void *)(o + 1);
	struct queue *q = core_find_queue(c, o->queue);
	struct refs gone = { 0 };
	must(o->n > 0);
	if (q && q->has->retain) { /* by who has not found the message there (salvage) */
		core_retain_lose(c, q, row->first_id);
		return;
	}
	for (uint32_t i = 0; q && i < o->n; i++) {
		uint64_t pos = row[i].first_pos ? row[i].first_pos : queue_find(q, row[i].first_id);
		remove_between(c, q, pos, &row[i], &gone);
	}
	refs_unref(&gone);
	if (q && core_has_bequest(q))
		core_activate(c, q);
}

uint64_t core_drop_all(struct core *c, struct queue *q)
{
	uint64_t ready_n = q->ready_n, pos = 0;
	struct refs gone = { 0 };
	struct chunk *before = NULL, *k;
	for (; (k = queue_next_live(q, &pos)) != NULL; pos++) {
		if (before && before != k)
			core_release(c, q, before);
		before = k;
		if (k->is_cold) {
			core_cold_drop(c, q, k);
			pos = pos_of(k->number, CHUNK_N - 1);
			continue;
		}
		core_drop_entry(c, q, k, pos_slot(pos), &gone);
	}
	if (before)
		core_release(c, q, before);
	refs_unref(&gone);
	must(q->live_n == 0 && q->chunks.n == 0 && q->cached_bytes == 0);
	return ready_n;
}
