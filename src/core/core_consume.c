#include "core/core_group.h"
#include "core/core_select.h"
#include "core/core_stream.h"

/* A queue that deletes itself goes with the last of its consumers; one that stays has less of the
 * cache without them. */
static void gone(struct core *c, struct queue *q, const struct consumer *s, struct post *fx)
{
	must(q->consumers_n > 0);
	if (s->flags & SUBSCRIBE_EXCLUSIVE)
		q->is_held = false;
	if (s->flags & SUBSCRIBE_LOSSY)
		q->is_lossy = false;
	if (q->consumers_n == 1 && !q->is_closed) {
		q->fresh_pos = pos_of(q->first, 0);
		core_activate(c, q);
	}
	if (q->consumers_n > 1 || !(q->flags & QUEUE_AUTO_DELETE) || q->is_closed)
		return;
	struct run nobody = { .queue = q->id };
	core_close(c, q, &nobody, fx);
}

static void ended(struct core *c, struct queue *q, struct consumer *own_s, bool is_ending,
		  struct post *fx)
{
	must(own_s->queue == q);
	gone(c, q, own_s, fx);
	if (q->has->single)
		core_single_leave(q, own_s, is_ending);
	if (own_s->selector)
		core_select_leave(c, q, own_s);
	if (q->has->group)
		core_group_leave(c, q, own_s);
	consumer_remove(&c->consumers, own_s);
	if (q->has->single)
		core_single_next(c, q);
	if (q->consumers_n == 0 && q->live_n == 0)
		core_group_forget(c, q);
	core_used(c, q);
}

void core_subscribe(struct core *c, const struct run *cmd, struct post *fx)
{
	struct queue *q = core_find_queue(c, cmd->queue);
	const struct subscribe_row *row = (const void *)(cmd + 1);
	bool is_exclusive = cmd->flags & SUBSCRIBE_EXCLUSIVE;
	struct reply_row what = { .err = ERR_OK, .op = CMD_SUBSCRIBE };
	struct consumer *s = NULL;
	must(cmd->n == 1 && cmd->session != 0);
	if (!q || q->is_closed)
		what.err = ERR_NOT_FOUND;
	else if (q->is_held || (is_exclusive && (q->consumers_n || q->has->single)))
		what.err = ERR_ACCESS_REFUSED;
	else if (!(s = consumer_add(&c->consumers, q, cmd)))
		what.err = ERR_RESOURCE_ERROR;
	if (s && q->has->stream && !core_stream_join(c, q, s, run_tail(cmd))) {
		consumer_remove(&c->consumers, s);
		what.err = ERR_RESOURCE_ERROR;
		s = NULL;
	}
	if (s && !q->has->stream && (cmd->tail_len > 0 || cmd->flags & SUBSCRIBE_NO_LOCAL)) {
		what.err = core_select_join(c, q, s, run_tail(cmd));
		if (what.err != ERR_OK) {
			consumer_remove(&c->consumers, s);
			s = NULL;
		}
	}
	if (s) {
		q->is_held = is_exclusive;
		q->is_lossy |= s->flags & SUBSCRIBE_LOSSY;
		s->priority = row->priority;
		core_used(c, q);
		if (q->has->single || s->flags & SUBSCRIBE_ALONE)
			core_single_join(c, q, s);
		(void)consumer_earn(s, row->credit.messages, row->credit.bytes);
		core_activate(c, q);
		what.a = q->has->stream ? core_stream_n(q) : q->ready_n + q->pending_n;
		what.b = q->consumers_n;
	}
	core_reply(c, cmd, what, fx);
}

void core_unsubscribe(struct core *c, const struct run *cmd, struct post *fx)
{
	struct queue *q = core_find_queue(c, cmd->queue);
	struct consumer *s = q ? consumer_find(&c->consumers, q, cmd) : NULL;
	struct reply_row what = { .err = ERR_OK, .op = CMD_UNSUBSCRIBE };
	core_reply(c, cmd, what, fx);
	if (!s)
		return;
	must(s->queue == q);
	ended(c, q, s, cmd->flags & UNSUBSCRIBE_ENDING, fx);
}

static void become_lossless(struct consumer *s)
{
	must(s->queue != NULL);
	s->flags &= (uint8_t)~SUBSCRIBE_LOSSY;
	s->queue->is_lossy = false;
}

void core_credit(struct core *c, struct run *cmd)
{
	struct queue *q = core_find_queue(c, cmd->queue);
	struct consumer *s = q ? consumer_find(&c->consumers, q, cmd) : NULL;
	const struct credit_row *row = run_rows(cmd);
	must(cmd->n > 0);
	if (s && cmd->flags & CREDIT_LOSSLESS)
		become_lossless(s);
	for (uint32_t i = 0; s && i < cmd->n; i++)
		if (consumer_earn(s, row[i].messages, row[i].bytes))
			core_activate(c, q);
}

void core_session_gone(struct core *c, const struct run *cmd, struct post *fx)
{
	struct consumer *s;
	must(cmd->session != 0);
	while ((s = consumer_of_session(&c->consumers, cmd->session)) != NULL) {
		ended(c, s->queue, s, true, fx);
	}
}

void core_cancel_all(struct core *c, struct queue *q, struct post *fx)
{
	must(q->is_closed || !fx);
	while (q->consumers_n) {
		struct list *from = list_is_empty(&q->able) ? &q->idle : &q->able;
		struct consumer *s = containerof(from->head.next, struct consumer, node);
		struct run head = { .kind = FX_CANCELLED,
				    .channel = s->channel,
				    .session = s->session,
				    .shard = c->shard,
				    .queue = q->id,
				    .arg = s->arg };
		if (fx)
			(void)post_run(fx, session_loop(s->session), &head, NULL, 0, 0,
				       SLICE_EMPTY);
		if (s->selector)
			core_select_leave(c, q, s);
		if (q->has->group)
			core_group_leave(c, q, s);
		consumer_remove(&c->consumers, s);
	}
}
