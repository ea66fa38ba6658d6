#include "base/ablate.h"
#include "core/core_bequest.h"
#include "core/core_group.h"
#include "core/core_mark.h"
#include "core/core_select.h"
#include "core/core_stream.h"
#include "core/core_use.h"

/* ---- one entry -------------------------------------------------------------------------- */

/* What giving collects besides the rows. */
struct hands {
	struct core *core;
	struct queue *queue;
	struct refs taken;
	struct removal removal;
	uint64_t redelivered_n, no_ack_n;
};

/* The row `row` of the batch says how often its message came back, beside what fits into it. */
static void note_returned(struct core *c, const struct chunk *k, uint32_t slot,
			  const struct deliver_row *row)
{
	struct giving *g = &c->giving;
	must(row >= g->row && row < g->row + GIVE_N);
	g->returned[row - g->row] = chunk_returned(k, slot);
	c->returned_n++;
}

static uint16_t flags_to_tell(struct hands *h, const struct chunk *k, uint32_t slot,
			      const struct deliver_row *row)
{
	const struct entry *e = &k->entry[slot];
	uint16_t flags = e->flags &
			 (ENTRY_STORED | ENTRY_REDELIVERED | ENTRY_RETURNED | ENTRY_SPILLED);
	if (flags & ENTRY_PERSISTENT && e->id <= h->queue->redelivered_id)
		flags |= ENTRY_REDELIVERED;
	if (flags & ENTRY_REDELIVERED) {
		h->redelivered_n++;
		if (flags & ENTRY_RETURNED)
			note_returned(h->core, k, slot, row);
	}
	must(!(flags & ENTRY_SETTLING));
	return flags;
}

static void hands_init(struct hands *h, struct core *c, struct queue *q, struct outcomes *later)
{
	must(q->ready_n > 0);
	*h = (struct hands){ .core = c, .queue = q };
	h->removal = (struct removal){ .queue = q, .later = later, .reason = REMOVE_GIVEN };
}

static void hands_done(struct hands *h)
{
	struct core *c = h->core;
	must(h->queue != NULL);
	refs_ref(&h->taken);
	core_removed(&h->removal);
	queue_counting(h->queue, c->mem)->redelivered += h->redelivered_n;
	c->count.redelivered += h->redelivered_n;
}

static inline void row_of(struct hands *h, const struct chunk *k, uint32_t slot,
			  struct deliver_row *out)
{
	const struct entry *e = &k->entry[slot];
	*out = (struct deliver_row){ .mem = e->mem,
				     .loc = k->loc[slot],
				     .pos = pos_of(k->number, slot),
				     .bytes = e->bytes,
				     .flags = flags_to_tell(h, k, slot, out),
				     .count = e->count };
	h->queue->cursor = out->pos + 1;
	must(out->mem || out->loc);
}

/* The row of a ready entry, which is given from now on: it owns a reference of its own. */
static void give_held(struct hands *h, struct chunk *k, uint32_t slot, struct deliver_row *out)
{
	struct queue *q = h->queue;
	struct entry *e = &k->entry[slot];
	row_of(h, k, slot, out);
	queue_off(q, k, slot);
	if (!e->mem)
		return;
	if (e->flags & ENTRY_PERSISTENT && core_cache_is_full(h->core, q))
		(void)core_unmem(h->core, q, e);
	else
		refs_take(&h->taken, e->mem);
}

/* Likewise, but the entry is gone with it: at once, or when the log knows. The entry's reference
 * moves into the row. What must still be read from its place is only held: ENTRY_SETTLE. */
static void give_away(struct hands *h, struct chunk *k, uint32_t slot, struct deliver_row *out)
{
	struct core *c = h->core;
	struct queue *q = h->queue;
	struct entry *e = &k->entry[slot];
	struct refs none = { 0 };
	if (!e->mem) {
		give_held(h, k, slot, out);
		out->flags |= ENTRY_SETTLE;
		return;
	}
	row_of(h, k, slot, out);
	queue_off(q, k, slot);
	(void)core_unmem(c, q, e);
	if (e->flags & ENTRY_PERSISTENT)
		core_remove(&h->removal, k, slot);
	else
		core_drop_entry(c, q, k, slot, &none);
	must(none.n == 0);
}

/* To one who does not acknowledge, or wants numbers. */
static void give_otherwise(struct hands *h, const struct consumer *s, struct chunk *k,
			   uint32_t slot, struct deliver_row *out)
{
	const struct entry e = k->entry[slot]; /* it may be gone with it */
	must(e.id > 0 || !(e.flags & ENTRY_PERSISTENT));
	if (s->flags & SUBSCRIBE_NO_ACK) {
		give_away(h, k, slot, out);
		h->no_ack_n++;
	} else {
		give_held(h, k, slot, out);
	}
	if (s->flags & SUBSCRIBE_NUMBERED)
		out->count = e.flags & ENTRY_PERSISTENT ? entry_number(e.id) : 0;
}

