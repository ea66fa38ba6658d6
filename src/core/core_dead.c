#include "base/byteorder.h"
#include "core/core_bequest.h"
#include "core/core_once.h"
#include "core/rules.h"

/* A dead entry is neither ready nor gone: the loop's session for dead letters publishes it again,
 * with confirms, and settles it when all its targets have it. Then it is removed like any other. A
 * crash before that brings it back to its queue; so it may die twice, but is nowhere lost.
 *
 *     READY, GIVEN --core_dead--> waiting --core_dead_serve--> out --settled--> SETTLING --> gone
 */
struct dead {
	struct deque waiting; /* uint64_t: position << 3 | enum dead_reason; not told of yet */
	uint32_t out_n;       /* told of, not settled */
	bool is_on;           /* what dies goes somewhere; else only what died before does */
	bool is_pacing;       /* at the bound publishers wait */
	struct deque held;    /* struct held: what they are not told yet */
};

/* Publishes of one channel, one after the other. */
struct held {
	uint64_t session, first;
	uint32_t n;
	uint16_t channel, vhost;
	uint8_t kind; /* FX_CONFIRM or FX_REFUSED */
};

#define REASON_BITS 3
#define REASON_MASK 7u

_Static_assert(DEAD_REASONS_N <= REASON_MASK + 1, "some bits beside a position");

/* ---- with and without ------------------------------------------------------------------- */

static struct dead *dead_new(struct core *c)
{
	struct dead *d = mem_get(c->mem, sizeof *d, "dead letters");
	must(d != NULL);
	*d = (struct dead){ .out_n = 0 };
	deque_init(&d->waiting, sizeof(uint64_t), "dead letters");
	deque_init(&d->held, sizeof(struct held), "held confirms");
	return d;
}

void core_dead_forget(struct core *c, struct queue *q)
{
	struct dead *d = q->has->dead;
	if (!d)
		return;
	must(c->mem != NULL);
	deque_fini(&d->waiting, c->mem);
	deque_fini(&d->held, c->mem);
	mem_put(c->mem, d, sizeof *d);
	queue_special(q, c->mem)->dead = NULL;
}

void core_dead_rules(struct core *c, struct queue *q, const struct queue_rules *rules)
{
	must(q->id != 0);
	if (rules->has_dead_letter_exchange && !q->has->dead)
		queue_special(q, c->mem)->dead = dead_new(c);
	if (!q->has->dead)
		return;
	q->has->dead->is_on = rules->has_dead_letter_exchange;
	q->has->dead->is_pacing = rules->dead_letter_strategy != DEAD_LETTER_AT_LEAST_ONCE;
	if (q->has->dead->held.n)
		core_activate(c, q);
	else if (!q->has->dead->is_on && !q->has->dead->waiting.n && !q->has->dead->out_n)
		core_dead_forget(c, q);
}

void core_dead_to(struct core *c, uint64_t session)
{
	must(c->dead_session == 0 && session != 0);
	c->dead_session = session;
}

bool core_dead_is_on(const struct core *c, const struct queue *q)
{
	must(c->mem != NULL);
	return q->has->dead && q->has->dead->is_on && c->dead_session;
}

uint32_t core_dead_room(const struct queue *q)
{
	must(q->has->dead != NULL);
	uint64_t n = q->has->dead->out_n + q->has->dead->waiting.n;
	return n < LIMIT_DEAD_LETTERS ? (uint32_t)(LIMIT_DEAD_LETTERS - n) : 0;
}

/* ---- publishers ------------------------------------------------------------------------- */

bool core_dead_is_full(const struct core *c, const struct queue *q)
{
	must(q->has->dead != NULL);
	return core_dead_is_on(c, q) && q->has->dead->is_pacing && !q->is_closed &&
	       core_dead_room(q) == 0;
}

void core_dead_hold(struct core *c, struct queue *q, const struct run *o)
{
	const struct confirm_row *row = (const void *)(o + 1);
	struct deque *all = &q->has->dead->held;
	struct held one = { .session = o->session,
			    .first = o->arg + row->first,
			    .n = row->n,
			    .channel = o->channel,
			    .vhost = o->vhost,
			    .kind = o->flags & CONFIRM_REFUSED ? FX_REFUSED : FX_CONFIRM };
	struct held *last = all->n ? deque_at(all, all->n - 1) : NULL;
	must(o->kind == OUTCOME_CONFIRM && o->n == 1);
	if (last && last->session == one.session && last->channel == one.channel &&
	    last->kind == one.kind && last->first + last->n == one.first)
		last->n += one.n;
	else if (deque_push(all, c->mem, &one) != ERR_OK)
		must(!"no memory for a confirm");
}

void core_dead_let_go(const struct core *c, struct queue *q, struct post *fx)
{
	struct held one;
	must(q->has->dead && fx);
	while (deque_pop(&q->has->dead->held, &one)) {
		const struct run to = { .session = one.session,
					.channel = one.channel,
					.vhost = one.vhost,
					.arg = one.first };
		core_confirm(c, &to, one.kind, one.first, one.n, fx);
	}
	deque_trim(&q->has->dead->held, c->mem);
}

/* ---- dying ------------------------------------------------------------------------------ */

