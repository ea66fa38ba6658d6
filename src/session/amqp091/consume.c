#include "session/amqp091/direct.h"
#include "session/amqp091/patience.h"
#include "session/amqp091/tags.h"

#include "base/must.h"

/* ---- the table ---------------------------------------------------------------------------- */

struct consumer *amqp091_consumer(struct amqp091 *s, uint32_t id)
{
	uint64_t at;
	must(id != CONSUMER_GET);
	if (s->consumer_last && s->consumer_last->id == id)
		return s->consumer_last;
	if (!map_get(&s->consumers, id, &at))
		return NULL;
	s->consumer_last = (struct consumer *)(uintptr_t)at;
	return s->consumer_last;
}

struct consumer *amqp091_consumer_new(struct turn *t, struct channel *c, struct slice tag)
{
	struct amqp091 *s = t->s;
	must(tag.n > 0 && tag.n <= LIMIT_SHORTSTR);
	struct consumer *k = mem_get(t->w->mem, sizeof *k + tag.n, "consumer");
	if (!k || map_make_room(&s->consumers, t->w->mem, "consumers") != ERR_OK ||
	    !amqp091_tags_room(t, c)) {
		mem_put(t->w->mem, k, sizeof *k + tag.n);
		return NULL;
	}
	*k = (struct consumer){
		.channel = c,
		.id = amqp091_ticket(s),
		.tag_n = (uint8_t)tag.n,
	};
	memcpy(k->tag, tag.p, tag.n);
	amqp091_tags_add(k);
	map_put(&s->consumers, k->id, (uint64_t)(uintptr_t)k);
	return k;
}

void amqp091_consumer_free(struct turn *t, struct consumer *own_k)
{
	struct amqp091 *s = t->s;
	struct consumer *k = own_k;
	amqp091_tags_del(t, k);
	credit_end(&k->credit, &s->owed);
	amqp091_patience_end(t, k);
	bool was_there = map_del(&s->consumers, k->id, NULL);
	must(was_there);
	if (s->consumer_last == k)
		s->consumer_last = NULL;
	if (k->channel->direct == k)
		k->channel->direct = NULL;
	amqp091_put(t, k, sizeof *k + k->tag_n);
}

/* ---- basic.qos ---------------------------------------------------------------------------- */

enum err amqp091_on_basic_qos(struct turn *t, struct channel *c, const struct amqp091_method *m)
{
	const struct amqp091_basic_qos *q = &m->basic_qos;
	must(m->kind == AMQP091_basic_qos);
	if (q->prefetch_size != 0)
		return amqp091_refuse_number(t, ERR_NOT_IMPLEMENTED, "prefetch_size!=0 (",
					     q->prefetch_size, ")");
	if (!q->global)
		c->prefetch = q->prefetch_count;
	/* As in RabbitMQ, a prefetch for each consumer takes the place of one for the channel. */
	if (q->global || c->prefetch_shared != 0)
		amqp091_share(t, c, q->global ? q->prefetch_count : 0);
	amqp091_send_bare(t, c->number, AMQP091_basic_qos_ok);
	return ERR_OK;
}

/* ---- basic.consume ------------------------------------------------------------------------ */

static enum err subscribe(struct turn *t, struct channel *c, const struct queue_record *q,
			  struct slice tag, const struct consumer_args *args, struct slice from,
			  const struct amqp091_basic_consume *m)
{
	struct consumer *k = amqp091_consumer_new(t, c, tag);
	struct post *p = t->w->post;
	if (!k)
		return amqp091_refuse(t, ERR_RESOURCE_ERROR, "no memory for a consumer");
	k->queue = q->id;
	k->shard = q->shard;
	k->prefetch = c->prefetch;
	k->is_no_ack = m->no_ack;
	k->is_stream = q->flags & QUEUE_APPENDS;
	const struct subscribe_row row = { amqp091_first_credit(c, k), args->priority };
	const struct run head = {
		.kind = CMD_SUBSCRIBE,
		.channel = c->number,
		.session = t->s->session.handle,
		.flags = (uint8_t)((m->no_ack ? SUBSCRIBE_NO_ACK : 0) |
				   (m->exclusive && !k->is_stream ? SUBSCRIBE_EXCLUSIVE : 0)),
		.shard = q->shard,
		.vhost = t->s->vhost,
		.queue = q->id,
		.arg = k->id,
	};
	must(q->shard > 0);
	if (args->timeout_ms && !m->no_ack && !amqp091_patience_begin(t, k, args->timeout_ms)) {
		amqp091_consumer_free(t, k);
		return amqp091_refuse(t, ERR_RESOURCE_ERROR, "no memory for a consumer");
	}
	(void)post_run(p, p->loop_of_shard[q->shard], &head, &row, sizeof row, 1, from);
	struct call *call = amqp091_call(t, AMQP091_basic_consume, c->number, k->id,
					 queue_record_name(q), SLICE_EMPTY);
	call->is_nowait = m->nowait;
	return ERR_OK;
}