/* ---- round the ring --------------------------------------------------------------------- */

/* Row `n` of the batch goes to `s`, behind what is there for it. */
static inline void batch_to(struct giving *g, uint32_t n, struct consumer *s)
{
	g->to[n] = s;
	g->next[n] = 0;
	if (s->batch_last != BATCH_NONE)
		g->next[s->batch_last] = (uint16_t)n;
	s->batch_last = n;
	consumer_spend(s, g->row[n].bytes);
}

/* Not simply the next one to the next one: somebody has a selector, or messages have groups. */
static struct chunk *choose(struct core *c, struct queue *q, struct outcomes *later,
			    struct consumer **out_s, uint32_t *out_slot)
{
	must(q->has->select || q->has->group);
	return q->has->select ? core_select_next(c, q, later, out_s, out_slot)
			      : core_group_next(c, q, later, out_s, out_slot);
}

static void chosen(struct core *c, struct queue *q, struct chunk *k, uint32_t slot,
		   struct deliver_row *io_row, struct consumer *s)
{
	must(io_row->pos == pos_of(k->number, slot));
	if (q->has->group && core_group_given(q, k, slot, s))
		io_row->flags |= ENTRY_FIRST;
	if (q->has->select) {
		core_select_given(c, q, k);
		return;
	}
	q->cursor = q->has->group->kept;
	core_release(c, q, k);
}

/* Collects up to GIVE_N rows: the next message to the next consumer, as long as there are both. */
static uint32_t collect(struct core *c, struct queue *q, struct outcomes *later)
{
	struct giving *g = &c->giving;
	struct hands h;
	struct chunk *known = NULL, *k;
	uint32_t n = 0, slot;
	const bool is_choosy = q->has->select || q->has->group;
	hands_init(&h, c, q, later);
	for (; n < GIVE_N && !list_is_empty(&q->able); n++) {
		struct consumer *s = containerof(q->able.head.next, struct consumer, node);
		k = is_choosy ? choose(c, q, later, &s, &slot)
			      : core_next_ready(c, q, &known, later, &slot);
		if (!k || !core_is_marked(c, q, &k->entry[slot], pos_of(k->number, slot), later))
			break;
		if (s->flags & (SUBSCRIBE_NO_ACK | SUBSCRIBE_NUMBERED))
			give_otherwise(&h, s, k, slot, &g->row[n]);
		else
			give_held(&h, k, slot, &g->row[n]);
		batch_to(g, n, s);
		if (is_choosy)
			chosen(c, q, k, slot, &g->row[n], s);
	}
	if (known)
		core_release(c, q, known);
	hands_done(&h);
	queue_counting(q, c->mem)->given_no_ack += h.no_ack_n;
	c->count.given_no_ack += h.no_ack_n;
	queue_counting(q, c->mem)->given += n - h.no_ack_n;
	c->count.given += n - h.no_ack_n;
	return n;
}

static struct run deliver_head(const struct core *c, const struct consumer *s)
{
	must(s->session != 0);
	return (struct run){ .kind = FX_DELIVER,
			     .channel = s->channel,
			     .session = s->session,
			     .shard = c->shard,
			     .queue = s->queue->id,
			     .arg = s->arg };
}

/* Tells one consumer its rows, from `first` on by the chain. */
static void tell(struct core *c, const struct consumer *s, uint32_t first, uint32_t n,
		 struct post *fx)
{
	struct giving *g = &c->giving;
	uint32_t loop = session_loop(s->session);
	struct run head = deliver_head(c, s);
	struct run *r = post_last(fx, loop, sizeof *g->row);
	if (r && (!run_same(r, &head) || r->arg != head.arg))
		r = NULL;
	bool is_dense = s->batch_last == first + n - 1; /* all of them side by side */
	if (!r && is_dense) {
		(void)post_run(fx, loop, &head, &g->row[first], sizeof *g->row, n, SLICE_EMPTY);
		return;
	}
	for (uint32_t i = first, left = n; left > 0; i = is_dense ? i + 1 : g->next[i], left--) {
		if (r)
			*(struct deliver_row *)post_row(fx, loop, r, sizeof *g->row) = g->row[i];
		else
			(void)post_run(fx, loop, &head, &g->row[i], sizeof *g->row, 1, SLICE_EMPTY);
		r = post_last(fx, loop, sizeof *g->row);
	}
}

