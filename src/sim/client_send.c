#include "sim/client.h"

#include "base/bits.h"
#include "wire/amqp091/content.h"
#include "wire/amqp091/table.h"

#include <stdlib.h>

#define OUT_MAX       524288u /* does not publish while so much waits for the socket */
#define READ_FROM_MAX 64u
#define WINDOW_MAX    256u /* unconfirmed publishes of a channel */

void client_say(struct client *c, uint32_t channel, const struct amqp091_method *m)
{
	uint32_t n = (uint32_t)amqp091_method_size(m);
	bytes_reserve(&c->out, n);
	(void)amqp091_method_put(c->out.at + c->out.begin + c->out.n, (uint16_t)channel, m);
	c->out.n += n;
}

void client_beat(struct client *c)
{
	bytes_reserve(&c->out, AMQP091_FRAME_OVERHEAD);
	memcpy(c->out.at + c->out.begin + c->out.n, amqp091_heartbeat_octets,
	       AMQP091_FRAME_OVERHEAD);
	c->out.n += AMQP091_FRAME_OVERHEAD;
}

bool client_may_call(const struct client *c, uint32_t channel)
{
	const struct channel_state *ch = &c->channel[channel];
	return c->phase == CLIENT_UP && ch->life == LIFE_THERE &&
	       ch->asked.answer == AMQP091_METHOD_N;
}

bool client_may_use(const struct client *c, uint32_t channel, uint32_t queue)
{
	bool is_foreign = place_queues[queue].is_exclusive && place_owner(queue) != c->index;
	return client_may_call(c, channel) && !is_foreign &&
	       c->oracle->queue[queue].life == LIFE_THERE;
}

/* ---- channels --------------------------------------------------------------------------- */

bool client_open(struct client *c, uint32_t channel)
{
	struct channel_state *ch = &c->channel[channel];
	if (c->phase != CLIENT_UP || ch->life != LIFE_NONE)
		return false;
	ch->life = LIFE_COMING;
	ch->number = oracle_channel(c->oracle);
	ch->next_tag = ch->next_confirm = 1;
	ch->asked.answer = ch->incoming.kind = AMQP091_METHOD_N;
	TELL(c->story, open, c->index, channel, ch->number);
	client_call(c, channel, AMQP091_channel_open_ok, 0, 0);
	client_say(c, channel + 1, &(struct amqp091_method){ .kind = AMQP091_channel_open });
	return true;
}

/* What the channel holds goes back when the broker comes to it; what comes until then is late. */
static void give_back(struct client *c, struct channel_state *ch)
{
	for (uint32_t i = ch->held_first; i < ch->held_end; i++) {
		if (!ch->held[i].is_settled)
			oracle_release(c->oracle, ch->held[i].copy, c->index, ch->number);
		ch->held[i].is_settled = true;
	}
	ch->held_first = ch->held_end = ch->held_n = ch->shared_n = 0;
	for (uint32_t i = 0; i < CLIENT_CONSUMERS; i++) {
		ch->consumer[i].held_n = 0;
		if (ch->consumer[i].life != LIFE_NONE)
			client_losing(c, &ch->consumer[i], 1);
	}
}

/* With a channel go its consumers, and with the last ones go auto-delete queues: nobody else may
 * change these meanwhile. */
static bool may_take_queues(const struct client *c, const struct channel_state *ch)
{
	for (uint32_t i = 0; i < CLIENT_CONSUMERS; i++) {
		const struct consumer_state *s = &ch->consumer[i];
		if (s->life != LIFE_NONE && place_queues[s->queue].is_auto_delete &&
		    oracle_is_taken(c->oracle, s->queue))
			return false;
	}
	return true;
}

static void take_queues(struct client *c, const struct channel_state *ch)
{
	for (uint32_t i = 0; i < CLIENT_CONSUMERS; i++) {
		const struct consumer_state *s = &ch->consumer[i];
		if (s->life == LIFE_NONE || !place_queues[s->queue].is_auto_delete)
			continue;
		oracle_queue_set(c->oracle, s->queue, LIFE_MAYBE);
		c->oracle->queue[s->queue].is_busy = true;
	}
}

