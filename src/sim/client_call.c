/* Calls that change or count what there is, and the answers to all calls. */
#include "sim/client.h"

enum { ARG_DECLARE, ARG_COUNT, ARG_UNBIND, ARG_BIND };

/* ---- calls ------------------------------------------------------------------------------ */

/* The exchanges that a call names, a bit for each: all, where it ends a transaction. */
static uint32_t named_by(const struct places *p, const struct asked *a)
{
	must(a->answer != AMQP091_METHOD_N);
	switch (a->answer) {
	case AMQP091_exchange_declare_ok:
	case AMQP091_exchange_delete_ok: return 1u << a->place;
	case AMQP091_exchange_bind_ok:
	case AMQP091_exchange_unbind_ok:
		return 1u << p->joint[a->place].to | 1u << p->joint[a->place].from.exchange;
	case AMQP091_queue_bind_ok:
	case AMQP091_queue_unbind_ok: return 1u << p->binding[a->arg].exchange;
	case AMQP091_tx_commit_ok:
	case AMQP091_tx_rollback_ok: return (1u << PLACE_EXCHANGES) - 1;
	default: return 0;
	}
}

void client_call(struct client *c, uint32_t channel, enum amqp091_method_kind answer,
		 uint32_t place, uint32_t arg)
{
	struct asked *a = &c->channel[channel].asked;
	must(a->answer == AMQP091_METHOD_N);
	*a = (struct asked){ answer, oracle_tick(c->oracle), c->host->now_ms, place, arg };
	const struct oracle_ask ask = { .event = a->event,
					.exchanges = named_by(&c->oracle->places, a) };
	oracle_asked(c->oracle, c->channel[channel].number, &ask);
	oracle_names(c->oracle, c->index, ask.exchanges);
	TELL(c->story, call, c->index, channel, answer, place, arg);
}

void client_call_queue(struct client *c, uint32_t channel, enum amqp091_method_kind answer,
		       uint32_t queue, bool is_risky, uint32_t arg)
{
	client_call(c, channel, answer, queue, arg);
	struct oracle_ask ask = c->oracle->asked[c->channel[channel].number];
	ask.queue = (uint8_t)queue;
	ask.is_asked = true;
	ask.is_risky = is_risky;
	oracle_asked(c->oracle, c->channel[channel].number, &ask);
}

/* One client at a time changes a queue, so that the oracle can tell what is there. */
static bool take(struct client *c, uint32_t channel, uint32_t queue)
{
	struct oracle_queue *q = &c->oracle->queue[queue];
	bool is_foreign = place_queues[queue].is_exclusive && place_owner(queue) != c->index;
	if (!client_may_call(c, channel) || is_foreign || oracle_is_taken(c->oracle, queue))
		return false;
	q->is_busy = true;
	return true;
}

/* The change is made. What somebody else has done since it was asked for, nobody knows. */
static void give(struct client *c, const struct asked *a, enum life life)
{
	struct oracle_queue *q = &c->oracle->queue[a->place];
	bool is_known = !q->is_limbo && q->unsure_event < a->event;
	q->is_busy = false;
	if (life == LIFE_NONE && is_known)
		oracle_queue_deleted(c->oracle, a->place);
	else
		oracle_queue_set(c->oracle, a->place, is_known ? life : LIFE_MAYBE);
}

/* ---- asking ----------------------------------------------------------------------------- */

bool client_declare_exchange(struct client *c, uint32_t channel, uint32_t exchange)
{
	const struct place_exchange *x = &place_exchanges[exchange];
	uint8_t arguments[PLACE_EXCHANGE_MAX];
	if (!client_may_call(c, channel) || x->is_fixed ||
	    c->oracle->exchange[exchange] == LIFE_GOING)
		return false;
	if (c->oracle->exchange[exchange] == LIFE_NONE)
		oracle_exchange_set(c->oracle, exchange, LIFE_COMING);
	client_call(c, channel, AMQP091_exchange_declare_ok, exchange, 0);
	client_say(
		c, channel + 1,
		&(struct amqp091_method){
			.kind = AMQP091_exchange_declare,
			.exchange_declare = { .exchange = slice_str(x->name),
					      .durable = x->is_durable,
					      .type = slice_str(place_kind_names[x->kind]),
					      .arguments = place_exchange_arguments(
						      &c->oracle->places, exchange, arguments) } });
	return true;
}

/* Nobody names it meanwhile: a publish to what is gone would end his channel. */
bool client_delete_exchange(struct client *c, uint32_t channel, uint32_t exchange)
{
	struct oracle *o = c->oracle;
	if (!client_may_call(c, channel) || place_exchanges[exchange].is_fixed ||
	    o->exchange[exchange] != LIFE_THERE || !oracle_is_unnamed(o, exchange))
		return false;
	oracle_exchange_set(o, exchange, LIFE_GOING);
	client_call(c, channel, AMQP091_exchange_delete_ok, exchange, 0);
	client_say(c, channel + 1,
		   &(struct amqp091_method){
			   .kind = AMQP091_exchange_delete,
			   .exchange_delete = {
				   .exchange = slice_str(place_exchanges[exchange].name) } });
	return true;
}

