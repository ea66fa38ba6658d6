#include "session/mqtt/mqtt.h"

#include "base/must.h"
#include "session/mqtt/mark.h"

/* What the publisher's word says of a message that the client waits for, too. */
enum { WORD_ID = 0xffff, WORD_QOS_SHIFT = 16 };

/* Of QoS 2: what `received` knows of an id. */
enum { RECEIVED = 1, RECEIVED_TOLD };

/* ---- PUBLISH ------------------------------------------------------------------------------ */

/* Who may not publish, or to nowhere: he is told where the protocol has a word for it. */
static void refused(struct turn *t, const struct mqtt_publish *m, uint8_t reason)
{
	must(reason >= MQTT_REASON_FAILURE);
	mqtt_more(t)->count.refused++;
	if (m->qos > 0 && t->s->version == MQTT_V5)
		mqtt_send_ack(t, m->qos == 1 ? MQTT_PUBACK : MQTT_PUBREC, m->id, reason);
	else if (t->set->is_refusal_end && !mqtt_topic_is_ours(m->topic))
		mqtt_refuse(t, reason);
	else if (m->qos > 0)
		mqtt_send_ack(t, m->qos == 1 ? MQTT_PUBACK : MQTT_PUBREC, m->id, 0);
}

static struct slice *alias_place(struct turn *t, uint16_t alias)
{
	struct mqtt *s = t->s;
	must(alias > 0 && alias <= t->set->alias_max);
	if (!s->aliases) {
		s->aliases_n = t->set->alias_max;
		s->aliases = mqtt_get(t, s->aliases_n * sizeof *s->aliases, "topic aliases");
		for (uint16_t i = 0; i < s->aliases_n; i++)
			s->aliases[i] = SLICE_EMPTY;
	}
	return &s->aliases[alias - 1];
}

/* Finds the topic that an alias stands for, or makes it stand for one. 0, or a reason. */
static uint8_t resolve(struct turn *t, struct mqtt_publish *m)
{
	if (!(m->props.has & MQTT_HAS(topic_alias)))
		return 0;
	const uint16_t alias = m->props.topic_alias;
	must(t->s->version == MQTT_V5 && alias > 0);
	if (alias > t->set->alias_max)
		return MQTT_REASON_BAD_ALIAS;
	struct slice *known = alias_place(t, alias);
	if (m->topic.n == 0) {
		m->topic = *known;
		return known->n > 0 ? 0 : MQTT_REASON_PROTOCOL_ERROR;
	}
	mqtt_unkeep(t, known);
	*known = mqtt_keep(t, m->topic, "topic alias");
	return 0;
}

/* A head as it would have come without an alias: that counts on one connection only. */
static size_t plain_head(struct turn *t, const struct mqtt_publish *m, uint8_t **out_own)
{
	struct mqtt_props props = m->props;
	props.has &= ~(uint32_t)MQTT_HAS(topic_alias);
	const struct mqtt_publish_out o = { .version = t->s->version,
					    .qos = m->qos,
					    .retain = m->retain,
					    .id = m->id,
					    .topic = m->topic,
					    .props = &props,
					    .payload_n = m->payload.n };
	const size_t n = mqtt_publish_head_size(&o);
	*out_own = mqtt_get(t, n, "head of a message");
	must(mqtt_publish_head_put(*out_own, &o) == *out_own + n);
	return n;
}

static uint64_t word_of(const struct mqtt_publish *m)
{
	must(m->qos <= 2);
	return m->qos == 0 ? PUBLISHER_NOBODY : (uint64_t)m->qos << WORD_QOS_SHIFT | m->id;
}

static void publish(struct turn *t, const struct mqtt_publish *m)
{
	struct mqtt *s = t->s;
	struct message one = { .head = m->head,
			       .payload = m->payload,
			       .topic = m->topic,
			       .qos = m->qos,
			       .version = s->version,
			       .is_retained = m->retain,
			       .is_here = true };
	uint8_t *own = NULL;
	size_t own_n = 0;
	mqtt_more(t)->count.published++;
	one.mark_id = m->qos == 2 && s->is_durable ? m->id : 0;
	one.has_expiry = (m->props.has & MQTT_HAS(message_expiry_s)) != 0;
	one.expiry_s = one.has_expiry ? m->props.message_expiry_s : 0;
	one.is_here = !one.has_expiry;
	if (m->props.has & MQTT_HAS(topic_alias) || s->calling) {
		own_n = plain_head(t, m, &own);
		one.head = slice_of(own, own_n);
		one.is_here = false;
	}
	enum err e = mqtt_message_publish(t, &one, word_of(m));
	if (own)
		mqtt_put(t, own, own_n);
	if (e == ERR_BUSY) { /* it comes again, on the other loop */
		mqtt_more(t)->count.published--;
		if (s->version == MQTT_V5 && m->qos > 0)
			s->owed_n--;
		return;
	}
	meter_add(t->w->lane, METER_messages_in, 1);
	meter_add(t->w->lane, METER_payload_in, m->payload.n);
	if (e != ERR_OK) {
		refused(t, m, mqtt_reason_of(e));
		return;
	}
	if (m->qos < 2 || one.mark_id)
		return;
	if (map_make_room(&mqtt_more(t)->received, t->w->mem, "messages of QoS 2") != ERR_OK)
		must(!"no memory for a message");
	map_put(&s->more->received, m->id, RECEIVED);
}