void core_dead(struct core *c, struct queue *q, struct chunk *k, uint32_t slot,
	       enum dead_reason reason)
{
	struct entry *e = &k->entry[slot];
	uint64_t row = pos_of(k->number, slot) << REASON_BITS | reason;
	must(core_dead_is_on(c, q) || (reason == DEAD_BURIED && q->has->dead));
	must(reason < DEAD_REASONS_N);
	must(bits_test(k->live, slot) && !(e->flags & (ENTRY_SETTLING | ENTRY_DEAD)));
	if (bits_test(k->ready, slot))
		queue_off(q, k, slot);
	e->flags |= ENTRY_DEAD;
	if (k->once)
		core_once_left(q, k, slot);
	if (deque_push(&q->has->dead->waiting, c->mem, &row) != ERR_OK)
		must(!"no memory for a dead letter");
	if (q->has->delay) {
		queue_counting(q, c->mem)->due++;
		c->count.due++;
	} else {
		queue_counting(q, c->mem)->dead_lettered++;
		c->count.dead_lettered++;
	}
	core_activate(c, q);
}

void core_dead_bury(struct core *c, struct queue *q, struct chunk *k, uint32_t slot)
{
	must(c->dead_session != 0);
	if (core_dead_is_on(c, q)) {
		core_dead(c, q, k, slot, DEAD_REJECTED);
		return;
	}
	if (!q->has->dead)
		queue_special(q, c->mem)->dead = dead_new(c);
	core_dead(c, q, k, slot, DEAD_BURIED);
}

/* The row of a dead entry, which gives its message away: nobody else will ask for it. */
static struct deliver_row row_of(struct core *c, struct queue *q, uint64_t pos)
{
	struct chunk *k = queue_chunk(q, pos_chunk(pos));
	uint32_t slot = pos_slot(pos);
	must(k && bits_test(k->live, slot) && k->entry[slot].flags & ENTRY_DEAD);
	struct entry *e = &k->entry[slot];
	struct deliver_row row = {
		.mem = core_unmem(c, q, e),
		.loc = k->loc[slot],
		.pos = pos,
		.bytes = e->bytes,
		.flags = e->flags & (ENTRY_STORED | ENTRY_SPILLED),
		.count = e->count,
	};
	must(row.mem || row.loc);
	return row;
}

static void tell(const struct core *c, const struct queue *q, enum dead_reason reason, uint32_t n,
		 struct post *fx)
{
	struct run head = { .kind = FX_DEAD_LETTER,
			    .flags = (uint8_t)reason,
			    .session = c->dead_session,
			    .shard = c->shard,
			    .queue = q->id };
	must(n > 0 && n <= GIVE_N);
	(void)post_run(fx, session_loop(c->dead_session), &head, c->giving.row,
		       sizeof *c->giving.row, n, SLICE_EMPTY);
}

void core_dead_serve(struct core *c, struct queue *q, struct post *fx)
{
	struct dead *d = q->has->dead;
	const uint64_t *next = deque_peek(&d->waiting);
	while (next && d->out_n < LIMIT_DEAD_LETTERS) {
		enum dead_reason reason = *next & REASON_MASK;
		uint32_t n = 0;
		for (; next && (*next & REASON_MASK) == reason && n < GIVE_N &&
		       d->out_n < LIMIT_DEAD_LETTERS;
		     n++, d->out_n++) {
			c->giving.row[n] = row_of(c, q, *next >> REASON_BITS);
			(void)deque_pop(&d->waiting, NULL);
			next = deque_peek(&d->waiting);
		}
		tell(c, q, reason, n, fx);
	}
	if (!next)
		deque_trim(&d->waiting, c->mem);
	must(d->out_n <= LIMIT_DEAD_LETTERS);
	if (d->held.n == 0 || core_dead_is_full(c, q))
		return;
	core_dead_let_go(c, q, fx);
	if (!d->is_on && !d->waiting.n && !d->out_n)
		core_dead_forget(c, q);
}

/* ---- gone ------------------------------------------------------------------------------- */

/* Until when what was delayed is to wait again, and how often it was due; 0: it is gone. */
static uint64_t again_of(const struct queue *q, const struct run *cmd, uint16_t *out_n)
{
	const struct slice tail = run_tail(cmd);
	must(tail.n == 0 || (tail.n == SETTLE_AGAIN_BYTES && cmd->n == 1));
	*out_n = tail.n ? load_le16(tail.p + 8) : 0;
	return tail.n && q->has->delay ? load_le64(tail.p) : 0;
}

void core_dead_settle(struct core *c, const struct run *cmd, struct outcomes *later)
{
	const struct settle_row *row = (const void *)(cmd + 1);
	struct queue *q = core_find_queue(c, cmd->queue);
	struct refs gone = { 0 };
	if (!q)
		return;
	must(q->has->dead && q->has->dead->out_n >= cmd->n);
	struct removal r = { .queue = q, .later = later, .reason = REMOVE_DEAD };
	uint16_t times_n;
	const uint64_t again_ms = again_of(q, cmd, &times_n);
	for (uint32_t i = 0; i < cmd->n; i++) {
		struct chunk *k = queue_chunk(q, pos_chunk(row[i].pos));
		uint32_t slot = pos_slot(row[i].pos);
		must(k && bits_test(k->live, slot) && k->entry[slot].flags & ENTRY_DEAD);
		if (again_ms && !core_cancelled(c, q, row[i].pos)) {
			core_delay_again(c, q, k, slot, again_ms, times_n, later);
		} else if (k->entry[slot].flags & ENTRY_PERSISTENT) {
			core_remove(&r, k, slot);
		} else {
			core_drop_entry(c, q, k, slot, &gone);
			core_release(c, q, k);
		}
	}
	core_removed(&r);
	must(gone.n == 0);
	q->has->dead->out_n -= cmd->n;
	if (q->has->delay)
		core_delay_go_on(c, q);
	if (q->has->dead->waiting.n || q->has->dead->held.n || q->has->cancels ||
	    core_has_bequest(q))
		core_activate(c, q);
	else if (!q->has->dead->is_on && q->has->dead->out_n == 0)
		core_dead_forget(c, q);
}