static void say_declare(struct client *c, uint32_t channel, uint32_t queue, bool is_passive)
{
	const struct place_queue *p = &place_queues[queue];
	const struct place_rule *rule = &c->oracle->places.rule[queue];
	uint8_t rules[PLACE_RULES_MAX];
	char name[PLACE_NAME_MAX];
	client_say(c, channel + 1,
		   &(struct amqp091_method){
			   .kind = AMQP091_queue_declare,
			   .queue_declare = { .queue = client_queue_name(c, queue, name),
					      .passive = is_passive,
					      .durable = p->is_durable,
					      .exclusive = p->is_exclusive,
					      .auto_delete = p->is_auto_delete,
					      .arguments = place_rules(rule, rules) } });
}

bool client_declare(struct client *c, uint32_t channel, uint32_t queue)
{
	struct oracle_queue *q = &c->oracle->queue[queue];
	if (!take(c, channel, queue))
		return false;
	if (q->life == LIFE_NONE) {
		q->generation = c->generation;
		oracle_queue_set(c->oracle, queue, LIFE_COMING);
	}
	client_call_queue(c, channel, AMQP091_queue_declare_ok, queue, false, ARG_DECLARE);
	say_declare(c, channel, queue, false);
	return true;
}

bool client_count(struct client *c, uint32_t channel, uint32_t queue)
{
	if (!client_may_use(c, channel, queue))
		return false;
	client_call_queue(c, channel, AMQP091_queue_declare_ok, queue, false, ARG_COUNT);
	oracle_look(c->oracle, queue, c->index, c->channel[channel].asked.event);
	say_declare(c, channel, queue, true);
	return true;
}

bool client_bind(struct client *c, uint32_t channel, uint32_t binding)
{
	struct oracle *o = c->oracle;
	const struct place_binding *b = &o->places.binding[binding];
	uint32_t queue = place_queue_of(binding);
	char name[PLACE_NAME_MAX];
	uint8_t arguments[PLACE_ARGUMENTS_MAX];
	if (!client_may_use(c, channel, queue) || o->exchange[b->exchange] != LIFE_THERE ||
	    !take(c, channel, queue))
		return false;
	if (o->binding[binding] == LIFE_NONE)
		oracle_binding_set(o, binding, LIFE_COMING);
	client_call_queue(c, channel, AMQP091_queue_bind_ok, queue, false, binding);
	client_say(c, channel + 1,
		   &(struct amqp091_method){
			   .kind = AMQP091_queue_bind,
			   .queue_bind = { .queue = client_queue_name(c, queue, name),
					   .exchange = slice_str(place_exchanges[b->exchange].name),
					   .routing_key = place_key(b->pattern),
					   .arguments = place_arguments(b, arguments) } });
	return true;
}

bool client_unbind(struct client *c, uint32_t channel, uint32_t binding)
{
	struct oracle *o = c->oracle;
	const struct place_binding *b = &o->places.binding[binding];
	uint32_t queue = place_queue_of(binding);
	char name[PLACE_NAME_MAX];
	uint8_t arguments[PLACE_ARGUMENTS_MAX];
	if (!client_may_use(c, channel, queue) || o->exchange[b->exchange] != LIFE_THERE ||
	    !take(c, channel, queue))
		return false;
	if (o->binding[binding] == LIFE_THERE)
		oracle_binding_set(o, binding, LIFE_GOING);
	client_call_queue(c, channel, AMQP091_queue_unbind_ok, queue, false, binding);
	client_say(
		c, channel + 1,
		&(struct amqp091_method){
			.kind = AMQP091_queue_unbind,
			.queue_unbind = { .queue = client_queue_name(c, queue, name),
					  .exchange = slice_str(place_exchanges[b->exchange].name),
					  .routing_key = place_key(b->pattern),
					  .arguments = place_arguments(b, arguments) } });
	return true;
}

static void say_join(struct client *c, uint32_t channel, const struct place_joint *j,
		     bool is_unbind)
{
	uint8_t arguments[PLACE_ARGUMENTS_MAX];
	const struct amqp091_exchange_bind bind = {
		.destination = slice_str(place_exchanges[j->to].name),
		.source = slice_str(place_exchanges[j->from.exchange].name),
		.routing_key = place_key(j->from.pattern),
		.arguments = place_arguments(&j->from, arguments),
	};
	const struct amqp091_exchange_unbind unbind = {
		.destination = bind.destination,
		.source = bind.source,
		.routing_key = bind.routing_key,
		.arguments = bind.arguments,
	};
	struct amqp091_method m = { .kind = AMQP091_exchange_bind };
	if (is_unbind) {
		m.kind = AMQP091_exchange_unbind;
		m.exchange_unbind = unbind;
	} else {
		m.exchange_bind = bind;
	}
	client_say(c, channel + 1, &m);
}