/* Of another broker: it has another topic here, or none; then it is taken, and goes nowhere. */
static void publish_in(struct turn *t, struct mqtt_publish *m)
{
	uint8_t topic[LIMIT_SHORTSTR];
	const struct mqtt_bridge *set = mqtt_calling_set(t->s);
	must(m->topic.n > 0);
	if (mqtt_bridge_map(set, false, m->topic, topic, &m->topic)) {
		publish(t, m);
		return;
	}
	mqtt_more(t)->count.no_topic++;
	if (m->qos > 0)
		mqtt_send_ack(t, m->qos == 1 ? MQTT_PUBACK : MQTT_PUBREC, m->id, 0);
}

/* A message of QoS 2 that is known already is acknowledged, and nothing else. */
static bool is_known(struct turn *t, const struct mqtt_publish *m)
{
	uint64_t state;
	if (m->qos == 2 && t->s->is_durable) {
		const enum mark_state mark = mqtt_mark_state(t, m->id);
		if (mark == MARK_TOLD)
			mqtt_send_ack(t, MQTT_PUBREC, m->id, MQTT_REASON_SUCCESS);
		return mark != MARK_UNKNOWN;
	}
	if (m->qos < 2 || !map_get(&t->s->more->received, m->id, &state))
		return false;
	must(state == RECEIVED || state == RECEIVED_TOLD);
	if (state == RECEIVED_TOLD)
		mqtt_send_ack(t, MQTT_PUBREC, m->id, MQTT_REASON_SUCCESS);
	return true;
}

/* Another broker that has forgotten the bridge's session cannot say so in MQTT 3.1. But what it
 * sends again it says to be a duplicate, so that an id without that is a new message's. */
static bool is_anew(const struct turn *t, const struct mqtt_publish *m)
{
	must(m->qos <= 2);
	return t->s->calling && t->s->version == MQTT_V3 && t->s->is_durable && m->qos == 2 &&
	       !m->dup;
}

/* Counts what waits for its last answer (mqtt_send_ack takes it back). Before version 5 there is no
 * bound that a client could know of. False: it is one too many, and this is the end. */
static bool owe(struct turn *t, const struct mqtt_publish *m)
{
	struct mqtt *s = t->s;
	must(s->owed_n <= t->set->receive_max);
	if (m->qos == 0 || s->version != MQTT_V5)
		return true;
	if (s->owed_n == t->set->receive_max) {
		mqtt_refuse(t, MQTT_REASON_RECEIVE_MAXIMUM);
		return false;
	}
	s->owed_n++;
	return true;
}

bool mqtt_on_publish(struct turn *t, const struct mqtt_packet *p)
{
	UNSET struct mqtt_publish m;
	must(p->type == MQTT_PUBLISH);
	if (t->w->is_blocked) {
		t->s->is_held = true;
		return false;
	}
	enum mqtt_fault f = mqtt_publish_decode(p, &m);
	if (f != MQTT_FAULT_NONE) {
		mqtt_refuse_fault(t, f);
		return true;
	}
	if ((m.qos == 2 && t->s->is_durable && !mqtt_marks_ready(t)) ||
	    (m.retain && m.payload.n > 0 && !mqtt_store_ready(t)))
		return false;
	uint8_t reason = resolve(t, &m);
	if (reason != 0) {
		mqtt_refuse(t, reason);
		return true;
	}
	if (is_anew(t, &m) && mqtt_mark_reused(t, m.id))
		return false;
	if (!owe(t, &m) || is_known(t, &m))
		return true;
	if (t->s->calling) {
		publish_in(t, &m);
		return true;
	}
	if (m.topic.n > LIMIT_SHORTSTR) {
		text_putf(&t->why, "a topic has at most %u octets", (unsigned)LIMIT_SHORTSTR);
		refused(t, &m, MQTT_REASON_BAD_TOPIC);
		return true;
	}
	if (mqtt_topic_is_ours(m.topic)) {
		refused(t, &m, MQTT_REASON_NOT_AUTHORIZED);
		return true;
	}
	publish(t, &m);
	return !t->is_moving;
}

/* ---- acknowledgements --------------------------------------------------------------------- */

/* Before version 5 there is no word for a refusal: the client will ask again when he comes back. */
static void acknowledge(struct turn *t, uint16_t id, uint8_t qos, uint8_t reason)
{
	struct mqtt *s = t->s;
	must(qos == 1 || qos == 2);
	if (reason >= MQTT_REASON_FAILURE) {
		mqtt_more(t)->count.refused++;
		(void)map_del(&s->more->received, id, NULL);
	} else if (qos == 2 && map_find(&s->more->received, id)) {
		map_put(&s->more->received, id, RECEIVED_TOLD);
	}
	if (reason >= MQTT_REASON_FAILURE && s->version != MQTT_V5)
		return;
	mqtt_send_ack(t, qos == 1 ? MQTT_PUBACK : MQTT_PUBREC, id, reason);
}

void mqtt_acknowledge(struct turn *t)
{
	uint64_t word;
	bool is_refused;
	must(t->s->phase == PHASE_RUNNING);
	while (publisher_next(&t->s->publisher, &word, &is_refused)) {
		uint8_t reason = word & MQTT_WORD_NOBODY ? MQTT_REASON_NOBODY : MQTT_REASON_SUCCESS;
		if (is_refused)
			reason = MQTT_REASON_QUOTA;
		acknowledge(t, word & WORD_ID, word >> WORD_QOS_SHIFT & 3, reason);
	}
}
