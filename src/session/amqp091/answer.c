#include "session/amqp091/tx.h"

#include "base/must.h"

/* A queue may close between the view that showed it and its shard: then it is declared anew, by
 * shard 0, which knows. So often, at most. */
#define DECLARE_TRIES 8

static uint32_t clip_u32(uint64_t v)
{
	_Static_assert(UINT32_MAX < UINT64_MAX, "counts are cut to what the protocol can say");
	return v < UINT32_MAX ? (uint32_t)v : UINT32_MAX;
}

static void bare(struct turn *t, const struct call *call, enum amqp091_method_kind kind)
{
	must(amqp091_method_info[kind].call == AMQP091_REPLY);
	if (!call->is_nowait)
		amqp091_send_bare(t, call->channel, kind);
}

static void declared(struct turn *t, const struct call *call, const struct reply_row *r)
{
	struct amqp091_method m = { .kind = AMQP091_queue_declare_ok };
	struct channel *c = amqp091_channel(t->s, call->channel);
	must(c != NULL && call->name_n > 0);
	amqp091_last_queue_set(t, c, amqp091_call_name(call));
	m.queue_declare_ok.queue = amqp091_call_name(call);
	m.queue_declare_ok.message_count = clip_u32(r->a);
	m.queue_declare_ok.consumer_count = clip_u32(r->b);
	if (!call->is_nowait)
		amqp091_send(t, call->channel, &m);
}

static void counted(struct turn *t, const struct call *call, enum amqp091_method_kind kind,
		    uint64_t n)
{
	struct amqp091_method m = { .kind = kind };
	must(kind == AMQP091_queue_purge_ok || kind == AMQP091_queue_delete_ok);
	if (kind == AMQP091_queue_purge_ok)
		m.queue_purge_ok.message_count = clip_u32(n);
	else
		m.queue_delete_ok.message_count = clip_u32(n);
	if (!call->is_nowait)
		amqp091_send(t, call->channel, &m);
}

static void done(struct turn *t, const struct call *call, const struct reply_row *r)
{
	must(r->err == ERR_OK);
	switch (call->method) {
	case AMQP091_exchange_declare: bare(t, call, AMQP091_exchange_declare_ok); return;
	case AMQP091_exchange_delete: bare(t, call, AMQP091_exchange_delete_ok); return;
	case AMQP091_exchange_bind: bare(t, call, AMQP091_exchange_bind_ok); return;
	case AMQP091_exchange_unbind: bare(t, call, AMQP091_exchange_unbind_ok); return;
	case AMQP091_queue_declare: declared(t, call, r); return;
	case AMQP091_queue_bind: bare(t, call, AMQP091_queue_bind_ok); return;
	case AMQP091_queue_unbind: bare(t, call, AMQP091_queue_unbind_ok); return;
	case AMQP091_queue_purge: counted(t, call, AMQP091_queue_purge_ok, r->a); return;
	case AMQP091_queue_delete: counted(t, call, AMQP091_queue_delete_ok, r->a); return;
	case AMQP091_basic_consume: amqp091_subscribed(t, call); return;
	case AMQP091_tx_commit: bare(t, call, AMQP091_tx_commit_ok); return;
	case AMQP091_basic_publish: return; /* it is read again (retain.c) */
	default: must(!"a method that is answered otherwise");
	}
}

/* ---- refusals ----------------------------------------------------------------------------- */

/* A shard knows no names: its refusals get their words here. */
static enum err name_refusal(struct turn *t, const struct call *call, const struct reply_row *r)
{
	struct slice name = amqp091_call_name(call);
	enum err e = (enum err)r->err;
	must(e != ERR_OK);
	if (e == ERR_NOT_FOUND)
		return amqp091_refuse_named(t, e, "no queue ", name, "");
	if (call->method == AMQP091_queue_delete)
		return amqp091_refuse_named(t, e, "queue ", name,
					    r->a == DELETE_IF_UNUSED ? " in use" : " not empty");
	if (call->method == AMQP091_basic_consume && e == ERR_ACCESS_REFUSED)
		return amqp091_refuse_named(t, e, "queue ", name, " in exclusive use");
	return amqp091_refuse(t, e, err_words[e].text);
}

static bool declare_again(struct turn *t, struct call *call)
{
	must(call->method == AMQP091_queue_declare);
	if (call->tail_n == 0 || ++call->tries > DECLARE_TRIES)
		return false;
	call->ticket = amqp091_ticket(t->s);
	amqp091_command_catalog(t, CMD_QUEUE_DECLARE, 0, call->channel, call->ticket,
				slice_of(call->name + call->name_n, call->tail_n));
	return true;
}

/* What is wrong is in t->why. */
static void fail(struct turn *t, struct call *own_call, enum err e)
{
	const struct amqp091_method_info *info = &amqp091_method_info[own_call->method];
	struct channel *c = amqp091_channel(t->s, own_call->channel);
	must(c != NULL && own_call == t->s->call);
	amqp091_call_free(t);
	if (amqp091_closes_connection(e))
		amqp091_fail(t, e, info->class_id, info->method_id);
	else
		amqp091_channel_fail(t, c, e, info->class_id, info->method_id);
}

/* Two clients may declare the same thing at once. Shard 0 makes the first's; the other's, if it is
 * the same but for its arguments, comes back: what counts of those is for a protocol to say. By now
 * the view shows what there is. True: it is refused, or asked for as what it is. */
