#include "base/ablate.h"
#include "core/core_bequest.h"
#include "core/core_retain.h"
#include "core/core_select.h"
#include "core/core_shed.h"
#include "core/core_stream.h"

#define DUE_MAX 16u /* in one call: chunks of 512 entries, or queues; the rest has the next turn */

/* What waits for a time: chunks, for the first of their ready entries that expires, and queues that
 * are deleted when nobody uses them. A chunk's time is a bound: entries that are given or gone
 * before leave it too early once, never too late.
 *
 *     core_give:  what is due dies -> consumers are served -> what may not wait at all dies
 */

/* ---- chunks ------------------------------------------------------------------------------ */

static void start(struct core *c, struct chunk *k)
{
	must(c->is_leading && k->expires_ms != 0);
	wheel_set(&c->wheel, &k->due.timer, k->expires_ms);
}

void core_watch(struct core *c, struct chunk *k, uint64_t expiry_ms)
{
	must(expiry_ms != 0 && k->queue);
	if (k->expires_ms && k->expires_ms <= expiry_ms)
		return;
	k->expires_ms = expiry_ms;
	if (c->is_leading && !list_has_node(&k->late))
		start(c, k);
}

void core_watch_slots(struct core *c, struct chunk *k, uint32_t from, uint32_t n)
{
	uint64_t soonest = UINT64_MAX;
	must(n > 0 && from + n <= k->used);
	for (uint32_t i = from; i < from + n; i++)
		/* never: the largest */
		soonest = min_u64(soonest, expiry_time(k->entry[i].expiry_ms) - 1);
	if (soonest < UINT64_MAX)
		core_watch(c, k, soonest + 1);
}

void core_unwatch(struct core *c, struct chunk *k)
{
	wheel_cancel(&c->wheel, &k->due.timer);
	if (list_has_node(&k->late))
		list_remove(&k->late);
	must(!wheel_is_set(&k->due.timer));
}

/* What a queue waits for, from now on. */
static void watch_all(struct core *c, const struct queue *q)
{
	must(c->is_leading);
	struct chunk *k = NULL;
	while ((k = queue_next_used(q, k ? k->number + 1 : 0)) != NULL)
		if (k->expires_ms)
			start(c, k);
}

/* ---- dying ------------------------------------------------------------------------------- */

void core_die(struct dying *d, struct chunk *k, uint32_t slot)
{
	struct core *c = d->core;
	struct queue *q = d->queue;
	must(bits_test(k->ready, slot) && q->ready_n > 0);
	d->n++;
	if (core_dead_is_on(c, q)) {
		core_dead(c, q, k, slot, d->reason);
	} else if (k->entry[slot].flags & ENTRY_PERSISTENT) {
		queue_off(q, k, slot);
		core_remove(&d->removal, k, slot);
	} else {
		core_drop_entry(c, q, k, slot, &d->gone);
	}
}

void core_died(struct dying *d)
{
	must(d->queue != NULL);
	core_removed(&d->removal);
	refs_unref(&d->gone);
}

/* Lets what is due in `k` die; what may not wait at all, and nobody has had yet, only if `is_late`.
 * The chunk may be gone afterwards. */
static void expire(struct core *c, struct chunk *k, bool is_late, struct outcomes *later)
{
	struct queue *q = k->queue;
	uint64_t soonest = UINT64_MAX;
	bool has_late = false;
	struct dying d = { .core = c,
			   .queue = q,
			   .removal = { .queue = q, .later = later, .reason = REMOVE_EXPIRED },
			   .reason = DEAD_EXPIRED };
	must(later != NULL);
	for (uint32_t i = 0; (i = (uint32_t)bits_next_set(k->ready, CHUNK_N, i)) < CHUNK_N; i++) {
		uint64_t at_ms = expiry_time(k->entry[i].expiry_ms);
		bool is_new = !(k->entry[i].flags & ENTRY_REDELIVERED);
		if (at_ms == EXPIRY_AT_ONCE && is_new && !is_late)
			has_late = true;
		else if (at_ms && at_ms <= c->now_ms)
			core_die(&d, k, i);
		else if (at_ms)
			soonest = min_u64(soonest, at_ms);
	}
	core_died(&d);
	queue_counting(q, c->mem)->expired += d.n;
	c->count.expired += d.n;
	k->expires_ms = 0;
	if (has_late)
		list_push(&c->late, &k->late);
	if (soonest < UINT64_MAX)
		core_watch(c, k, soonest);
	if (has_late)
		k->expires_ms = EXPIRY_AT_ONCE;
	core_release(c, q, k);
}

