#include "core/core_state.h"
#include "core/waiters.h"

/* What was given back in a queue with delayed retry is not ready at once: it waits, longer each
 * time that it failed. Who waits is volatile, as who holds: after a restart nobody waits any more.
 *
 *     GIVEN --failed, returned--> waiting (ENTRY_SETTLING) --time--> READY, at its old place
 */
struct retry {
	struct queue *queue;
	struct due due; /* of the soonest */
	uint64_t min_ms, max_ms;
	uint8_t type; /* enum retry_type */
	struct waiters soon;
};

static void release_until(struct core *c, struct retry *r, uint64_t now_ms)
{
	struct queue *q = r->queue;
	while (r->soon.n && r->soon.heap[0].at_ms <= now_ms) {
		struct waiter w = waiters_take(&r->soon);
		struct chunk *k = queue_chunk(q, pos_chunk(w.pos));
		uint32_t slot = pos_slot(w.pos);
		must(k && bits_test(k->live, slot) && k->entry[slot].flags & ENTRY_SETTLING);
		k->entry[slot].flags &= (uint8_t)~ENTRY_SETTLING;
		core_release_entry(c, q, k, slot);
		core_activate(c, q);
	}
	if (r->soon.n)
		wheel_set(&c->wheel, &r->due.timer, r->soon.heap[0].at_ms);
}

/* ---- with and without -------------------------------------------------------------------- */

void core_retry_forget(struct core *c, struct queue *q)
{
	struct retry *r = q->has->retry;
	if (!r)
		return;
	must(r->queue == q);
	wheel_cancel(&c->wheel, &r->due.timer);
	waiters_fini(&r->soon, c->mem);
	mem_put(c->mem, r, sizeof *r);
	queue_special(q, c->mem)->retry = NULL;
}

void core_retry_rules(struct core *c, struct queue *q, const struct queue_rules *rules)
{
	bool is_on = rules->retry_type != RULE_NONE && rules->retry_type != RETRY_DISABLED &&
		     rules->retry_min_ms != RULE_NONE && rules->retry_min_ms > 0;
	must(c->is_leading);
	if (!is_on && q->has->retry) {
		release_until(c, q->has->retry, UINT64_MAX);
		core_retry_forget(c, q);
	}
	if (!is_on)
		return;
	if (!q->has->retry) {
		queue_special(q, c->mem)->retry = mem_get(c->mem, sizeof *q->has->retry, "retries");
		must(q->has->retry != NULL);
		*q->has->retry = (struct retry){ .queue = q, .due = { .kind = DUE_RETRY } };
	}
	q->has->retry->type = (uint8_t)rules->retry_type;
	q->has->retry->min_ms = rules->retry_min_ms;
	q->has->retry->max_ms = rules->retry_max_ms;
}

/* ---- waiting ----------------------------------------------------------------------------- */

bool core_retry_wait(struct core *c, struct queue *q, struct chunk *k, uint32_t slot,
		     bool is_failure)
{
	struct retry *r = q->has->retry;
	struct entry *e = &k->entry[slot];
	must(chunk_is_given(k, slot));
	if (r->type != RETRY_ALL && (r->type == RETRY_FAILED) != is_failure)
		return false;
	uint64_t times = e->count ? e->count : 1;
	uint64_t ms = r->min_ms < r->max_ms / times ? r->min_ms * times : r->max_ms;
	if (r->max_ms == RULE_NONE && r->min_ms > UINT32_MAX)
		ms = r->min_ms;
	e->flags |= ENTRY_SETTLING;
	waiters_put(&r->soon, c->mem, (struct waiter){ c->now_ms + ms, pos_of(k->number, slot) });
	wheel_set(&c->wheel, &r->due.timer, r->soon.heap[0].at_ms);
	return true;
}

void core_retry_due(struct core *c, struct due *due)
{
	must(due->kind == DUE_RETRY);
	release_until(c, containerof(due, struct retry, due), c->now_ms);
}
