#include "core/core_state.h"

#include <string.h>

/* Somebody looks at what is in a queue and leaves it there: page by page, what there was when he
 * began, and still is when he comes to it; also what consumers have and may give back. He holds
 * nothing between two pages but a place.
 *
 *   no priorities:   first ---> tail, as it was when he began
 *   priorities:      the same walk once for each of them, the highest first
 *
 * Entries that are not in memory come back one chunk at a time, and leave it behind him. */

/* What of the page is there so far. */
struct page {
	struct core *core;
	struct queue *queue;
	struct browse_row at;
	struct refs taken;
	uint64_t due_ms[LIMIT_BROWSE_ROWS]; /* of a keeper */
	uint64_t bytes;
	uint32_t n;
	bool is_end;
	bool is_lane_end; /* nothing more of this priority */
	bool is_waiting;  /* what comes next is being read */
};

/* In a queue that has met a group priorities count for nothing. */
static bool has_lanes(const struct queue *q)
{
	must(!q->has->stream);
	return q->has->lanes && !q->has->group;
}

/* The highest priority of a queue that has them, or had them when the walk began. */
static uint8_t highest(const struct queue *q)
{
	must(!q->has->stream);
	return q->has->lanes || q->is_ranked ? lanes_max(q) : UINT8_MAX;
}

/* Its consumers are about to need its entries. */
static bool is_near(const struct queue *q, const struct chunk *k)
{
	const uint64_t from = pos_chunk(q->cursor);
	must(k->queue == q);
	return !list_is_empty(&q->able) && k->number >= from && k->number - from < NEAR_CHUNKS;
}

static void leave(struct core *c, struct queue *q, uint64_t number)
{
	struct chunk *k = queue_chunk(q, number);
	must(q->id > 0);
	if (k && !k->is_cold && !is_near(q, k))
		core_cool_behind(c, q, k);
}

static bool is_shown(const struct page *p, const struct chunk *k, uint32_t slot)
{
	const struct entry *e = &k->entry[slot];
	const uint64_t ms = expiry_time(e->expiry_ms);
	must(p->core->is_leading);
	if (p->queue->has->delay) /* what goes on has given its message away */
		return core_is_kept(k, slot) && (e->mem || k->loc[slot]);
	if (e->flags & (ENTRY_SETTLING | ENTRY_DEAD) || (ms > 0 && ms <= p->core->now_ms))
		return false;
	return !p->at.by_lane || min_u64(e->priority, highest(p->queue)) == p->at.lane;
}

static void show(struct page *p, const struct chunk *k, uint32_t slot)
{
	const struct entry *e = &k->entry[slot];
	uint16_t flags = e->flags & (ENTRY_STORED | ENTRY_REDELIVERED);
	must(p->n < GIVE_N && (e->mem || k->loc[slot]));
	if (flags & ENTRY_PERSISTENT && e->id <= p->queue->redelivered_id)
		flags |= ENTRY_REDELIVERED;
	if (e->mem)
		refs_take(&p->taken, e->mem);
	else
		flags |= (e->flags & ENTRY_SPILLED) | ENTRY_STREAM;
	p->due_ms[p->n] = expiry_time(e->expiry_ms);
	p->core->giving.row[p->n++] = (struct deliver_row){ .mem = e->mem,
							    .loc = k->loc[slot],
							    .pos = pos_of(k->number, slot),
							    .bytes = e->bytes,
							    .flags = flags,
							    .count = e->count };
	p->bytes += e->bytes;
}

/* None of it is of the priority that is asked for: it need not be looked at, nor be in memory. */
static bool is_other_lane(const struct page *p, const struct chunk *k)
{
	must(k->live_n > 0);
	if (!p->at.by_lane || k->lanes_n <= p->at.lane)
		return false;
	if (!k->lane)
		return k->level != p->at.lane;
	return memcmp(k->live, k->ready, sizeof k->live) == 0 &&
	       bits_next_set(k->lane[p->at.lane], CHUNK_N, 0) == CHUNK_N;
}

/* The next live entry; NULL: none, and what that means is noted. */
static struct chunk *next(struct page *p)
{
	struct queue *q = p->queue;
	const uint64_t before = p->at.pos ? pos_chunk(p->at.pos - 1) : 0;
	struct chunk *k = queue_next_live(q, &p->at.pos);
	must(p->at.end > 0);
	if (!k || p->at.pos >= p->at.end) {
		p->at.pos = p->at.end;
		p->is_lane_end = true;
		p->is_end = !p->at.by_lane || p->at.lane == 0;
		return NULL;
	}
	if (before != k->number)
		leave(p->core, q, before);
	if (is_other_lane(p, k)) {
		p->at.pos = pos_of(k->number + 1, 0);
		return NULL;
	}
	if (k->is_cold && core_cold_want(p->core, q, k))
		p->is_waiting = true;
	else if (k->is_cold)
		p->at.pos = pos_of(k->number + 1, 0);
	return k->is_cold ? NULL : k;
}