static enum err is_full(struct turn *t, const struct channel *c)
{
	int64_t max = t->w->limits->consumer_max_per_channel;
	must(t->why.n == 0);
	if (max < 0 || c->consumers_n < max)
		return ERR_OK;
	text_putf(&t->why, "reached maximum (%lld) of consumers per channel", (long long)max);
	return amqp091_refuse(t, ERR_NOT_ALLOWED, "");
}

enum err amqp091_on_basic_consume(struct turn *t, struct channel *c, const struct amqp091_method *m)
{
	const struct amqp091_basic_consume *b = &m->basic_consume;
	const struct queue_record *q;
	struct slice name, tag = b->consumer_tag;
	char buf[NAME_MADE_MAX];
	struct consumer_args args;
	struct stream_filter filter;
	struct slice from = SLICE_EMPTY;
	must(m->kind == AMQP091_basic_consume);
	TRY(amqp091_queue_name(t, c, b->queue, &name)); /* which RabbitMQ misses first */
	if (tag.n > 0 && amqp091_tags_find(c, tag)) {
		text_puts(&t->why, "attempt to reuse consumer tag '");
		text_put_slice(&t->why, tag);
		return amqp091_refuse(t, ERR_NOT_ALLOWED, "'");
	}
	TRY(is_full(t, c));
	if (amqp091_direct_kind(name) == DIRECT_CONSUME)
		return amqp091_direct_consume(t, c, tag, b);
	TRY(amqp091_allow(t, AUTH_QUEUE, name, AUTH_READ));
	TRY(amqp091_queue_find(t, name, &q));
	TRY(amqp091_args_of_consumer(t, q, b->arguments, &args));
	if (q->flags & QUEUE_APPENDS) {
		TRY(amqp091_stream_args(t, c, q, b, &filter));
		from = stream_filter_tail(&filter);
	}
	if (amqp091_wants_move(t, q->shard))
		return ERR_BUSY;
	if (tag.n == 0)
		tag = ask_name(t->w, slice_str("amq.ctag"), buf);
	return subscribe(t, c, q, tag, &args, from, b);
}

void amqp091_subscribed(struct turn *t, const struct call *call)
{
	struct consumer *k = amqp091_consumer(t->s, call->ticket);
	struct amqp091_method m = { .kind = AMQP091_basic_consume_ok };
	must(k != NULL);
	m.basic_consume_ok.consumer_tag = slice_of(k->tag, k->tag_n);
	if (!call->is_nowait)
		amqp091_send(t, call->channel, &m);
}

/* ---- basic.cancel ------------------------------------------------------------------------- */

static void send_cancel_ok(struct turn *t, uint16_t channel, struct slice tag)
{
	struct amqp091_method m = { .kind = AMQP091_basic_cancel_ok };
	must(channel > 0);
	m.basic_cancel_ok.consumer_tag = tag;
	amqp091_send(t, channel, &m);
}

enum err amqp091_on_basic_cancel(struct turn *t, struct channel *c, const struct amqp091_method *m)
{
	const struct amqp091_basic_cancel *b = &m->basic_cancel;
	struct consumer *k = amqp091_tags_find(c, b->consumer_tag);
	must(m->kind == AMQP091_basic_cancel);
	if (!k) {
		if (!b->nowait)
			send_cancel_ok(t, c->number, b->consumer_tag);
		return ERR_OK;
	}
	k->end = CONSUMER_ASKED;
	if (!k->is_direct)
		amqp091_command_queue(t, CMD_UNSUBSCRIBE, 0, c->number, k->queue, k->shard, k->id);
	struct call *call = amqp091_call(t, AMQP091_basic_cancel, c->number, k->id, b->consumer_tag,
					 SLICE_EMPTY);
	call->is_nowait = b->nowait;
	if (k->is_direct)
		amqp091_unsubscribed(t);
	return ERR_OK;
}