bool client_join(struct client *c, uint32_t channel, uint32_t joint, bool is_unbind)
{
	struct oracle *o = c->oracle;
	const struct place_joint *j = &o->places.joint[joint];
	if (!client_may_call(c, channel) || o->joint_busy[joint] ||
	    o->exchange[j->from.exchange] != LIFE_THERE || o->exchange[j->to] != LIFE_THERE)
		return false;
	o->joint_busy[joint] = true;
	if (!is_unbind && o->joint[joint] == LIFE_NONE)
		oracle_joint_set(o, joint, LIFE_COMING);
	if (is_unbind && o->joint[joint] == LIFE_THERE)
		oracle_joint_set(o, joint, LIFE_GOING);
	client_call(c, channel, is_unbind ? AMQP091_exchange_unbind_ok : AMQP091_exchange_bind_ok,
		    joint, 0);
	say_join(c, channel, j, is_unbind);
	return true;
}

bool client_purge(struct client *c, uint32_t channel, uint32_t queue)
{
	char name[PLACE_NAME_MAX];
	if (client_is_stream(c, queue) || !client_may_use(c, channel, queue) ||
	    !take(c, channel, queue))
		return false;
	oracle_purge_sent(c->oracle, queue, c->index);
	client_call_queue(c, channel, AMQP091_queue_purge_ok, queue, false, 0);
	client_say(c, channel + 1,
		   &(struct amqp091_method){
			   .kind = AMQP091_queue_purge,
			   .queue_purge = { .queue = client_queue_name(c, queue, name) } });
	return true;
}

bool client_delete(struct client *c, uint32_t channel, uint32_t queue, uint32_t flags)
{
	char name[PLACE_NAME_MAX];
	if (!client_may_use(c, channel, queue) || !take(c, channel, queue))
		return false;
	oracle_queue_set(c->oracle, queue, LIFE_GOING);
	client_call_queue(c, channel, AMQP091_queue_delete_ok, queue, flags != 0, flags);
	for (uint32_t i = 0; flags && i < CLIENT_CONSUMERS; i++)
		if (c->channel[channel].consumer[i].life != LIFE_NONE)
			client_losing(c, &c->channel[channel].consumer[i], 1);
	client_say(c, channel + 1,
		   &(struct amqp091_method){
			   .kind = AMQP091_queue_delete,
			   .queue_delete = { .queue = client_queue_name(c, queue, name),
					     .if_unused = flags & 1,
					     .if_empty = flags & 2 } });
	return true;
}

/* ---- answers ---------------------------------------------------------------------------- */

static void declared(struct client *c, const struct asked *a, const struct amqp091_method *m)
{
	char name[PLACE_NAME_MAX];
	const struct amqp091_queue_declare_ok *ok = &m->queue_declare_ok;
	if (!slice_eq(ok->queue, client_queue_name(c, a->place, name)))
		story_wrong(c->story, "c%u declared one queue and is told of another", c->index);
	if (c->is_draining)
		c->oracle->stream_count = ok->message_count;
	if (a->arg == ARG_COUNT)
		oracle_count_is(c->oracle, a->place, a->event, ok->message_count);
	else
		give(c, a, LIFE_THERE);
}

static void consumer_answered(struct client *c, uint32_t channel, const struct asked *a, bool is_on)
{
	struct consumer_state *s = &c->channel[channel].consumer[a->arg];
	struct oracle *o = c->oracle;
	if (is_on) {
		s->life = s->life == LIFE_COMING ? LIFE_THERE : s->life;
		return;
	}
	if (place_queues[a->place].is_auto_delete)
		o->queue[a->place].is_busy = false;
	if (s->life == LIFE_NONE)
		return; /* its queue is gone */
	while (s->losing_n > 0)
		client_losing(c, s, -1);
	oracle_users(o, a->place, -1);
	s->life = LIFE_NONE;
}

static void lost_nothing(struct client *c, struct channel_state *ch)
{
	for (uint32_t i = 0; i < CLIENT_CONSUMERS; i++)
		if (ch->consumer[i].losing_n > 0)
			client_losing(c, &ch->consumer[i], -1);
}

