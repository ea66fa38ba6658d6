#include "base/ablate.h"
#include "base/byteorder.h"
#include "core/catalog.h"
#include "core/core_state.h"
#include "core/keeper.h"
#include "core/waiters.h"
#include "core/window.h"

/* Entries of an exchange's keeper that wait for their time. They are ready all the while, and have
 * no consumers; when one is due it becomes a dead letter (core_dead.c), which the loop's internal
 * publisher gives to the exchange once more, and settles when all that it went to has it. As many
 * are out at once as dead letters may be; the others go on behind them, in the order in which they
 * were due.
 *
 *     READY --due, room--> out --settled--> SETTLING --> gone
 *       ^---------------------- to go again: SETTLING --'
 *
 * Who waits is found again by the entries: after a restart, and when many have been removed early.
 */
struct delay {
	struct queue *queue;
	struct due due; /* of the soonest, while there is room */
	struct waiters soon;
};

#define STALE_MIN 4096u /* so many waiters without an entry are nothing */

static void note(struct core *c, struct delay *d, struct chunk *k, uint32_t slot)
{
	uint64_t at_ms = k->entry[slot].expiry_ms;
	must(at_ms != 0);
	waiters_put(&d->soon, c->mem, (struct waiter){ at_ms, pos_of(k->number, slot) });
	if (!k->expires_ms || k->expires_ms > at_ms)
		k->expires_ms = at_ms;
}

static void note_all(struct core *c, struct delay *d)
{
	struct chunk *k = NULL;
	waiters_fini(&d->soon, c->mem);
	must(d->soon.n == 0);
	while ((k = queue_next_used(d->queue, k ? k->number + 1 : 0)) != NULL) {
		if (k->is_cold)
			continue; /* nothing in it expires */
		core_unwatch(c, k);
		for (uint32_t i = 0; (i = (uint32_t)bits_next_set(k->ready, CHUNK_N, i)) < CHUNK_N;
		     i++)
			if (k->entry[i].expiry_ms)
				note(c, d, k, i);
	}
}

/* The chunk of an entry that waits for this time still; NULL: it has been removed. */
static struct chunk *chunk_of(const struct queue *q, const struct waiter *w)
{
	struct chunk *k = queue_chunk(q, pos_chunk(w->pos));
	uint32_t slot = pos_slot(w->pos);
	must(w->at_ms != 0);
	if (!k || k->is_cold || !bits_test(k->ready, slot))
		return NULL;
	return k->entry[slot].expiry_ms == w->at_ms ? k : NULL;
}

void core_delay_go_on(struct core *c, struct queue *q)
{
	struct delay *d = q->has->delay;
	must(d->queue == q && c->is_leading);
	wheel_cancel(&c->wheel, &d->due.timer);
	if (!core_dead_is_on(c, q) || q->is_closed)
		return;
	while (d->soon.n && (d->soon.heap[0].at_ms <= c->now_ms || ABLATED(delay)) &&
	       core_dead_room(q) > 0) {
		struct waiter w = waiters_take(&d->soon);
		struct chunk *k = chunk_of(q, &w);
		if (k)
			core_dead(c, q, k, pos_slot(w.pos), DEAD_EXPIRED);
	}
	if (d->soon.n && core_dead_room(q) > 0)
		wheel_set(&c->wheel, &d->due.timer, d->soon.heap[0].at_ms);
}

void core_delay_due(struct core *c, struct due *due)
{
	must(due->kind == DUE_DELAY);
	core_delay_go_on(c, containerof(due, struct delay, due)->queue);
}

void core_delay_add(struct core *c, struct queue *q, struct chunk *k, uint32_t from, uint32_t n)
{
	struct delay *d = q->has->delay;
	must(n > 0 && from + n <= k->used);
	for (uint32_t i = from; i < from + n; i++)
		if (k->entry[i].expiry_ms)
			note(c, d, k, i);
	if (d->soon.n > 2 * (q->live_n + n) + STALE_MIN)
		note_all(c, d);
	core_delay_go_on(c, q);
}

/* ---- again -------------------------------------------------------------------------------- */

#define AGAIN_BYTES 18u /* of one entry: u64 id, u64 until when, u16 count */

static void wait_again(struct core *c, struct queue *q, struct chunk *k, uint32_t slot,
		       uint64_t due_ms, uint16_t n)
{
	struct entry *e = &k->entry[slot];
	const bool is_out = e->flags & ENTRY_DEAD;
	must(due_ms > 0 && bits_test(k->live, slot));
	e->expiry_ms = due_ms;
	e->count = n;
	if (!is_out)
		return; /* read from the log: nobody has looked at it */
	e->flags &= (uint8_t) ~(ENTRY_DEAD | ENTRY_SETTLING | ENTRY_AGAIN);
	queue_on(q, k, slot);
	note(c, q->has->delay, k, slot);
	core_delay_go_on(c, q);
}