bool client_close(struct client *c, uint32_t channel)
{
	struct channel_state *ch = &c->channel[channel];
	if (!client_may_call(c, channel) || !may_take_queues(c, ch))
		return false;
	take_queues(c, ch);
	TELL(c->story, close, c->index, channel);
	client_call(c, channel, AMQP091_channel_close_ok, 0, 0);
	client_say(
		c, channel + 1,
		&(struct amqp091_method){ .kind = AMQP091_channel_close,
					  .channel_close = { .reply_code = 200,
							     .reply_text = slice_str("enough") } });
	ch->life = LIFE_GOING;
	give_back(c, ch);
	return true;
}

static void exclusive_goes(struct client *c, uint32_t queue)
{
	if (c->oracle->queue[queue].life == LIFE_NONE)
		return;
	oracle_queue_set(c->oracle, queue, LIFE_GOING);
	c->oracle->queue[queue].is_busy = true;
}

bool client_leave(struct client *c)
{
	if (c->phase != CLIENT_UP)
		return false;
	for (uint32_t i = 0; i < ORACLE_CHANNELS; i++)
		if (c->channel[i].life != LIFE_NONE &&
		    (!client_may_call(c, i) || !may_take_queues(c, &c->channel[i])))
			return false;
	TELL(c->story, leave, c->index);
	for (uint32_t i = 0; i < ORACLE_CHANNELS; i++) {
		if (c->channel[i].life == LIFE_NONE)
			continue;
		take_queues(c, &c->channel[i]);
		c->channel[i].life = LIFE_GOING;
		give_back(c, &c->channel[i]);
	}
	for (uint32_t q = 0; q < PLACE_QUEUES; q++)
		if (place_queues[q].is_exclusive && place_owner(q) == c->index)
			exclusive_goes(c, q);
	c->phase = CLIENT_LEAVING;
	c->asked_ms = c->host->now_ms;
	client_say(c, 0,
		   &(struct amqp091_method){
			   .kind = AMQP091_connection_close,
			   .connection_close = { .reply_code = 200,
						 .reply_text = slice_str("goodbye") } });
	return true;
}

bool client_select(struct client *c, uint32_t channel)
{
	if (!client_may_call(c, channel) || c->channel[channel].is_confirming ||
	    c->channel[channel].is_dealing)
		return false;
	client_call(c, channel, AMQP091_confirm_select_ok, 0, 0);
	client_say(c, channel + 1, &(struct amqp091_method){ .kind = AMQP091_confirm_select });
	c->channel[channel].is_confirming = true;
	return true;
}

bool client_qos(struct client *c, uint32_t channel, uint32_t n, bool is_shared)
{
	if (!client_may_call(c, channel))
		return false;
	client_call(c, channel, AMQP091_basic_qos_ok, n, is_shared);
	if (is_shared)
		c->channel[channel].has_shared = true;
	for (uint32_t i = 0; is_shared && i < CLIENT_CONSUMERS; i++)
		if (c->channel[channel].consumer[i].life != LIFE_NONE)
			c->oracle->queue[c->channel[channel].consumer[i].queue].may_park = true;
	client_say(c, channel + 1,
		   &(struct amqp091_method){
			   .kind = AMQP091_basic_qos,
			   .basic_qos = { .prefetch_count = (uint16_t)n, .global = is_shared } });
	return true;
}

/* ---- messages --------------------------------------------------------------------------- */

