/* What the broker says without being asked, and the messages it brings. */
#include "sim/client.h"

#include "wire/amqp091/table.h"

#include <stdlib.h>

/* ---- the handshake ---------------------------------------------------------------------- */

static void start_ok(struct client *c)
{
	uint8_t buf[128];
	struct wr w = wr_of(buf, sizeof buf);
	size_t mark = amqp091_put_table(&w, "capabilities");
	amqp091_put_bool(&w, "consumer_cancel_notify", true);
	amqp091_put_bool(&w, "connection.blocked", true);
	amqp091_put_close(&w, mark);
	must(wr_ok(&w));
	client_say(c, 0,
		   &(struct amqp091_method){
			   .kind = AMQP091_connection_start_ok,
			   .connection_start_ok = { .client_properties = wr_done(&w),
						    .mechanism = slice_str("PLAIN"),
						    .response = slice_of("\0guest\0guest", 12),
						    .locale = slice_str("en_US") } });
	c->phase = CLIENT_STARTING;
}

static void tune_ok(struct client *c, const struct amqp091_connection_tune *t)
{
	uint32_t max = t->frame_max;
	if (prng_chance(&c->prng, 1, 2))
		max = (uint32_t)prng_between(&c->prng, 4096, max);
	client_say(c, 0,
		   &(struct amqp091_method){ .kind = AMQP091_connection_tune_ok,
					     .connection_tune_ok = { .channel_max = t->channel_max,
								     .frame_max = max,
								     .heartbeat = t->heartbeat } });
	client_say(
		c, 0,
		&(struct amqp091_method){ .kind = AMQP091_connection_open,
					  .connection_open = { .virtual_host = slice_str("/") } });
	c->frame_max = max;
	c->phase = CLIENT_OPENING;
}

/* ---- the connection --------------------------------------------------------------------- */

static void gone(struct client *c)
{
	for (uint32_t i = 0; i < ORACLE_CHANNELS; i++)
		client_channel_over(c, i, false);
	TELL(c->story, left, c->index);
	client_drop(c, false);
}

static void on_connection(struct client *c, const struct amqp091_method *m)
{
	switch (m->kind) {
	case AMQP091_connection_start:
		if (c->phase == CLIENT_GREETING)
			start_ok(c);
		return;
	case AMQP091_connection_tune:
		if (c->phase == CLIENT_STARTING)
			tune_ok(c, &m->connection_tune);
		return;
	case AMQP091_connection_open_ok:
		c->phase = CLIENT_UP;
		TELL(c->story, up, c->index, c->frame_max);
		return;
	case AMQP091_connection_blocked:
	case AMQP091_connection_unblocked:
		c->is_blocked = m->kind == AMQP091_connection_blocked;
		c->blocked_n += c->is_blocked;
		TELL(c->story, blocked, c->index, c->is_blocked);
		return;
	case AMQP091_connection_close_ok:
		oracle_fence(c->oracle, c->index, oracle_tick(c->oracle));
		gone(c);
		return;
	case AMQP091_connection_close:
		if (m->connection_close.reply_code != 320 || !c->host->is_stopping)
			story_wrong(c->story, "c%u's connection is closed with %u: %.*s", c->index,
				    m->connection_close.reply_code,
				    (int)m->connection_close.reply_text.n,
				    (const char *)m->connection_close.reply_text.p);
		gone(c);
		return;
	default: client_wrong(c, 0, "unexpected method on channel 0, row", m->kind);
	}
}

/* ---- confirms --------------------------------------------------------------------------- */

static void confirm(struct client *c, uint32_t channel, uint64_t tag, bool is_refused)
{
	struct channel_state *ch = &c->channel[channel];
	uint32_t *id = &ch->unconfirmed[tag - ch->confirmed_to - 1];
	TELL(c->story, confirm, c->index, channel, *id);
	if (*id == 0) {
		client_wrong(c, channel, "was confirmed twice: tag", tag);
		return;
	}
	if (is_refused)
		oracle_refused(c->oracle, *id);
	else
		oracle_confirmed(c->oracle, *id);
	*id = 0;
}

