#include "session/stomp/stomp.h"

#include "base/must.h"
#include "wire/amqp091/table.h"

/* Where a dead letter was sent before it died for the first time, as its history says. */

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

void stomp_amq_original(const struct turn *t, const struct msg *m, const struct header_ops *ops,
			struct text *out)
{
	const struct slice props = msg_props(m);
	struct header exchange, queue, deaths;
	struct slice death, key;
	must(t->s->is_activemq && out->n == 0);
	if (!(m->flags & MSG_DEAD) ||
	    !header_find(ops, props, slice_str("x-first-death-exchange"), &exchange) ||
	    !header_find(ops, props, slice_str("x-first-death-queue"), &queue) ||
	    !header_find(ops, props, slice_str("x-death"), &deaths) ||
	    deaths.class != HEADER_LIST || !death_in(deaths.octets, queue.octets, &death) ||
	    !key_of(death, &key))
		return;
	const bool is_topic = slice_eq(exchange.octets, t->w->limits->stomp->topic_exchange);
	if (is_topic || exchange.octets.n == 0)
		stomp_amq_address(t->s, is_topic, key, out);
}