static void tell_all(struct core *c, uint32_t n, struct post *fx)
{
	struct giving *g = &c->giving;
	must(n <= GIVE_N);
	for (uint32_t i = 0; i < n; i++) {
		struct consumer *s = g->to[i];
		uint32_t rows = 1;
		if (s->has_twin) /* row by row: their channel numbers what both get */
			s->batch_last = i;
		else if (s->batch_last == BATCH_NONE)
			continue; /* told with an earlier row */
		for (uint32_t j = i; j != s->batch_last; j = g->next[j])
			rows++;
		tell(c, s, i, rows, fx);
		s->batch_last = BATCH_NONE;
	}
}

/* Row by row: what came back and had not failed is alone in its run, which says how often. */
static void tell_apart(struct core *c, uint32_t n, struct post *fx)
{
	struct giving *g = &c->giving;
	must(n <= GIVE_N && c->returned_n <= n);
	for (uint32_t i = 0; i < n; i++) {
		struct consumer *s = g->to[i];
		const struct run head = deliver_head(c, s);
		const bool says = g->row[i].flags & ENTRY_RETURNED;
		const uint64_t returned = says ? g->returned[i] : 0;
		(void)post_run(fx, session_loop(s->session), &head, &g->row[i], sizeof *g->row, 1,
			       says ? slice_of(&returned, RETURNED_BYTES) : SLICE_EMPTY);
		s->batch_last = BATCH_NONE;
	}
	c->returned_n = 0;
}

/* Who gets all that the queue gives now; NULL: perhaps several do. */
static inline struct consumer *only_one(const struct queue *q)
{
	struct consumer *s = containerof(q->able.head.next, struct consumer, node);
	must(!list_is_empty(&q->able));
	return s->node.next == s->node.prev && !s->has_twin ? s : NULL;
}

/* All `n` rows are for one. */
static inline void tell_one(struct core *c, struct consumer *s, uint32_t n, struct post *fx)
{
	if (n == 0)
		return;
	must(s->batch_last == n - 1);
	tell(c, s, 0, n, fx);
	s->batch_last = BATCH_NONE;
}

/* Or it belongs to a group, and has to be looked at. */
static bool is_over(const struct core *c, uint64_t expiry_ms)
{
	must(c->is_leading);
	return expiry_ms & EXPIRY_OF_GROUP ||
	       (expiry_ms > EXPIRY_AT_ONCE && expiry_ms <= c->now_ms);
}

/* May this row go to `s` as it came? */
static inline bool is_passing(const struct core *c, const struct run *o, const struct add_row *row,
			      const struct consumer *s)
{
	return row->mem && s->flags & SUBSCRIBE_NO_ACK &&
	       !(o->flags & ADD_EXPIRES && is_over(c, row->expiry_ms));
}

static inline void pass_row(struct deliver_row *out, const struct add_row *row)
{
	must(row->mem != 0);
	*out = (struct deliver_row){ .mem = row->mem,
				     .bytes = row->bytes,
				     .flags = row->flags & ENTRY_STORED };
}

/* To the only one who can take them. */
static uint32_t pass_to_one(struct core *c, struct consumer *s, const struct run *o,
			    struct post *fx)
{
	struct giving *g = &c->giving;
	const struct add_row *row = (const void *)(o + 1);
	uint32_t n = 0;
	for (; n < o->n && s->is_able && is_passing(c, o, &row[n], s); n++) {
		pass_row(&g->row[n], &row[n]);
		consumer_spend(s, row[n].bytes);
	}
	must(s->batch_last == BATCH_NONE);
	s->batch_last = n - 1; /* of none: BATCH_NONE again */
	tell_one(c, s, n, fx);
	return n;
}

/* To each in turn. */
static uint32_t pass_round(struct core *c, struct queue *q, const struct run *o, struct post *fx)
{
	struct giving *g = &c->giving;
	const struct add_row *row = (const void *)(o + 1);
	uint32_t n = 0;
	must(o->n <= GIVE_N);
	for (; n < o->n && !list_is_empty(&q->able); n++) {
		struct consumer *s = containerof(q->able.head.next, struct consumer, node);
		if (!is_passing(c, o, &row[n], s))
			break;
		pass_row(&g->row[n], &row[n]);
		batch_to(g, n, s);
	}
	tell_all(c, n, fx);
	return n;
}

uint32_t core_pass(struct core *c, struct queue *q, const struct run *o, struct post *fx)
{
	must(!(o->flags & RUN_LOGGED) && o->n <= GIVE_N);
	if (q->ready_n || q->is_closed || q->has->select || q->has->group ||
	    list_is_empty(&q->able))
		return 0;
	struct consumer *s = only_one(q);
	uint32_t n = s ? pass_to_one(c, s, o, fx) : pass_round(c, q, o, fx);
	queue_counting(q, c->mem)->given_no_ack += n;
	c->count.given_no_ack += n;
	return n;
}