static void put_content(struct client *c, uint32_t channel, const struct letter *l)
{
	uint8_t props[LETTER_PROPS_MAX], *body = malloc(l->bytes);
	must(body != NULL);
	letter_put(l, body);
	struct slice all = slice_of(body, l->bytes);
	struct amqp091_content content = { .props = letter_props_said(l, props),
					   .body = &all,
					   .body_n = 1,
					   .body_bytes = l->bytes };
	uint32_t n = (uint32_t)amqp091_content_size_framed(&content, c->frame_max);
	bytes_reserve(&c->out, n);
	(void)amqp091_content_put_framed(c->out.at + c->out.begin + c->out.n,
					 (uint16_t)(channel + 1), c->frame_max, &content);
	c->out.n += n;
	free(body);
}

static void await_confirm(struct channel_state *ch, uint32_t id)
{
	if (!ch->is_confirming)
		return;
	if (ch->unconfirmed_n == ch->unconfirmed_cap) {
		ch->unconfirmed_cap = ch->unconfirmed_cap ? 2 * ch->unconfirmed_cap : 64;
		ch->unconfirmed = realloc(ch->unconfirmed, ch->unconfirmed_cap * sizeof(uint32_t));
		must(ch->unconfirmed != NULL);
	}
	ch->unconfirmed[ch->unconfirmed_n++] = id;
	ch->next_confirm++;
}

/* What is published to be rolled back goes nowhere. */
static uint32_t number(struct client *c, const struct channel_state *ch, const struct message *m,
		       uint32_t *out_maybe)
{
	struct oracle *o = c->oracle;
	*out_maybe = 0;
	if (ch->is_void)
		return oracle_number(o, c->index, m);
	const uint32_t id = oracle_publish(o, c->index, m);
	if (ch->tx)
		oracle_tx_message(o, ch->tx, id);
	*out_maybe = oracle_routed(o, id);
	return id;
}

bool client_publish(struct client *c, uint32_t channel, struct message *m)
{
	struct channel_state *ch = &c->channel[channel];
	struct oracle *o = c->oracle;
	char name[PLACE_NAME_MAX];
	if (c->phase != CLIENT_UP || ch->life != LIFE_THERE || c->out.n > OUT_MAX ||
	    ch->unconfirmed_n >= WINDOW_MAX || o->exchange[m->exchange] != LIFE_THERE)
		return false;
	m->publisher = ch->number;
	m->slot = (uint8_t)channel;
	m->flags |= ch->is_confirming ? LETTER_CONFIRM : 0;
	uint32_t maybe, id = number(c, ch, m, &maybe);
	bool is_default = m->exchange == PLACE_X_default;
	client_say(c, channel + 1,
		   &(struct amqp091_method){
			   .kind = AMQP091_basic_publish,
			   .basic_publish = {
				   .exchange = slice_str(place_exchanges[m->exchange].name),
				   .routing_key = is_default ? client_queue_name(c, m->key, name)
							     : place_key(m->key),
				   .mandatory = m->flags & LETTER_MANDATORY } });
	struct letter l = oracle_letter(o, id);
	put_content(c, channel, &l);
	await_confirm(ch, id);
	oracle_names(o, c->index, 1u << m->exchange);
	TELL(c->story, publish, c->index, channel, id, m->bytes, m->exchange, m->key);
	TELL(c->story, persistent, id, (m->flags & LETTER_PERSISTENT) != 0,
	     (m->flags & LETTER_MANDATORY) != 0, maybe);
	return true;
}

static void settle_one(struct client *c, struct channel_state *ch, struct held *h,
		       enum client_how how)
{
	if (how == CLIENT_REQUEUE)
		oracle_release(c->oracle, h->copy, c->index, ch->number);
	else if (how == CLIENT_REJECT)
		oracle_reject(c->oracle, h->copy, c->index, ch->number);
	else
		oracle_settle(c->oracle, h->copy, c->index, ch->number);
	if (ch->tx)
		oracle_tx_settled(c->oracle, ch->tx, h->copy);
	h->is_settled = true;
	ch->held_n--;
	if (h->consumer == CLIENT_GET)
		return;
	ch->shared_n--;
	if (ch->consumer[h->consumer].held_n > 0)
		ch->consumer[h->consumer].held_n--;
}

