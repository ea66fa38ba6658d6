#include "core/core_state.h"

/* What was given back in a queue with delayed retry is not ready at once: it waits, longer each
 * time that it failed. Who waits is volatile, as who holds: after a restart nobody waits any more.
 *
 *     GIVEN --failed, returned--> waiting (ENTRY_SETTLING) --time--> READY, at its old place
 */
struct waiter {
	uint64_t at_ms, pos;
};

struct retry {
	struct queue *queue;
	struct due due; /* of the soonest */
	uint64_t min_ms, max_ms;
	uint8_t type; /* enum retry_type */
	struct waiter *heap;
	size_t n, cap;
};

/* ---- who waits, the soonest first -------------------------------------------------------- */

static bool is_before(const struct waiter *a, const struct waiter *b)
{
	return a->at_ms < b->at_ms || (a->at_ms == b->at_ms && a->pos < b->pos);
}

static void put(struct core *c, struct retry *r, struct waiter w)
{
	if (r->n == r->cap) {
		size_t cap = r->cap ? 2 * r->cap : 16;
		struct waiter *heap = mem_get(c->mem, cap * sizeof *heap, "retries");
		must(heap != NULL);
		if (r->n)
			memcpy(heap, r->heap, r->n * sizeof *heap);
		mem_put(c->mem, r->heap, r->cap * sizeof *heap);
		r->heap = heap;
		r->cap = cap;
	}
	size_t at = r->n++;
	for (; at > 0 && is_before(&w, &r->heap[(at - 1) / 2]); at = (at - 1) / 2)
		r->heap[at] = r->heap[(at - 1) / 2];
	r->heap[at] = w;
}

static struct waiter take(struct retry *r)
{
	must(r->n > 0);
	struct waiter first = r->heap[0], last = r->heap[--r->n];
	size_t at = 0;
	for (size_t below; (below = 2 * at + 1) < r->n; at = below) {
		if (below + 1 < r->n && is_before(&r->heap[below + 1], &r->heap[below]))
			below++;
		if (!is_before(&r->heap[below], &last))
			break;
		r->heap[at] = r->heap[below];
	}
	r->heap[at] = last;
	return first;
}

static void release_until(struct core *c, struct retry *r, uint64_t now_ms)
{
	struct queue *q = r->queue;
	while (r->n && r->heap[0].at_ms <= now_ms) {
		struct waiter w = take(r);
		struct chunk *k = queue_chunk(q, pos_chunk(w.pos));
		uint32_t slot = pos_slot(w.pos);
		must(k && bits_test(k->live, slot) && k->entry[slot].flags & ENTRY_SETTLING);
		k->entry[slot].flags &= (uint8_t)~ENTRY_SETTLING;
		core_release_entry(c, q, k, slot);
		core_activate(c, q);
	}
	if (r->n)
		wheel_set(&c->wheel, &r->due.timer, r->heap[0].at_ms);
}

/* ---- with and without -------------------------------------------------------------------- */

void core_retry_forget(struct core *c, struct queue *q)
{
	struct retry *r = q->retry;
	if (!r)
		return;
	must(r->queue == q);
	wheel_cancel(&c->wheel, &r->due.timer);
	mem_put(c->mem, r->heap, r->cap * sizeof *r->heap);
	mem_put(c->mem, r, sizeof *r);
	q->retry = NULL;
}

void core_retry_rules(struct core *c, struct queue *q, const struct queue_rules *rules)
{
	bool is_on = rules->retry_type != RULE_NONE && rules->retry_type != RETRY_DISABLED &&
		     rules->retry_min_ms != RULE_NONE && rules->retry_min_ms > 0;
	must(c->is_leading);
	if (!is_on && q->retry) {
		release_until(c, q->retry, UINT64_MAX);
		core_retry_forget(c, q);
	}
	if (!is_on)
		return;
	if (!q->retry) {
		q->retry = mem_get(c->mem, sizeof *q->retry, "retries");
		must(q->retry != NULL);
		*q->retry = (struct retry){ .queue = q, .due = { .kind = DUE_RETRY } };
	}
	q->retry->type = (uint8_t)rules->retry_type;
	q->retry->min_ms = rules->retry_min_ms;
	q->retry->max_ms = rules->retry_max_ms;
}

/* ---- waiting ----------------------------------------------------------------------------- */

bool core_retry_wait(struct core *c, struct queue *q, struct chunk *k, uint32_t slot,
		     bool is_failure)
{
	struct retry *r = q->retry;
	struct entry *e = &k->entry[slot];
	must(chunk_is_given(k, slot));
	if (r->type != RETRY_ALL && (r->type == RETRY_FAILED) != is_failure)
		return false;
	uint64_t times = e->count ? e->count : 1;
	uint64_t ms = r->min_ms < r->max_ms / times ? r->min_ms * times : r->max_ms;
	if (r->max_ms == RULE_NONE && r->min_ms > UINT32_MAX)
		ms = r->min_ms;
	e->flags |= ENTRY_SETTLING;
	put(c, r, (struct waiter){ c->now_ms + ms, pos_of(k->number, slot) });
	wheel_set(&c->wheel, &r->due.timer, r->heap[0].at_ms);
	return true;
}

void core_retry_due(struct core *c, struct due *due)
{
	must(due->kind == DUE_RETRY);
	release_until(c, containerof(due, struct retry, due), c->now_ms);
}
