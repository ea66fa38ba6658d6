#include "session/mqtt/mqtt.h"

#include "base/must.h"

/* Words for a client that wants them and has room for them. */
static void put_words(const struct turn *t, struct mqtt_props *p)
{
	must(p->has == 0);
	if (t->s->version != MQTT_V5 || t->why.n == 0)
		return;
	p->has = MQTT_HAS(reason_string);
	p->reason_string = text_slice(&t->why);
}

static bool fits(const struct mqtt *s, size_t n)
{
	must(n > 0);
	return s->packet_max == 0 || n <= s->packet_max;
}

/* Writes an acknowledgement or a DISCONNECT; words are left out where they would be too many. */
static void send_ack(struct turn *t, uint8_t type, struct mqtt_ack *a)
{
	struct mqtt *s = t->s;
	size_t n = mqtt_ack_size(s->version, a);
	if (!fits(s, n)) {
		a->props = (struct mqtt_props){ .has = 0 };
		n = mqtt_ack_size(s->version, a);
	}
	uint8_t *at = sendq_reserve(&s->session.sendq, t->w->mem, (uint32_t)n);
	must(mqtt_ack_put(at, s->version, type, a) == at + n);
	sendq_commit(&s->session.sendq, (uint32_t)n);
	mqtt_count_out(t, n);
}

void mqtt_send_auth(struct turn *t, struct mqtt_ack *a)
{
	must(a->id == 0 && a->props.has != 0);
	if (fits(t->s, mqtt_ack_size(t->s->version, a)))
		send_ack(t, MQTT_AUTH, a);
	else
		mqtt_refuse(t, MQTT_REASON_TOO_LARGE);
}

/* The last answer to a PUBLISH gives the client its room back. A PUBCOMP for what an earlier
 * connection sent does so, too, but never beyond Receive Maximum (MQTT 5, 4.9). */
static void pay(struct mqtt *s, uint8_t type, uint8_t reason)
{
	must(type >= MQTT_PUBACK && type <= MQTT_PUBCOMP);
	const bool is_last = type == MQTT_PUBACK || type == MQTT_PUBCOMP ||
			     (type == MQTT_PUBREC && reason >= MQTT_REASON_FAILURE);
	if (is_last && s->owed_n > 0)
		s->owed_n--;
}

void mqtt_send_ack(struct turn *t, uint8_t type, uint16_t id, uint8_t reason)
{
	struct mqtt *s = t->s;
	struct mqtt_ack a = { .id = id, .reason = reason };
	must(s->phase == PHASE_RUNNING);
	pay(s, type, reason);
	if (reason == MQTT_REASON_SUCCESS || s->version != MQTT_V5) {
		uint8_t *at = sendq_reserve(&s->session.sendq, t->w->mem, 4);
		(void)mqtt_short_ack_put(at, type, id);
		sendq_commit(&s->session.sendq, 4);
		mqtt_count_out(t, 4);
		return;
	}
	if (!s->is_terse && reason >= MQTT_REASON_FAILURE)
		put_words(t, &a.props);
	send_ack(t, type, &a);
}

void mqtt_send_disconnect(struct turn *t, uint8_t reason)
{
	struct mqtt_ack a = { .reason = reason };
	must(t->s->phase == PHASE_RUNNING);
	if (t->s->version != MQTT_V5 || !mqtt_calling_hears(t->s))
		return;
	if (t->s->calling && !mqtt_reason_fits(reason, MQTT_DISCONNECT, false))
		a.reason = MQTT_REASON_WITH_WILL;
	put_words(t, &a.props);
	send_ack(t, MQTT_DISCONNECT, &a);
}

void mqtt_send_connack(struct turn *t, uint8_t reason, const struct mqtt_props *props)
{
	struct mqtt *s = t->s;
	const struct mqtt_connack c = { .session_present = s->is_present && reason == 0,
					.reason = reason,
					.props = *props };
	size_t n = mqtt_connack_size(s->version, &c);
	must(s->version != 0);
	uint8_t *at = sendq_reserve(&s->session.sendq, t->w->mem, (uint32_t)n);
	must(mqtt_connack_put(at, s->version, &c) == at + n);
	sendq_commit(&s->session.sendq, (uint32_t)n);
	mqtt_count_out(t, n);
}

void mqtt_refuse(struct turn *t, uint8_t reason)
{
	struct mqtt *s = t->s;
	struct mqtt_props props = { .has = 0 };
	must(reason >= MQTT_REASON_FAILURE);
	if (s->phase >= PHASE_ENDING)
		return;
	if (t->why.n == 0)
		text_puts(&t->why, mqtt_reason_text(reason));
	mqtt_note(t, &(struct session_note){
			     .event = SESSION_ERROR, .code = reason, .text = text_slice(&t->why) });
	if (s->phase == PHASE_RUNNING) {
		mqtt_send_disconnect(t, reason);
	} else if (s->version != 0 && !s->calling) {
		put_words(t, &props);
		mqtt_send_connack(t, reason, &props);
	}
	s->is_will_due = s->phase == PHASE_RUNNING;
	mqtt_end(t);
}

void mqtt_refuse_fault(struct turn *t, enum mqtt_fault f)
{
	struct mqtt *s = t->s;
	must(f > MQTT_FAULT_MORE && f < MQTT_FAULT_N);
	if (t->why.n == 0)
		text_puts(&t->why, mqtt_faults[f].text);
	if (s->phase == PHASE_GREETING && !mqtt_connect_has_answer(s->version, f))
		s->version = 0; /* nothing is said to him */
	mqtt_refuse(t, mqtt_faults[f].reason);
}