/* What a stream has given can only be acknowledged. */
static bool is_of_stream(const struct client *c, const struct channel_state *ch, uint32_t from,
			 uint32_t to)
{
	for (uint32_t i = from; i <= to; i++)
		if (!ch->held[i].is_settled &&
		    client_is_stream(c, c->oracle->copies[ch->held[i].copy].queue))
			return true;
	return false;
}

bool client_settle(struct client *c, uint32_t channel, uint32_t at, enum client_how how,
		   bool is_multiple)
{
	struct channel_state *ch = &c->channel[channel];
	if (c->phase != CLIENT_UP || ch->life != LIFE_THERE || at < ch->held_first ||
	    at >= ch->held_end || ch->held[at].is_settled)
		return false;
	const struct copy *k = &c->oracle->copies[ch->held[at].copy];
	uint64_t tag = ch->held[at].tag;
	if (is_of_stream(c, ch, is_multiple ? ch->held_first : at, at))
		how = CLIENT_ACK;
	TELL(c->story, settle, c->index, channel, k->message, k->queue, how, is_multiple);
	struct amqp091_method m = { .kind = AMQP091_basic_ack };
	if (how == CLIENT_ACK)
		m.basic_ack = (struct amqp091_basic_ack){ tag, is_multiple };
	else if (!is_multiple && tag % 2) {
		m.kind = AMQP091_basic_reject;
		m.basic_reject = (struct amqp091_basic_reject){ tag, how == CLIENT_REQUEUE };
	} else {
		m.kind = AMQP091_basic_nack;
		m.basic_nack = (struct amqp091_basic_nack){ tag, is_multiple,
							    how == CLIENT_REQUEUE };
	}
	client_say(c, channel + 1, &m);
	for (uint32_t i = is_multiple ? ch->held_first : at; i <= at; i++)
		if (!ch->held[i].is_settled)
			settle_one(c, ch, &ch->held[i], how);
	while (ch->held_first < ch->held_end && ch->held[ch->held_first].is_settled)
		ch->held_first++;
	return true;
}

bool client_recover(struct client *c, uint32_t channel)
{
	if (!client_may_call(c, channel))
		return false;
	client_call(c, channel, AMQP091_basic_recover_ok, 0, 0);
	client_say(c, channel + 1,
		   &(struct amqp091_method){ .kind = AMQP091_basic_recover,
					     .basic_recover = { .requeue = true } });
	give_back(c, &c->channel[channel]);
	return true;
}

/* ---- consumers -------------------------------------------------------------------------- */

/* Somebody begins to read a stream, at its first message or anywhere. */
static struct slice read_from(struct client *c, struct oracle_reading *r, uint8_t *buf, size_t cap)
{
	const uint64_t known_n = c->oracle->stream_n;
	struct wr w = wr_of(buf, cap);
	switch (c->is_draining ? 0 : prng_below(&c->prng, 6)) {
	case 0:
	case 1:
		*r = (struct oracle_reading){ .is_exact = true };
		amqp091_put_str(&w, "x-stream-offset", slice_str("first"));
		break;
	case 2:
	case 3:
		*r = (struct oracle_reading){ .next = prng_between(&c->prng, 0, known_n),
					      .is_exact = true };
		amqp091_put_int(&w, "x-stream-offset", (int64_t)r->next);
		break;
	case 4:
		*r = (struct oracle_reading){ 0 };
		amqp091_put_str(&w, "x-stream-offset", slice_str("last"));
		break;
	default: /* as if it had said "next" */ *r = (struct oracle_reading){ .next = known_n };
	}
	r->edition = c->oracle->stream_edition;
	r->first = c->oracle->stream_first;
	must(wr_ok(&w));
	return wr_done(&w);
}

