#include "session/stomp/lasting.h"

#include "base/base64.h"
#include "base/hash.h"
#include "base/must.h"
#include "session/stomp/activemq.h"
#include "wire/amqp091/table.h"
#include "wire/stomp/destination.h"

/* The argument of a queue that says what it was made for. */
#define SUBSCRIBED "x-activemq-subscription"

/* What is found again is found by a name, in either dialect: ActiveMQ's and its client-id, or the
 * id. False: refused. */
bool stomp_may_last(struct turn *t, bool is_durable)
{
	struct slice sub;
	const bool is_named = stomp_amq_sub_name(t, &sub);
	const char *missing = NULL;
	must(t->frame->command == STOMP_SUBSCRIBE || t->frame->command == STOMP_SEND);
	if (is_named && !t->s->client_id && t->s->version > STOMP_1_0)
		missing = "Header 'client-id' of CONNECT is required for activemq.subscriptionName";
	else if (is_durable && !stomp_has(t->head, STOMP_H_ID) && !is_named)
		missing = "Header 'id' is required for durable subscriptions";
	if (missing)
		(void)stomp_refuse(t, "Missing Header", slice_str(missing));
	return !missing;
}

/* Who subscribes again under the same id finds the same queue. */
struct slice stomp_lasting_name(const struct turn *t, struct slice id, char *buf)
{
	static const char prefix[] = OWNED_STOMP_SUBSCRIPTION;
	static const struct hash_key keys[] = { { 0x676f64776974, 0x73746f6d70 },
						{ 0x73746f6d70, 0x676f64776974 } };
	uint64_t bits[2];
	must(buf != NULL);
	for (int i = 0; i < 2; i++) {
		struct hash_key key = { hash_slice(keys[i], t->head->at[STOMP_H_DESTINATION]),
					keys[i].k1 };
		bits[i] = hash_slice(key, id);
	}
	memcpy(buf, prefix, sizeof prefix - 1);
	struct slice raw = slice_of(bits, sizeof bits);
	must(sizeof prefix - 1 + base64_url_len(raw.n) <= NAME_MADE_MAX);
	base64_url_put(buf + sizeof prefix - 1, raw);
	return slice_of(buf, sizeof prefix - 1 + base64_url_len(raw.n));
}

/* ---- ActiveMQ's ----------------------------------------------------------------------------- */

bool stomp_amq_sub_name(const struct turn *t, struct slice *out)
{
	enum stomp_header h = stomp_has(t->head, STOMP_H_SUB_NAME) ? STOMP_H_SUB_NAME
								   : STOMP_H_SUB_NAME_OLD;
	must(h < STOMP_H_N);
	*out = t->head->at[h];
	return stomp_has(t->head, h);
}

/* Names of clients and subscriptions may hold anything. In 1.0 who has no id goes by the name. */
bool stomp_amq_durable(const struct turn *t, struct slice sub, struct text *out)
{
	const struct stomp *s = t->s;
	struct slice client = slice_of(s->client_id, s->client_id_n);
	must(out->n == 0);
	if (!s->client_id)
		client = sub;
	text_puts(out, OWNED_STOMP_DURABLE);
	stomp_destination_name(out, client);
	text_putc(out, '/');
	stomp_destination_name(out, sub);
	return !text_is_full(out) && sub.n > 0;
}

bool stomp_amq_is_durable(struct slice queue)
{
	must(queue.p != NULL || queue.n == 0);
	return slice_starts_with(queue, slice_str(OWNED_STOMP_DURABLE));
}

/* What a durable subscription was made for, in 32 digits: its topic and its selector. */
static struct slice made_for(const struct turn *t, char *room)
{
	static const struct hash_key keys[] = { { 0x676f64776974, 0x616d71 },
						{ 0x616d71, 0x676f64776974 } };
	struct text out = text_of(room, 33);
	struct slice to = t->head->at[STOMP_H_DESTINATION];
	struct slice selector = stomp_has(t->head, STOMP_H_SELECTOR) ? t->head->at[STOMP_H_SELECTOR]
								     : SLICE_EMPTY;
	must(to.n > 0);
	for (int i = 0; i < 2; i++) {
		struct hash_key key = { hash_slice(keys[i], to), keys[i].k1 };
		text_putf(&out, "%016llx", (unsigned long long)hash_slice(key, selector));
	}
	return text_slice(&out);
}

/* The frame in hand makes a subscription that lasts, whose queue has this name. Others may name the
 * queue as well: to them it is a queue like any. */
static bool is_lasting(const struct turn *t, struct slice queue)
{
	struct slice sub;
	must(t->head != NULL);
	return t->frame->command == STOMP_SUBSCRIBE && stomp_amq_sub_name(t, &sub) &&
	       stomp_amq_is_durable(queue);
}

void stomp_amq_put_made_for(const struct turn *t, struct slice queue, struct wr *table)
{
	char room[33];
	must(table != NULL);
	if (is_lasting(t, queue))
		amqp091_put_str(table, SUBSCRIBED, made_for(t, room));
}

bool stomp_amq_is_another(const struct turn *t, const struct queue_record *q)
{
	char room[33];
	struct slice had;
	must(q != NULL);
	return is_lasting(t, queue_record_name(q)) &&
	       (!amqp091_table_str(queue_record_arguments(q), SUBSCRIBED, &had) ||
		!slice_eq(had, made_for(t, room)));
}