static void cancel_over(struct turn *t, struct consumer *own_k)
{
	struct call *call = t->s->call;
	must(call && call->method == AMQP091_basic_cancel);
	if (!call->is_nowait)
		send_cancel_ok(t, call->channel, amqp091_call_name(call));
	if (own_k)
		amqp091_consumer_free(t, own_k);
	amqp091_call_free(t);
}

/* What the client has stays with it. What is not written yet goes back; without acks it has left
 * the queue, so it is written first. */
void amqp091_unsubscribed(struct turn *t)
{
	struct consumer *k = amqp091_consumer(t->s, t->s->call->ticket);
	must(t->s->call->method == AMQP091_basic_cancel);
	if (k) {
		k->end = CONSUMER_ENDED;
		if (!k->is_no_ack)
			amqp091_waiting_void(t, k->channel, k->id);
		if (k->is_patient)
			amqp091_patience_over(t, k);
	}
	if (!k || k->waiting_n == 0)
		cancel_over(t, k);
}

void amqp091_drained(struct turn *t, struct consumer *k)
{
	const struct call *call = t->s->call;
	must(k->end == CONSUMER_ENDED);
	if (k->waiting_n == 0 && call && call->method == AMQP091_basic_cancel &&
	    call->ticket == k->id)
		cancel_over(t, k);
}

enum err amqp091_on_basic_cancel_ok(struct turn *t, struct channel *c,
				    const struct amqp091_method *m)
{
	(void)t;
	(void)c;
	must(m->kind == AMQP091_basic_cancel_ok);
	return ERR_OK;
}

/* ---- the queue has been deleted ----------------------------------------------------------- */

void amqp091_cancelled(struct turn *t, struct run *fx)
{
	struct amqp091 *s = t->s;
	struct consumer *k = amqp091_consumer(s, (uint32_t)fx->arg);
	struct amqp091_method m = { .kind = AMQP091_basic_cancel };
	must(fx->kind == FX_CANCELLED);
	if (!k)
		return;
	struct channel *c = k->channel;
	if (k->end == CONSUMER_LIVES && s->phase == PHASE_RUNNING &&
	    s->client & CLIENT_CANCEL_NOTIFY) {
		m.basic_cancel.consumer_tag = slice_of(k->tag, k->tag_n);
		m.basic_cancel.nowait = true;
		amqp091_send(t, c->number, &m);
	}
	if (k->end != CONSUMER_LIVES)
		return; /* its end is under way and frees it */
	amqp091_waiting_void(t, c, k->id);
	amqp091_consumer_free(t, k);
}

/* ---- basic.get ---------------------------------------------------------------------------- */

/* Who consumes from a replicated queue one at a time does not fetch; of a stream nobody does. */
static enum err check_get(struct turn *t, const struct queue_record *q)
{
	struct queue_rules rules;
	must(q->id != 0);
	if (q->flags & QUEUE_APPENDS)
		return amqp091_refuse_named(t, ERR_NOT_IMPLEMENTED,
					    "basic.get not supported by stream queues queue ",
					    queue_record_name(q), "");
	if (rules_get(queue_record_rules(q), &rules) != ERR_OK || rules.type != QUEUE_QUORUM ||
	    rules.single_active != 1)
		return ERR_OK;
	return amqp091_refuse_named(
		t, ERR_RESOURCE_LOCKED, "cannot obtain access to locked queue ",
		queue_record_name(q),
		". basic.get operations are not supported by quorum queues with "
		"single active consumer");
}

enum err amqp091_on_basic_get(struct turn *t, struct channel *c, const struct amqp091_method *m)
{
	const struct amqp091_basic_get *b = &m->basic_get;
	const struct queue_record *q;
	struct slice name;
	must(m->kind == AMQP091_basic_get);
	TRY(amqp091_queue_name(t, c, b->queue, &name));
	TRY(amqp091_allow(t, AUTH_QUEUE, name, AUTH_READ));
	TRY(amqp091_queue_find(t, name, &q));
	TRY(check_get(t, q));
	uint32_t ticket = amqp091_ticket(t->s);
	uint8_t flags = b->no_ack ? GET_NO_ACK : 0;
	amqp091_command_queue(t, CMD_GET, flags, c->number, q->id, q->shard, ticket);
	amqp091_call(t, AMQP091_basic_get, c->number, ticket, queue_record_name(q), SLICE_EMPTY)
		->flags = flags;
	return ERR_OK;
}