void core_delay_again(struct core *c, struct queue *q, struct chunk *k, uint32_t slot,
		      uint64_t due_ms, uint16_t n, struct outcomes *later)
{
	struct entry *e = &k->entry[slot];
	uint8_t tail[AGAIN_BYTES];
	must(e->flags & ENTRY_DEAD && !(e->flags & ENTRY_SETTLING) && q->has->delay);
	if (!(e->flags & ENTRY_PERSISTENT) || ABLATED(again)) {
		wait_again(c, q, k, slot, due_ms, n);
		return;
	}
	const struct run head = {
		.kind = OUTCOME_AGAIN, .flags = RUN_LOGGED, .shard = c->shard, .queue = q->id
	};
	e->flags |= ENTRY_SETTLING | ENTRY_AGAIN;
	store_le64(tail, e->id);
	store_le64(tail + 8, due_ms);
	store_le16(tail + 16, n);
	(void)outcomes_run(later, &head, NULL, 0, 0, slice_of(tail, sizeof tail));
	q->is_logged = true;
}

void core_delay_apply_again(struct core *c, const struct run *o)
{
	struct queue *q = core_find_queue(c, o->queue);
	struct slice tail = run_tail(o);
	must(o->n == 0);
	for (; q && tail.n >= AGAIN_BYTES; tail = slice_from(tail, AGAIN_BYTES)) {
		const uint64_t id = load_le64(tail.p), due_ms = load_le64(tail.p + 8);
		uint64_t pos = queue_find(q, id);
		struct chunk *k = queue_next_live(q, &pos);
		if (!k || k->is_cold || k->entry[pos_slot(pos)].id != id || due_ms == 0 ||
		    !(k->entry[pos_slot(pos)].flags & ENTRY_PERSISTENT))
			continue;
		core_changed(c, q, k);
		wait_again(c, q, k, pos_slot(pos), due_ms, load_le16(tail.p + 16));
		if (q->has->cancels)
			core_activate(c, q);
	}
}

/* ---- each message once -------------------------------------------------------------------- */

bool core_unseen(struct core *c, struct queue *q, struct publish_row *row)
{
	uint64_t number = row->expiry_ms;
	must(q->has->window && q->has->delay);
	row->expiry_ms = max_u64(c->now_ms, EXPIRY_AT_ONCE + 1); /* it goes on at once */
	return number == KEEPER_NO_NUMBER || window_see(q->has->window, c->mem, number, c->now_ms);
}

static void window_rules(struct core *c, struct queue *q, const struct queue_rules *rules)
{
	if (rules->keeper != EXCHANGE_DEDUPLICATION || q->has->window)
		return;
	must(rules->cache_size != RULE_NONE);
	queue_special(q, c->mem)->window = mem_get(c->mem, sizeof *q->has->window, "windows");
	must(q->has->window != NULL);
	window_init(q->has->window, rules->cache_size, rules->cache_ttl_ms);
}

/* ---- with and without --------------------------------------------------------------------- */

void core_delay_rules(struct core *c, struct queue *q, const struct queue_rules *rules)
{
	must(c->is_leading);
	window_rules(c, q, rules);
	if ((rules->keeper != EXCHANGE_DELAYED && !q->has->window) || q->has->delay)
		return;
	queue_special(q, c->mem)->delay = mem_get(c->mem, sizeof *q->has->delay, "delays");
	must(q->has->delay != NULL);
	*q->has->delay = (struct delay){ .queue = q, .due = { .kind = DUE_DELAY } };
	note_all(c, q->has->delay);
	if (q->has->delay->soon.n)
		wheel_set(&c->wheel, &q->has->delay->due.timer, q->has->delay->soon.heap[0].at_ms);
}

void core_delay_forget(struct core *c, struct queue *q)
{
	struct delay *d = q->has->delay;
	if (q->has->window) {
		window_fini(q->has->window, c->mem);
		mem_put(c->mem, q->has->window, sizeof *q->has->window);
		queue_special(q, c->mem)->window = NULL;
	}
	if (!d)
		return;
	must(d->queue == q);
	wheel_cancel(&c->wheel, &d->due.timer);
	waiters_fini(&d->soon, c->mem);
	mem_put(c->mem, d, sizeof *d);
	queue_special(q, c->mem)->delay = NULL;
}
