#include "session/stomp/activemq.h"

#include "base/must.h"
#include "wire/amqp091/table.h"
#include "wire/stomp/put.h"

/* What a dead letter's history says of its first death: where it was sent, and why it died. */

/* The history's entry of that queue; false: there is none. */
static bool death_in(struct slice deaths, struct slice queue, struct slice *out)
{
	struct rd r = rd_of(deaths);
	struct amqp091_value v;
	struct slice name;
	must(deaths.p != NULL || deaths.n == 0);
	while (amqp091_array_next(&r, &v)) {
		if (v.type != AMQP091_TYPE_TABLE || !amqp091_table_str(v.octets, "queue", &name) ||
		    !slice_eq(name, queue))
			continue;
		*out = v.octets;
		return true;
	}
	return false;
}

static bool key_of(struct slice death, struct slice *out)
{
	struct amqp091_value keys, key;
	must(death.p != NULL || death.n == 0);
	if (!amqp091_table_find(death, slice_str("routing-keys"), &keys) ||
	    keys.type != AMQP091_TYPE_ARRAY)
		return false;
	struct rd r = rd_of(keys.octets);
	if (!amqp091_array_next(&r, &key) || key.type != AMQP091_TYPE_LONGSTR ||
	    key.octets.n == 0 || key.octets.n > LIMIT_SHORTSTR)
		return false;
	*out = key.octets;
	return true;
}

void stomp_amq_died(const struct turn *t, const struct msg *m, struct text *room,
		    struct stomp_message *io)
{
	const struct header_ops *ops = io->ops;
	const struct slice props = io->props;
	struct header exchange, queue, deaths, reason;
	struct slice death, key, time;
	must(t->s->is_activemq && room->n == 0);
	io->is_dead = m->flags & MSG_DEAD;
	if (!io->is_dead)
		return;
	io->is_expired = header_find(ops, props, slice_str("x-first-death-reason"), &reason) &&
			 slice_eq(reason.octets, slice_str("expired"));
	if (!header_find(ops, props, slice_str("x-first-death-exchange"), &exchange) ||
	    !header_find(ops, props, slice_str("x-first-death-queue"), &queue) ||
	    !header_find(ops, props, slice_str("x-death"), &deaths) ||
	    deaths.class != HEADER_LIST || !death_in(deaths.octets, queue.octets, &death))
		return;
	io->is_timed = amqp091_table_str(death, "original-expiration", &time);
	if (!key_of(death, &key))
		return;
	const bool is_topic = slice_eq(exchange.octets, t->w->limits->stomp->topic_exchange);
	if (is_topic || exchange.octets.n == 0)
		stomp_amq_address(t->s, is_topic, key, room);
	io->original = text_slice(room);
}