static bool is_due(const struct core *c, const struct chunk *k)
{
	must(k->queue != NULL);
	return k->expires_ms && k->expires_ms <= c->now_ms && !list_has_node(&k->late) &&
	       !ABLATED(expiry);
}

bool core_expire_due(struct core *c, struct chunk *k, struct outcomes *later)
{
	must(!k->is_cold && later != NULL);
	if (!is_due(c, k))
		return false;
	wheel_cancel(&c->wheel, &k->due.timer);
	expire(c, k, false, later);
	return true;
}

struct chunk *core_next_ready(struct core *c, struct queue *q, struct chunk **io_chunk,
			      struct outcomes *later, uint32_t *out_slot)
{
	struct chunk *k = queue_next_ready(q, out_slot);
	must(later != NULL);
	if (k == *io_chunk)
		return k;
	if (*io_chunk)
		core_release(c, q, *io_chunk);
	while (k && is_due(c, k)) {
		wheel_cancel(&c->wheel, &k->due.timer);
		expire(c, k, false, later);
		k = queue_next_ready(q, out_slot);
	}
	if (k && q->cold_n && !core_near(c, q, k))
		k = NULL;
	return *io_chunk = k;
}

void core_expire_late(struct core *c, const struct queue *q, struct outcomes *later)
{
	LIST_EACH_SAFE(&c->late, n)
	{
		struct chunk *k = containerof(n, struct chunk, late);
		if (q && k->queue != q)
			continue;
		list_remove(n);
		must(k->expires_ms == EXPIRY_AT_ONCE);
		expire(c, k, true, later);
	}
}

/* ---- queues ------------------------------------------------------------------------------ */

static void unused(struct core *c, struct queue *q, struct post *fx)
{
	struct run nobody = { .queue = q->id };
	must(q->has->ruled && (q->consumers_n == 0 || ABLATED(lease)));
	if (ABLATED(unused))
		return;
	if (q->has->ruled->bequest && !q->is_closed)
		core_bequest_begin(c, q, NULL, fx);
	else if (!q->is_closed)
		core_close(c, q, &nobody, fx);
}

/* ---- the clock --------------------------------------------------------------------------- */

void core_expire(struct core *c, struct outcomes *later, struct post *fx)
{
	must(c->is_leading);
	for (uint32_t n = 0; n < DUE_MAX; n++) {
		struct wheel_timer *t = wheel_pop(&c->wheel, c->now_ms);
		if (!t)
			return;
		struct due *due = containerof(t, struct due, timer);
		if (due->kind == DUE_RETRY)
			core_retry_due(c, due);
		else if (due->kind == DUE_DELAY)
			core_delay_due(c, due);
		else if (due->kind == DUE_STREAM)
			core_stream_due(c, due);
		else if (due->kind == DUE_SHED)
			core_shed_due(c);
		else if (due->kind == DUE_RETAIN)
			core_retain_due(c, due, later);
		else if (due->kind == DUE_QUEUE)
			unused(c, containerof(due, struct ruled, due)->queue, fx);
		else if (!ABLATED(expiry))
			expire(c, containerof(due, struct chunk, due), false, later);
	}
}

uint64_t core_deadline(const struct core *c)
{
	must(c->mem != NULL);
	return wheel_next_ms(&c->wheel);
}

void core_tick(struct core *c, uint64_t now_ms, struct outcomes *now, struct outcomes *later,
	       struct post *fx)
{
	must(now != NULL);
	core_lead(c, now_ms);
	core_expire(c, later, fx);
}

void core_lead(struct core *c, uint64_t now_ms)
{
	size_t cursor = 0;
	must(now_ms >= c->now_ms);
	c->now_ms = now_ms;
	if (c->is_leading)
		return;
	c->is_leading = true;
	wheel_init(&c->wheel, now_ms);
	for (struct map_slot *m; (m = map_next(&c->queues, &cursor)) != NULL;) {
		struct queue *q = (struct queue *)(uintptr_t)m->value;
		must(q->redelivered_id <= q->last_id);
		if (!ABLATED(redelivered))
			q->redelivered_id = min_u64(q->mark, q->last_id);
		if (q->has->retain)
			core_retain_lead(c, q);
		watch_all(c, q);
	}
}
