#include "base/ablate.h"
#include "core/core_bequest.h"
#include "core/core_once.h"
#include "core/core_retain.h"
#include "core/core_select.h"
#include "core/core_stream.h"
#include "core/core_use.h"
#include "core/catalog.h"
#include "core/rules.h"

/* What a session asked for when the core got this command. */
static uint32_t asked_as(const struct run *cmd)
{
	switch (cmd->kind) {
	case CMD_QUEUE_OPEN: return CMD_QUEUE_DECLARE;
	case CMD_QUEUE_DROP: return CMD_QUEUE_DELETE;
	default: return cmd->kind;
	}
}

/* ---- behind what was published before ---------------------------------------------------- */

void core_ask_later(const struct run *cmd, struct outcomes *later)
{
	struct reply_row what = { .op = asked_as(cmd), .a = cmd->flags };
	struct run head = *cmd;
	head.kind = OUTCOME_BARRIER;
	head.flags = BARRIER_ASK;
	must(cmd->session != 0);
	(void)outcomes_run(later, &head, NULL, 0, 0, slice_of(&what, sizeof what));
}

void core_apply_barrier(struct core *c, const struct run *o, struct post *fx)
{
	struct ask a = { .who = *o };
	struct slice tail = run_tail(o);
	must(tail.n >= sizeof a.what && o->n == 0);
	memcpy(&a.what, tail.p, sizeof a.what);
	if (tail.n > sizeof a.what) {
		must(tail.n == sizeof a.what + sizeof a.from);
		memcpy(&a.from, tail.p + sizeof a.what, sizeof a.from);
	}
	if (!fx)
		return;
	if (!(o->flags & BARRIER_ASK)) {
		core_reply(c, o, a.what, fx);
		return;
	}
	enum err err = deque_push(&c->asks, c->mem, &a);
	must(err == ERR_OK);
}

void core_stat(struct core *c, const struct run *cmd, bool is_behind, struct outcomes *later,
	       struct post *fx)
{
	struct queue *q = core_find_queue(c, cmd->queue);
	struct reply_row what = { .err = ERR_NOT_FOUND, .op = asked_as(cmd) };
	must(cmd->n == 0);
	if (!cmd->session) /* a start opens queues: nothing dies before all have their rules */
		return;
	if (q && !q->is_closed) {
		if (!is_behind)
			core_used(c, q);
		if (!is_behind && (core_use_log(c, q, later) || queue_awaits_log(q))) {
			core_ask_later(cmd, later);
			return;
		}
		core_serve(c, q, later, fx);
		what = (struct reply_row){ ERR_OK, what.op, q->ready_n, q->consumers_n };
		if (q->has->stream)
			what.a = core_stream_n(q);
		if (q->has->retain)
			what.a = core_retain_n(q);
	}
	core_reply(c, cmd, what, fx);
}

void core_replay(const struct core *c, const struct run *cmd, struct post *fx)
{
	struct replay_for who = { cmd->session, cmd->arg, cmd->channel, { 0 } };
	uint8_t buf[sizeof who + DECLARE_BYTES_MAX];
	struct slice bind = run_tail(cmd);
	struct run head = core_fx(c, FX_REPLAY, cmd);
	must(cmd->n == 0 && bind.n <= DECLARE_BYTES_MAX);
	if (!c->dead_session) {
		core_reply(c, cmd, (struct reply_row){ .err = ERR_OK, .op = CMD_BIND }, fx);
		return;
	}
	memcpy(buf, &who, sizeof who);
	memcpy(buf + sizeof who, bind.p, bind.n);
	head.session = c->dead_session;
	(void)post_run(fx, session_loop(head.session), &head, NULL, 0, 0,
		       slice_of(buf, sizeof who + bind.n));
}

/* ---- open -------------------------------------------------------------------------------- */

static void follow_rules(struct core *c, struct queue *q, struct slice rules, bool is_start)
{
	struct queue_rules r = rules_none();
	enum err err = rules_get(rules, &r);
	must(err == ERR_OK); /* the catalog has checked them */
	if (q->flags & QUEUE_APPENDS) {
		core_stream_rules(c, q, &r);
		core_single_rules(c, q, &r);
		return;
	}
	if (q->flags & QUEUE_RETAINS) {
		(void)core_retain_of(c, q);
		return;
	}
	core_dead_rules(c, q, &r);
	core_rules(c, q, &r);
	core_once_rules(c, q, &r);
	core_single_rules(c, q, &r);
	core_retry_rules(c, q, &r);
	core_delay_rules(c, q, &r);
	if (rules_have_ranks(&r))
		lanes_rank(q, c->mem);
	else if (r.max_priority == RULE_NONE)
		lanes_off(q, c->mem);
	else
		lanes_on(q, (uint8_t)r.max_priority, c->mem);
	core_use_ruled(c, q, is_start);
}