static void on_confirm(struct client *c, uint32_t channel, uint64_t tag, bool is_multiple,
		       bool is_refused)
{
	struct channel_state *ch = &c->channel[channel];
	if (!ch->is_confirming || tag <= ch->confirmed_to || tag >= ch->next_confirm) {
		client_wrong(c, channel, "a confirm for nothing, tag", tag);
		return;
	}
	for (uint64_t t = is_multiple ? ch->confirmed_to + 1 : tag; t <= tag; t++)
		if (!is_multiple || ch->unconfirmed[t - ch->confirmed_to - 1] != 0)
			confirm(c, channel, t, is_refused);
	uint32_t done = 0;
	while (done < ch->unconfirmed_n && ch->unconfirmed[done] == 0)
		done++;
	ch->confirmed_to += done;
	ch->unconfirmed_n -= done;
	if (done > 0)
		memmove(ch->unconfirmed, ch->unconfirmed + done,
			ch->unconfirmed_n * sizeof *ch->unconfirmed);
}

/* ---- deliveries ------------------------------------------------------------------------- */

static uint8_t find_consumer(const struct channel_state *ch, struct slice tag)
{
	char name[8];
	for (uint8_t i = 0; i < CLIENT_CONSUMERS; i++) {
		struct text t = text_of(name, sizeof name);
		text_putf(&t, "n%u", ch->consumer[i].number);
		if (ch->consumer[i].life != LIFE_NONE && slice_eq(text_slice(&t), tag))
			return i;
	}
	return CLIENT_CONSUMERS;
}

static void set_address(struct incoming *in, struct slice exchange, struct slice key)
{
	in->exchange_n = (uint8_t)(exchange.n < sizeof in->exchange ? exchange.n : 0);
	in->key_n = (uint8_t)(key.n < sizeof in->key ? key.n : 0);
	if (in->exchange_n)
		memcpy(in->exchange, exchange.p, in->exchange_n);
	if (in->key_n)
		memcpy(in->key, key.p, in->key_n);
}

static void on_content(struct client *c, uint32_t channel, const struct amqp091_method *m)
{
	struct channel_state *ch = &c->channel[channel];
	struct incoming *in = &ch->incoming;
	struct bytes body = in->body;
	*in = (struct incoming){ .kind = m->kind, .body = body };
	if (m->kind == AMQP091_basic_deliver) {
		const struct amqp091_basic_deliver *d = &m->basic_deliver;
		in->consumer = find_consumer(ch, d->consumer_tag);
		in->tag = d->delivery_tag;
		in->is_redelivered = d->redelivered;
		set_address(in, d->exchange, d->routing_key);
		if (in->consumer == CLIENT_CONSUMERS)
			client_wrong(c, channel, "a delivery for no consumer, tag", in->tag);
	} else if (m->kind == AMQP091_basic_get_ok) {
		const struct amqp091_basic_get_ok *g = &m->basic_get_ok;
		in->consumer = CLIENT_GET;
		in->tag = g->delivery_tag;
		in->is_redelivered = g->redelivered;
		set_address(in, g->exchange, g->routing_key);
		if (ch->asked.answer != AMQP091_basic_get_ok)
			client_wrong(c, channel, "a get that nobody asked for, tag", in->tag);
	} else {
		set_address(in, m->basic_return.exchange, m->basic_return.routing_key);
	}
}

static void hold(struct channel_state *ch, uint64_t tag, uint32_t copy, uint8_t consumer)
{
	if (ch->held_end == ch->held_cap && ch->held_first > 0) {
		ch->held_end -= ch->held_first;
		memmove(ch->held, ch->held + ch->held_first, ch->held_end * sizeof *ch->held);
		ch->held_first = 0;
	}
	if (ch->held_end == ch->held_cap) {
		ch->held_cap = ch->held_cap ? 2 * ch->held_cap : 64;
		ch->held = realloc(ch->held, ch->held_cap * sizeof *ch->held);
		must(ch->held != NULL);
	}
	ch->held[ch->held_end++] = (struct held){ tag, copy, consumer, false };
	ch->held_n++;
	ch->shared_n += consumer != CLIENT_GET;
	if (consumer != CLIENT_GET)
		ch->consumer[consumer].held_n++;
}