static void say_consume(struct client *c, uint32_t channel, struct consumer_state *s)
{
	char name[PLACE_NAME_MAX], tag[8];
	uint8_t buf[READ_FROM_MAX];
	struct slice from = SLICE_EMPTY;
	struct text t = text_of(tag, sizeof tag);
	text_putf(&t, "n%u", s->number);
	if (client_is_stream(c, s->queue))
		from = read_from(c, &s->reading, buf, sizeof buf);
	client_say(c, channel + 1,
		   &(struct amqp091_method){
			   .kind = AMQP091_basic_consume,
			   .basic_consume = { .queue = client_queue_name(c, s->queue, name),
					      .consumer_tag = text_slice(&t),
					      .no_ack = s->is_no_ack,
					      .arguments = from } });
}

bool client_consume(struct client *c, uint32_t channel, uint32_t queue, bool is_no_ack)
{
	struct channel_state *ch = &c->channel[channel];
	uint32_t n = 0;
	while (n < CLIENT_CONSUMERS && ch->consumer[n].life != LIFE_NONE)
		n++;
	if (n == CLIENT_CONSUMERS || !client_may_use(c, channel, queue) ||
	    (client_is_stream(c, queue) && ch->prefetch == 0))
		return false;
	ch->consumer[n] = (struct consumer_state){ .life = LIFE_COMING,
						   .queue = (uint8_t)queue,
						   .is_no_ack = is_no_ack,
						   .number = ++ch->consumers_n,
						   .channel = ch->number,
						   .prefetch = is_no_ack ? 0 : ch->prefetch };
	c->oracle->queue[queue].may_park |= ch->has_shared;
	memset(ch->order[queue][n].last, 0, sizeof ch->order[queue][n].last);
	oracle_users(c->oracle, queue, 1);
	client_call_queue(c, channel, AMQP091_basic_consume_ok, queue, false, n);
	ch->consumer[n].since = ch->asked.event;
	say_consume(c, channel, &ch->consumer[n]);
	return true;
}

/* The last consumer takes an auto-delete queue with it: nobody else may change it meanwhile. */
bool client_cancel(struct client *c, uint32_t channel, uint32_t consumer)
{
	struct channel_state *ch = &c->channel[channel];
	struct consumer_state *s = &ch->consumer[consumer];
	struct oracle_queue *q = &c->oracle->queue[s->queue];
	bool is_last = place_queues[s->queue].is_auto_delete;
	char tag[8];
	if (!client_may_call(c, channel) || s->life != LIFE_THERE ||
	    (is_last && oracle_is_taken(c->oracle, s->queue)))
		return false;
	client_call_queue(c, channel, AMQP091_basic_cancel_ok, s->queue, false, consumer);
	struct text t = text_of(tag, sizeof tag);
	text_putf(&t, "n%u", s->number);
	client_say(c, channel + 1,
		   &(struct amqp091_method){ .kind = AMQP091_basic_cancel,
					     .basic_cancel = { .consumer_tag = text_slice(&t) } });
	s->life = LIFE_GOING;
	client_losing(c, s, 1);
	if (is_last) {
		q->is_busy = true;
		oracle_queue_set(c->oracle, s->queue, LIFE_MAYBE);
	}
	return true;
}

bool client_get(struct client *c, uint32_t channel, uint32_t queue, bool is_no_ack)
{
	char name[PLACE_NAME_MAX];
	if (c->oracle->places.rule[queue].kind == PLACE_SINGLE || client_is_stream(c, queue) ||
	    !client_may_use(c, channel, queue))
		return false;
	oracle_users(c->oracle, queue, 1);
	client_call_queue(c, channel, AMQP091_basic_get_ok, queue, false, is_no_ack);
	oracle_look(c->oracle, queue, c->index, c->channel[channel].asked.event);
	client_say(
		c, channel + 1,
		&(struct amqp091_method){ .kind = AMQP091_basic_get,
					  .basic_get = { .queue = client_queue_name(c, queue, name),
							 .no_ack = is_no_ack } });
	return true;
}