void core_open(struct core *c, const struct run *cmd, struct outcomes *later, struct post *fx)
{
	struct queue *q = core_find_queue(c, cmd->queue);
	must(cmd->n == 0 && cmd->queue != 0);
	if (!q)
		q = core_make_queue(c, cmd->queue, cmd->flags);
	if (!q) {
		struct reply_row what = { .err = ERR_RESOURCE_ERROR, .op = asked_as(cmd) };
		core_reply(c, cmd, what, fx);
		return;
	}
	q->flags = cmd->flags;
	follow_rules(c, q, run_tail(cmd), cmd->session == 0);
	core_stat(c, cmd, false, later, fx);
}

/* ---- delete: closed here, removed from the catalog, dropped here -------------------------- */

void core_close(const struct core *c, struct queue *q, const struct run *cmd, struct post *fx)
{
	struct run head = core_fx(c, CMD_QUEUE_REMOVE, cmd);
	must(q->id == cmd->queue);
	q->is_closed = true;
	head.shard = 0;
	head.flags = cmd->flags;
	if (q->has->dead)
		core_dead_let_go(c, q, fx);
	if (core_has_bequest(q))
		core_bequest_answer(c, q, fx);
	if (q->has->cancels)
		core_cancels_end(c, q, fx);
	(void)post_run(fx, fx->loop_of_shard[0], &head, NULL, 0, 0, SLICE_EMPTY);
}

void core_delete(struct core *c, const struct run *cmd, struct outcomes *later, struct post *fx)
{
	struct queue *q = core_find_queue(c, cmd->queue);
	struct reply_row what = { .err = ERR_OK, .op = CMD_QUEUE_DELETE };
	must(cmd->n == 0);
	if (q && !q->is_closed) {
		core_serve(c, q, later, fx);
		if (cmd->flags & DELETE_IF_UNUSED && q->consumers_n)
			what.a = DELETE_IF_UNUSED;
		else if (cmd->flags & DELETE_IF_EMPTY && (q->ready_n || queue_awaits_log(q) ||
							  (q->has->stream && core_stream_n(q)) ||
							  (q->has->retain && core_retain_n(q))))
			what.a = DELETE_IF_EMPTY;
	}
	if (what.a)
		what.err = ERR_PRECONDITION_FAILED;
	if (q && cmd->flags & DELETE_EXPIRED && core_has_bequest(q) && !q->is_closed)
		core_bequest_begin(c, q, cmd, fx);
	else if (q && !what.a)
		core_close(c, q, cmd, fx);
	else
		core_reply(c, cmd, what, fx);
}

void core_drop(struct core *c, const struct run *cmd, struct outcomes *now, struct outcomes *later,
	       struct post *fx)
{
	struct queue *q = core_find_queue(c, cmd->queue);
	struct run head = core_fx(c, OUTCOME_QUEUE_DROP, cmd);
	must(cmd->n == 0);
	if (!q) {
		core_reply(c, cmd, (struct reply_row){ .err = ERR_OK, .op = asked_as(cmd) }, fx);
		return;
	}
	q->is_closed = true;
	if (q->has->dead)
		core_dead_let_go(c, q, fx);
	if (core_has_bequest(q))
		core_bequest_answer(c, q, fx);
	if (q->has->cancels)
		core_cancels_end(c, q, fx);
	must(q->is_logged || !q->pending_n);
	head.flags = q->is_logged ? RUN_LOGGED : 0;
	(void)outcomes_run(q->is_logged ? later : now, &head, NULL, 0, 0, SLICE_EMPTY);
}

static void forget(struct core *c, struct queue *q)
{
	if (q->is_stored && !ABLATED(checkpoint_settled)) {
		struct unit_key key = { q->id, UINT64_MAX };
		enum err err = deque_push(&c->checkpoint.tombs, c->mem, &key);
		must(err == ERR_OK);
	}
	must(q->live_n == 0);
	core_forget_queue(c, q);
}

void core_apply_drop(struct core *c, const struct run *o, struct post *fx)
{
	struct queue *q = core_find_queue(c, o->queue);
	struct reply_row what = { .err = ERR_OK, .op = CMD_QUEUE_DELETE };
	if (q) {
		must(q->pending_n == 0 || !fx);
		q->is_closed = true;
		queue_counting(q, c->mem)->dropped += q->live_n;
		c->count.dropped += q->live_n;
		core_cancel_all(c, q, fx);
		(void)core_stream_forget(c, q);
		what.a = core_drop_all(c, q);
		what.a += core_retain_forget(c, q);
		forget(c, q);
	}
	core_reply(c, o, what, fx);
}

void core_answer(struct core *c, struct ask *a, struct outcomes *later, struct post *fx)
{
	a->who.flags = (uint8_t)a->what.a;
	a->who.kind = (uint8_t)a->what.op;
	switch (a->what.op) {
	case CMD_GET: core_get(c, &a->who, a->what.b == 0, later, fx); break;
	case CMD_PURGE: core_purge(c, &a->who, true, later, fx); break;
	case CMD_BROWSE: core_browse(c, &a->who, &a->from, a->what.b == 0, later, fx); break;
	case CMD_QUEUE_DECLARE:
	case CMD_QUEUE_STAT: core_stat(c, &a->who, true, later, fx); break;
	default: must(!"a command that waits");
	}
}