static void collect(struct page *p)
{
	uint32_t steps = LIMIT_BROWSE_STEPS;
	const uint32_t max = (uint32_t)min_u64(p->at.messages, LIMIT_BROWSE_ROWS);
	must(p->n == 0 && LIMIT_BROWSE_ROWS <= GIVE_N);
	while (p->n < max && p->bytes < p->at.bytes && steps-- > 0) {
		const struct chunk *k = next(p);
		if (p->is_end || p->is_waiting)
			break;
		if (k) {
			if (is_shown(p, k, pos_slot(p->at.pos)))
				show(p, k, pos_slot(p->at.pos));
			p->at.pos++;
		} else if (p->is_lane_end) {
			if (p->n > 0) /* of another priority in another page */
				break;
			p->is_lane_end = false;
			p->at.lane--;
			p->at.pos = 0;
		}
	}
	refs_ref(&p->taken);
}

static void tell(const struct page *p, const struct run *cmd, struct post *fx)
{
	const struct core *c = p->core;
	const uint32_t loop = session_loop(cmd->session);
	struct run head = core_fx(c, FX_DELIVER, cmd);
	const struct reply_row what = { .op = CMD_BROWSE, .a = p->n, .b = p->is_end };
	must(cmd->session != 0);
	head.flags = DELIVER_FOUND;
	if (p->n)
		(void)post_run(fx, loop, &head, c->giving.row, sizeof *c->giving.row, p->n,
			       p->queue->has->delay ? slice_of(p->due_ms, p->n * sizeof *p->due_ms)
						    : SLICE_EMPTY);
	head = core_fx(c, FX_REPLY, cmd);
	(void)post_run(fx, loop, &head, &what, sizeof what, 1, slice_of(&p->at, sizeof p->at));
}

/* Done again, from `from` on, when something was read, or when what was published is there. */
static struct ask ask_of(const struct run *cmd, const struct browse_row *from, bool is_behind)
{
	must(cmd->session != 0);
	return (struct ask){
		.who = *cmd,
		.what = { .op = CMD_BROWSE, .a = cmd->flags, .b = !is_behind },
		.from = *from,
	};
}

static void ask_later(const struct run *cmd, const struct browse_row *from, struct outcomes *later)
{
	uint8_t tail[sizeof(struct reply_row) + sizeof *from];
	const struct ask a = ask_of(cmd, from, true);
	struct run head = *cmd;
	must(from->end == 0);
	head.kind = OUTCOME_BARRIER;
	head.flags = BARRIER_ASK;
	memcpy(tail, &a.what, sizeof a.what);
	memcpy(tail + sizeof a.what, from, sizeof *from);
	(void)outcomes_run(later, &head, NULL, 0, 0, slice_of(tail, sizeof tail));
}

static enum err may(const struct queue *q)
{
	if (!q || q->is_closed)
		return ERR_NOT_FOUND;
	must(q->id > 0);
	const bool is_other_keeper = q->flags & QUEUE_KEEPER && !q->has->delay;
	return q->has->stream || q->has->retain || is_other_keeper ? ERR_NOT_IMPLEMENTED : ERR_OK;
}

void core_browse(struct core *c, const struct run *cmd, const struct browse_row *from,
		 bool is_behind, struct outcomes *later, struct post *fx)
{
	struct queue *q = core_find_queue(c, cmd->queue);
	struct page p = { .core = c, .queue = q, .at = *from };
	const enum err e = may(q);
	must(from->messages > 0 && from->bytes > 0);
	if (e != ERR_OK) {
		core_reply(c, cmd, (struct reply_row){ .err = e, .op = CMD_BROWSE }, fx);
		return;
	}
	if (from->end == 0 && queue_awaits_log(q) && !is_behind) {
		ask_later(cmd, from, later);
		return;
	}
	core_used(c, q);
	if (from->end == 0) {
		p.at.end = max_u64(q->tail_pos, 1);
		p.at.by_lane = has_lanes(q);
		p.at.lane = p.at.by_lane ? highest(q) : 0;
	}
	collect(&p);
	if (p.is_waiting && p.n == 0) {
		const struct ask a = ask_of(cmd, &p.at, is_behind);
		core_cold_ask(c, &a);
		return;
	}
	tell(&p, cmd, fx);
}