static bool compare_queue(struct turn *t, struct call *call, const struct declare_queue *d)
{
	const struct queue_record *q = catalog_queue(t->w->view, t->s->vhost, d->name);
	must(call->method == AMQP091_queue_declare);
	if (!q)
		return declare_again(t, call);
	const struct queue_args args = amqp091_queue_args(t);
	if (queue_args_same(&args, queue_record_name(q), queue_record_arguments(q), d->arguments) !=
	    ERR_OK) {
		fail(t, call, ERR_PRECONDITION_FAILED);
		return true;
	}
	call->ticket = amqp091_ticket(t->s);
	amqp091_command_queue(t, CMD_QUEUE_STAT, 0, call->channel, q->id, q->shard, call->ticket);
	return true;
}

static bool compare_exchange(struct turn *t, struct call *call, const struct declare_exchange *d)
{
	const struct exchange *x = catalog_exchange(t->w->view, t->s->vhost, d->name);
	must(call->method == AMQP091_exchange_declare);
	if (!x)
		return false;
	const struct queue_args args = amqp091_queue_args(t);
	if (queue_arg_same(&args, "alternate-exchange", "exchange", x->name, x->arguments,
			   d->arguments) != ERR_OK) {
		fail(t, call, ERR_PRECONDITION_FAILED);
		return true;
	}
	bare(t, call, AMQP091_exchange_declare_ok);
	amqp091_call_free(t);
	return true;
}

static bool compare_arguments(struct turn *t, struct call *call)
{
	struct slice tail = slice_of(call->name + call->name_n, call->tail_n);
	struct declare_queue q;
	struct declare_exchange x;
	must(call->method < AMQP091_METHOD_N);
	if (call->method == AMQP091_queue_declare && declare_queue_get(tail, &q) == ERR_OK)
		return compare_queue(t, call, &q);
	if (call->method == AMQP091_exchange_declare && declare_exchange_get(tail, &x) == ERR_OK)
		return compare_exchange(t, call, &x);
	return false;
}

static void refused(struct turn *t, struct call *call, const struct reply_row *r, struct slice text)
{
	enum err e = (enum err)r->err;
	must(r->err < ERR_N);
	if (call->method == AMQP091_basic_get && e == ERR_NOT_FOUND) {
		amqp091_send_bare(t, call->channel, AMQP091_basic_get_empty);
		amqp091_call_free(t);
		return;
	}
	if (call->method == AMQP091_queue_declare && e == ERR_NOT_FOUND && declare_again(t, call))
		return;
	if (e == ERR_EXISTS && compare_arguments(t, call))
		return;
	if (call->method == AMQP091_basic_consume)
		amqp091_consumer_free(t, amqp091_consumer(t->s, call->ticket));
	if (text.n > 0)
		text_put_slice(&t->why, text);
	else
		e = name_refusal(t, call, r);
	fail(t, call, e);
}

/* ---- which call a reply is for ------------------------------------------------------------ */

static bool is_end(const struct call *call)
{
	must(call->method < AMQP091_METHOD_N);
	return call->method == AMQP091_channel_close || call->method == AMQP091_connection_close;
}

/* Tickets only grow: answers to what was asked before an end are told apart from its own. */
static bool is_for(const struct call *call, const struct run *fx, const struct reply_row *r)
{
	must(call != NULL);
	if (!is_end(call))
		return fx->arg == call->ticket;
	if (call->step == 0)
		return r->op == CMD_UNSUBSCRIBE || r->op == CMD_GET;
	return (uint32_t)fx->arg - call->ticket < UINT32_MAX / 2;
}

static bool is_partial(struct turn *t, const struct call *call)
{
	const struct channel *c = amqp091_channel(t->s, call->channel);
	must(c && c->tx);
	return c->tx->is_refused;
}

/* Nobody listens to the answer, but nobody waits for it either: a consumer that has ended is not
 * asked to end once more. */
static void unheard(struct turn *t, const struct call *call)
{
	struct consumer *k = NULL;
	must(!is_end(call));
	if (call->method == AMQP091_basic_cancel)
		k = amqp091_consumer(t->s, call->ticket);
	if (k)
		k->end = CONSUMER_ENDED;
	amqp091_call_free(t);
}

void amqp091_reply(struct turn *t, struct run *fx)
{
	struct amqp091 *s = t->s;
	struct call *call = s->call;
	struct reply_row r;
	must(fx->n == 1 && fx->row_bytes == sizeof r);
	memcpy(&r, run_rows(fx), sizeof r);
	if (!call || !is_for(call, fx, &r))
		return;
	if (s->phase != PHASE_RUNNING && s->phase != PHASE_ENDING) {
		if (!is_end(call))
			unheard(t, call);
		return;
	}
	if (is_end(call)) {
		amqp091_end_answered(t);
	} else if (call->method == AMQP091_basic_cancel) {
		amqp091_unsubscribed(t);
	} else if (r.err != ERR_OK) {
		refused(t, call, &r, run_tail(fx));
	} else if (call->method == AMQP091_tx_commit && is_partial(t, call)) {
		text_puts(&t->why, "partial tx completion");
		fail(t, call, ERR_PRECONDITION_FAILED);
	} else {
		done(t, call, &r);
		amqp091_call_free(t);
	}
}