/* What was on its way when the channel gave everything back: it does not hold this one. */
static bool is_late(const struct channel_state *ch)
{
	return ch->life == LIFE_GOING || ch->asked.answer == AMQP091_basic_recover_ok;
}

static void check_credit(struct client *c, uint32_t channel, const struct consumer_state *s)
{
	const struct channel_state *ch = &c->channel[channel];
	bool is_changing = ch->asked.answer == AMQP091_basic_qos_ok;
	if (s->prefetch && s->held_n >= s->prefetch)
		client_wrong(c, channel, "more deliveries than the prefetch of", s->prefetch);
	if (ch->shared && !is_changing && !s->is_no_ack && ch->shared_n >= ch->shared)
		client_wrong(c, channel, "more deliveries than the shared prefetch of", ch->shared);
}

static bool is_well(const struct client *c, const struct channel_state *ch,
		    const struct consumer_state *s)
{
	return ch->life == LIFE_THERE && s->life == LIFE_THERE && s->losing_n == 0 &&
	       !oracle_may_fail(c->oracle, ch->number);
}

/* Nobody else is given anything while the one who was is still there, as far as he knows. */
static void check_single(struct client *c, uint32_t channel, struct consumer_state *s)
{
	const struct channel_state *ch = &c->channel[channel];
	struct oracle_queue *q = &c->oracle->queue[s->queue];
	const struct consumer_state *other = q->active;
	if (c->oracle->places.rule[s->queue].kind != PLACE_SINGLE || !is_well(c, ch, s) ||
	    s->since <= q->unsure_event) /* it may be of a queue that is gone, and not know it */
		return;
	const bool is_other = other && (other != s || q->active_number != s->number ||
					q->active_channel != ch->number);
	if (other && !is_other)
		return;
	if (is_other && other->life == LIFE_THERE && other->number == q->active_number &&
	    other->channel == q->active_channel && other->losing_n == 0 &&
	    q->unsure_event < q->active_event && !oracle_may_fail(c->oracle, other->channel))
		client_wrong(c, channel, "is active, and so is another, on channel",
			     q->active_channel);
	q->active = s;
	q->active_number = s->number;
	q->active_channel = ch->number;
	q->active_event = oracle_tick(c->oracle);
}

static void on_delivery(struct client *c, uint32_t channel, struct oracle_delivery *d)
{
	struct channel_state *ch = &c->channel[channel];
	struct incoming *in = &ch->incoming;
	struct asked a = ch->asked;
	bool is_get = in->consumer == CLIENT_GET;
	struct consumer_state *s = is_get ? NULL : &ch->consumer[in->consumer];
	d->queue = is_get ? a.place : s->queue;
	d->is_no_ack = is_get ? a.arg : s->is_no_ack;
	d->is_late = !is_get && is_late(ch) && !d->is_no_ack;
	d->reading = s && client_is_stream(c, d->queue) ? &s->reading : NULL;
	d->order = d->is_late ? NULL : &ch->order[d->queue][in->consumer];
	if (in->tag != ch->next_tag++)
		client_wrong(c, channel, "a delivery tag out of turn", in->tag);
	if (!is_get && !d->is_late) {
		check_credit(c, channel, s);
		check_single(c, channel, s);
	}
	uint32_t copy = oracle_deliver(c->oracle, d);
	TELL(c->story, deliver, c->index, channel, letter_id(d->body), d->queue, in->tag,
	     in->is_redelivered);
	if (copy && is_get)
		oracle_got(c->oracle, copy, a.event);
	if (copy && !d->is_no_ack && !d->is_late)
		hold(ch, in->tag, copy, in->consumer);
	if (is_get) {
		oracle_users(c->oracle, d->queue, -1);
		ch->asked.answer = AMQP091_METHOD_N;
		oracle_answered(c->oracle, ch->number);
		oracle_fence(c->oracle, c->index, a.event);
	}
	c->received_n++;
}

