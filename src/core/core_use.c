#include "core/core_use.h"

#include "base/ablate.h"
#include "core/core_bequest.h"

/* A queue without consumers goes when it has not been used for expires_ms. With the rule logs_use
 * the log has since when, and so it goes on over a restart:
 *
 *     used --the last consumer goes: UNUSED(now)--> unused --expires_ms--> gone
 *       ^-----------somebody comes: UNUSED(0)------/
 *
 * Who asks for it while it is unused begins that anew, UNUSED(now), and is answered behind that: so
 * he has his time before he is a consumer, whatever becomes of the broker. */

static bool is_used(const struct queue *q)
{
	return q->consumers_n > 0 && !ABLATED(lease);
}

static void wait_for_use(struct core *c, struct queue *q)
{
	struct ruled *r = q->has->ruled;
	must(c->is_leading);
	wheel_cancel(&c->wheel, &r->due.timer);
	if (r->expires_ms == RULE_NONE || is_used(q) || q->is_closed)
		return;
	const uint64_t ms = r->bequest ? core_bequest_wait_ms(q) : r->expires_ms;
	wheel_set(&c->wheel, &r->due.timer, r->unused_ms + ms);
}

void core_used(struct core *c, struct queue *q)
{
	struct ruled *r = q->has->ruled;
	const uint64_t unused_ms = is_used(q) ? 0 : c->now_ms;
	if (!r)
		return;
	must(c->is_leading);
	if (r->logs_use && r->unused_ms != unused_ms) {
		r->is_use_new = true;
		core_activate(c, q);
	}
	r->unused_ms = unused_ms;
	wait_for_use(c, q);
}

/* Who used it when the broker went may have gone with it, or before: it counts from now on. */
void core_use_ruled(struct core *c, struct queue *q, bool is_start)
{
	struct ruled *r = q->has->ruled;
	if (!r || !r->logs_use) {
		core_used(c, q);
		return;
	}
	must(c->is_leading);
	if (r->unused_ms == 0 && !is_used(q)) {
		r->unused_ms = c->now_ms;
		r->is_use_new = is_start;
		core_activate(c, q);
	}
	wait_for_use(c, q);
}

bool core_use_log(struct core *c, struct queue *q, struct outcomes *later)
{
	struct ruled *r = q->has->ruled;
	if (!r || !r->is_use_new || q->is_closed)
		return false;
	must(r->logs_use && later);
	r->is_use_new = false;
	if (r->told_ms == r->unused_ms || (ABLATED(presence) && r->unused_ms == 0))
		return false;
	const struct run head = { .kind = OUTCOME_UNUSED,
				  .flags = RUN_LOGGED,
				  .shard = c->shard,
				  .queue = q->id,
				  .arg = r->unused_ms };
	(void)outcomes_run(later, &head, NULL, 0, 0, SLICE_EMPTY);
	r->told_ms = r->unused_ms;
	q->is_logged = true;
	return true;
}

void core_apply_unused(struct core *c, const struct run *o)
{
	struct queue *q = core_find_queue(c, o->queue);
	if (!q)
		q = core_make_queue(c, o->queue, QUEUE_DURABLE);
	must(q && o->n == 0);
	if (q->has->unused_ms != o->arg && !ABLATED(absence))
		queue_special(q, c->mem)->unused_ms = o->arg;
	core_changed(c, q, NULL);
}
