#include "core/core_bequest.h"

#include "base/ablate.h"
#include "base/bits.h"
#include "core/rules.h"

/* A queue that bequeaths what it holds: when nobody has used it for long enough all that is left in
 * it goes on as dead letters, and when they are safe elsewhere the queue goes, too.
 *
 *     used --expires_ms, DELETE_EXPIRED--> leaving --nothing is left--> closed
 *       ^-----------somebody uses it-----------/
 *
 * Nothing of it is in the log: after a restart nobody uses it, so it begins to wait anew.
 */
struct bequest {
	struct run heir; /* the command that waits for the end; session 0: none */
	bool is_leaving;
};

#define EMPTY_MS UINT64_C(60000) /* what was just made may yet be used */

/* ---- with and without --------------------------------------------------------------------- */

void core_bequest_rules(struct core *c, struct ruled *r, const struct queue_rules *rules)
{
	must(c->is_leading);
	if (rules->bequeaths != 1 || ABLATED(bequest)) {
		core_bequest_forget(c, r);
		return;
	}
	if (r->bequest)
		return;
	r->bequest = mem_get(c->mem, sizeof *r->bequest, "bequests");
	must(r->bequest != NULL);
	*r->bequest = (struct bequest){ .is_leaving = false };
}

void core_bequest_forget(struct core *c, struct ruled *r)
{
	must(r->queue != NULL);
	if (r->bequest)
		mem_put(c->mem, r->bequest, sizeof *r->bequest);
	r->bequest = NULL;
}

/* ---- the end ------------------------------------------------------------------------------ */

static bool is_empty(const struct queue *q)
{
	must(q->ready_n <= q->live_n);
	return q->live_n == 0 && q->pending_n == 0;
}

uint64_t core_bequest_wait_ms(const struct queue *q)
{
	must(core_has_bequest(q) && q->has->ruled->expires_ms != RULE_NONE);
	return is_empty(q) ? max_u64(q->has->ruled->expires_ms, EMPTY_MS)
			   : q->has->ruled->expires_ms;
}

void core_bequest_answer(const struct core *c, struct queue *q, struct post *fx)
{
	struct bequest *b = q->has->ruled->bequest;
	const struct reply_row what = { .err = ERR_OK, .op = CMD_QUEUE_DELETE };
	must(b != NULL);
	if (b->heir.session)
		core_reply(c, &b->heir, what, fx);
	b->heir.session = 0;
}

void core_bequest_begin(struct core *c, struct queue *q, const struct run *cmd, struct post *fx)
{
	must(core_has_bequest(q) && !q->is_closed);
	q->has->ruled->bequest->is_leaving = true;
	if (cmd) {
		core_bequest_answer(c, q, fx);
		q->has->ruled->bequest->heir = *cmd;
	}
	core_activate(c, q);
}

/* As many as dead letters may be under way. */
static void leave(struct core *c, struct queue *q)
{
	uint32_t slot;
	struct chunk *k;
	must(core_dead_is_on(c, q));
	while (core_dead_room(q) > 0 && (k = queue_next_ready(q, &slot)) != NULL) {
		if (k->is_cold && !core_near(c, q, k))
			return; /* it is served again when its entries are there */
		core_dead(c, q, k, slot, DEAD_EXPIRED);
	}
}

void core_bequest_serve(struct core *c, struct queue *q, struct post *fx)
{
	struct bequest *b = q->has->ruled->bequest;
	must(c->is_leading);
	if (!b->is_leaving || q->is_closed)
		return;
	if (q->consumers_n && !b->heir.session) {
		b->is_leaving = false;
		return;
	}
	const bool is_heard = core_dead_is_on(c, q);
	if (is_heard)
		leave(c, q);
	if (is_heard && !is_empty(q))
		return;
	const struct run nobody = { .queue = q->id }, heir = b->heir;
	b->heir.session = 0;
	core_close(c, q, heir.session ? &heir : &nobody, fx);
}