static void answered(struct client *c, uint32_t channel, const struct asked *a,
		     const struct amqp091_method *m)
{
	struct channel_state *ch = &c->channel[channel];
	struct oracle *o = c->oracle;
	switch (m->kind) {
	case AMQP091_channel_open_ok: ch->life = LIFE_THERE; return;
	case AMQP091_channel_close_ok: client_channel_over(c, channel, false); return;
	case AMQP091_exchange_declare_ok: oracle_exchange_set(o, a->place, LIFE_THERE); return;
	case AMQP091_exchange_delete_ok: oracle_exchange_deleted(o, a->place, true); return;
	case AMQP091_exchange_bind_ok:
	case AMQP091_exchange_unbind_ok:
		o->joint_busy[a->place] = false;
		oracle_joint_set(o, a->place,
				 m->kind == AMQP091_exchange_bind_ok ? LIFE_THERE : LIFE_NONE);
		return;
	case AMQP091_queue_declare_ok: declared(c, a, m); return;
	case AMQP091_queue_bind_ok:
	case AMQP091_queue_unbind_ok:
		give(c, a, LIFE_THERE);
		if (o->queue[a->place].life == LIFE_THERE)
			oracle_binding_set(o, a->arg,
					   m->kind == AMQP091_queue_bind_ok ? LIFE_THERE
									    : LIFE_NONE);
		return;
	case AMQP091_queue_purge_ok:
		give(c, a, LIFE_THERE);
		oracle_purged(o, a->place, a->event, m->queue_purge_ok.message_count);
		return;
	case AMQP091_queue_delete_ok:
		give(c, a, LIFE_NONE);
		lost_nothing(c, ch);
		return;
	case AMQP091_basic_consume_ok: consumer_answered(c, channel, a, true); return;
	case AMQP091_basic_cancel_ok: consumer_answered(c, channel, a, false); return;
	case AMQP091_basic_get_empty:
		oracle_nothing(o, a->place, a->event);
		oracle_users(o, a->place, -1);
		return;
	case AMQP091_basic_recover_ok: lost_nothing(c, ch); return;
	case AMQP091_tx_commit_ok:
		oracle_tx_done(o, ch->tx);
		ch->tx = 0;
		return;
	case AMQP091_basic_qos_ok:
		if (!a->arg)
			ch->prefetch = a->place;
		ch->shared = a->arg ? a->place : 0; /* one takes the place of the other */
		return;
	default: return;
	}
}

bool client_on_answer(struct client *c, uint32_t channel, const struct amqp091_method *m)
{
	struct channel_state *ch = &c->channel[channel];
	struct asked a = ch->asked;
	bool is_empty = m->kind == AMQP091_basic_get_empty && a.answer == AMQP091_basic_get_ok;
	if (m->kind != a.answer && !is_empty)
		return false;
	TELL(c->story, answer, c->index, channel, m->kind, a.place);
	ch->asked.answer = AMQP091_METHOD_N;
	oracle_fence(c->oracle, c->index, a.event);
	answered(c, channel, &a, m);
	if (ch->life != LIFE_NONE)
		oracle_answered(c->oracle, ch->number);
	return true;
}

/* Whether it was done, nobody knows; the broker may even come to it later. */
static void in_limbo(struct client *c, uint32_t queue)
{
	oracle_queue_set(c->oracle, queue, LIFE_MAYBE);
	oracle_in_limbo(c->oracle, queue, true);
}

void client_abandon(struct client *c, struct channel_state *ch)
{
	const struct asked *a = &ch->asked;
	struct oracle *o = c->oracle;
	switch (a->answer) {
	case AMQP091_exchange_declare_ok: oracle_exchange_set(o, a->place, LIFE_MAYBE); break;
	case AMQP091_exchange_delete_ok: oracle_exchange_deleted(o, a->place, false); break;
	case AMQP091_exchange_bind_ok: /* it stays busy: the broker may come to it later */
	case AMQP091_exchange_unbind_ok: oracle_joint_set(o, a->place, LIFE_MAYBE); break;
	case AMQP091_queue_declare_ok:
		if (a->arg == ARG_DECLARE)
			in_limbo(c, a->place);
		break;
	case AMQP091_queue_bind_ok:
	case AMQP091_queue_unbind_ok:
		oracle_binding_set(o, a->arg, LIFE_MAYBE);
		oracle_in_limbo(o, a->place, true);
		break;
	case AMQP091_queue_purge_ok:
		oracle_leaking(o, a->place);
		oracle_in_limbo(o, a->place, true);
		break;
	case AMQP091_queue_delete_ok: in_limbo(c, a->place); break;
	case AMQP091_basic_cancel_ok:
		if (place_queues[a->place].is_auto_delete)
			oracle_in_limbo(o, a->place, true);
		break;
	case AMQP091_basic_get_ok:
		if (a->arg)
			oracle_leaking(o, a->place);
		oracle_users(o, a->place, -1);
		oracle_loss(o, a->place, true);
		break;
	case AMQP091_tx_commit_ok:
		oracle_tx_lost(o, ch->tx);
		ch->tx = 0;
		break;
	default: break;
	}
	ch->asked.answer = AMQP091_METHOD_N;
}