static void serve(struct core *c, struct queue *q, struct outcomes *later, struct post *fx)
{
	uint32_t n = GIVE_N;
	must(c->is_leading);
	while (n == GIVE_N && q->ready_n && !q->is_closed && !list_is_empty(&q->able)) {
		struct consumer *s = only_one(q);
		n = collect(c, q, later);
		if (c->returned_n)
			tell_apart(c, n, fx);
		else if (s)
			tell_one(c, s, n, fx);
		else
			tell_all(c, n, fx);
	}
	if (q->has->ruled) {
		core_rule_drop(c, q, later);
		(void)core_use_log(c, q, later);
	}
	if (core_has_bequest(q))
		core_bequest_serve(c, q, fx);
	if (q->has->cancels)
		core_cancels_serve(c, q, later, fx);
	if (q->has->dead)
		core_dead_serve(c, q, fx);
	if (q->has->stream)
		core_stream_serve(c, q, later, fx);
	else
		core_cache_trim(c, q);
}

void core_serve(struct core *c, struct queue *q, struct outcomes *later, struct post *fx)
{
	must(later && fx);
	core_expire(c, later, fx);
	if (!list_has_node(&q->active))
		return;
	list_remove(&q->active);
	serve(c, q, later, fx);
	core_expire_late(c, q, later);
}

void core_give(struct core *c, uint64_t now_ms, struct outcomes *now, struct outcomes *later,
	       struct post *fx)
{
	must(now && later && fx);
	struct ask a;
	core_lead(c, now_ms);
	core_select_begin(c);
	core_expire(c, later, fx);
	while (!list_is_empty(&c->active) || !list_is_empty(&c->late)) {
		for (struct list_node *n; (n = list_pop(&c->active)) != NULL;)
			serve(c, containerof(n, struct queue, active), later, fx);
		core_expire_late(c, NULL, later);
	}
	while (deque_pop(&c->asks, &a))
		core_answer(c, &a, later, fx);
}

/* ---- one at a time ---------------------------------------------------------------------- */

/* The answer to CMD_GET. */
static void tell_got(struct core *c, const struct queue *q, const struct run *cmd, struct post *fx)
{
	const struct giving *g = &c->giving;
	struct run head = core_fx(c, FX_DELIVER, cmd);
	const uint64_t tail[2] = { q->ready_n, g->returned[0] };
	must(cmd->session != 0 && c->returned_n <= 1);
	head.flags = DELIVER_GET;
	(void)post_run(fx, session_loop(cmd->session), &head, g->row, sizeof g->row[0], 1,
		       slice_of(tail, c->returned_n ? sizeof tail : sizeof tail[0]));
	c->returned_n = 0;
}

void core_get(struct core *c, const struct run *cmd, bool is_behind, struct outcomes *later,
	      struct post *fx)
{
	struct queue *q = core_find_queue(c, cmd->queue);
	uint32_t slot;
	if (q && q->has->stream) {
		core_reply(c, cmd, (struct reply_row){ ERR_NOT_IMPLEMENTED, CMD_GET, 0, 0 }, fx);
		return;
	}
	if (q) {
		core_used(c, q);
		core_serve(c, q, later, fx);
	}
	struct chunk *k = NULL;
	if (q && !q->is_closed)
		(void)core_next_ready(c, q, &k, later, &slot);
	if (!k && q && !q->is_closed && q->ready_n > 0) { /* it is not in memory */
		core_cold_ask(
			c, &(struct ask){
				   .who = *cmd,
				   .what = { .op = CMD_GET, .a = cmd->flags, .b = !is_behind } });
		return;
	}
	/* what waits for the log may have a higher priority, and its publisher may know that it is
	 * safe: of a transaction another shard says so; what comes back has its old place */
	const bool comes_back = q && q->has->counting_n && !is_behind;
	const bool waits = q && queue_awaits_log(q) && !is_behind;
	bool is_marked_now = k && !comes_back && !(waits && (q->has->lanes || q->is_rank_due)) &&
			     core_is_marked(c, q, &k->entry[slot], pos_of(k->number, slot), later);
	if (q && !q->is_closed && !is_marked_now && (k || waits)) {
		core_ask_later(cmd, later);
		return;
	}
	if (!k) {
		bool is_there = q && !q->is_closed;
		core_reply(c, cmd,
			   (struct reply_row){ .err = ERR_NOT_FOUND, .op = CMD_GET, .a = is_there },
			   fx);
		return;
	}
	struct hands h;
	hands_init(&h, c, q, later);
	if (cmd->flags & GET_NO_ACK)
		give_away(&h, k, slot, &c->giving.row[0]);
	else
		give_held(&h, k, slot, &c->giving.row[0]);
	if (q->has->group)
		(void)core_group_given(q, k, slot, NULL);
	core_release(c, q, k);
	hands_done(&h);
	queue_counting(q, c->mem)->got++;
	c->count.got++;
	tell_got(c, q, cmd, fx);
}