void client_on_message(struct client *c, uint32_t channel)
{
	struct incoming *in = &c->channel[channel].incoming;
	enum amqp091_method_kind kind = in->kind;
	struct oracle_delivery d = {
		.client = c->index,
		.channel = c->channel[channel].number,
		.exchange = slice_of(in->exchange, in->exchange_n),
		.key = slice_of(in->key, in->key_n),
		.props = slice_of(in->props, in->props_n),
		.body = slice_of(in->body.at, in->body.n),
		.is_redelivered = in->is_redelivered,
		.is_drain = c->is_draining,
	};
	in->kind = AMQP091_METHOD_N;
	if (kind != AMQP091_basic_return) {
		on_delivery(c, channel, &d);
		return;
	}
	uint32_t id = letter_id(d.body);
	TELL(c->story, returned, c->index, channel, id);
	if (id == 0 || id >= c->oracle->messages_n)
		client_wrong(c, channel, "a message came back that nobody has sent", id);
	else
		oracle_returned(c->oracle, id);
}

/* ---- channels --------------------------------------------------------------------------- */

static void on_close(struct client *c, uint32_t channel, const struct amqp091_channel_close *m)
{
	struct channel_state *ch = &c->channel[channel];
	TELL(c->story, refusal, c->index, channel, m->reply_code);
	if (!oracle_may_fail(c->oracle, ch->number))
		story_wrong(c->story, "c%u.%u is closed with %u: %.*s", c->index, channel,
			    m->reply_code, (int)m->reply_text.n, (const char *)m->reply_text.p);
	client_say(c, channel + 1, &(struct amqp091_method){ .kind = AMQP091_channel_close_ok });
	client_channel_over(c, channel, false);
}

static void on_cancel(struct client *c, uint32_t channel, struct slice tag)
{
	struct channel_state *ch = &c->channel[channel];
	uint8_t i = find_consumer(ch, tag);
	if (i == CLIENT_CONSUMERS) {
		client_wrong(c, channel, "a cancel for no consumer", tag.n);
		return;
	}
	TELL(c->story, cancelled, c->index, channel, i, ch->consumer[i].queue);
	bool is_sure = c->oracle->queue[ch->consumer[i].queue].unsure_event == 0;
	if (is_sure)
		client_wrong(c, channel, "a cancel, though nobody deleted queue",
			     ch->consumer[i].queue);
	while (ch->consumer[i].losing_n > 0)
		client_losing(c, &ch->consumer[i], -1);
	oracle_users(c->oracle, ch->consumer[i].queue, -1);
	oracle_loss(c->oracle, ch->consumer[i].queue, false);
	ch->consumer[i].life = LIFE_NONE;
	/* a channel that goes has taken it, and will not know any more */
	if (ch->life == LIFE_GOING && place_queues[ch->consumer[i].queue].is_auto_delete)
		oracle_in_limbo(c->oracle, ch->consumer[i].queue, true);
}

void client_on_method(struct client *c, uint32_t channel, const struct amqp091_method *m)
{
	if (channel == 0) {
		on_connection(c, m);
		return;
	}
	channel--;
	switch (m->kind) {
	case AMQP091_basic_deliver:
	case AMQP091_basic_get_ok:
	case AMQP091_basic_return: on_content(c, channel, m); return;
	case AMQP091_basic_ack:
		on_confirm(c, channel, m->basic_ack.delivery_tag, m->basic_ack.multiple, false);
		return;
	case AMQP091_basic_nack:
		on_confirm(c, channel, m->basic_nack.delivery_tag, m->basic_nack.multiple, true);
		return;
	case AMQP091_channel_close: on_close(c, channel, &m->channel_close); return;
	case AMQP091_basic_cancel: on_cancel(c, channel, m->basic_cancel.consumer_tag); return;
	default: break;
	}
	if (!client_on_answer(c, channel, m))
		client_wrong(c, channel, "unexpected method, row", m->kind);
}
