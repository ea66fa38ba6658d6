#include "sim/pledge_state.h"

#include "base/byteorder.h"
#include "wire/mqtt/ack.h"
#include "wire/mqtt/connect.h"
#include "wire/mqtt/publish.h"
#include "wire/mqtt/subscribe.h"

static uint32_t who_is(const struct pledge *p, const struct person *a)
{
	must(a >= p->person && a < p->person + PERSONS);
	return (uint32_t)(a - p->person);
}

/* ---- what was sent ------------------------------------------------------------------------ */

static uint32_t flying_at(const struct person *a, uint16_t id)
{
	uint32_t i = 0;
	while (i < a->flying_n && a->flying[i].id != id)
		i++;
	return i;
}

static void landed(struct person *a, uint32_t at)
{
	must(at < a->flying_n);
	for (uint32_t i = at + 1; i < a->flying_n; i++)
		a->flying[i - 1] = a->flying[i];
	a->flying_n--;
}

static void heard_ack(struct pledge *p, struct person *a, const struct mqtt_packet *in)
{
	struct stage *s = &p->stage;
	struct mqtt_ack ack;
	must(mqtt_ack_decode(in, &ack) == MQTT_FAULT_NONE);
	const uint32_t at = flying_at(a, ack.id);
	const bool is_fine = ack.reason < MQTT_REASON_FAILURE ||
			     (in->type == MQTT_PUBCOMP && ack.reason == MQTT_REASON_ID_UNKNOWN);
	if (at == a->flying_n || !is_fine) {
		stage_wrong(s, "%s of id %u with reason %u, which nobody asked for",
			    mqtt_packet_name(in->type), ack.id, ack.reason);
		return;
	}
	struct flying *f = &a->flying[at];
	struct message *m = &p->message[f->number];
	const bool is_end = m->qos == 1 ? in->type == MQTT_PUBACK
					: in->type == MQTT_PUBCOMP && f->is_released;
	if (!is_end && !(m->qos == 2 && in->type == MQTT_PUBREC)) {
		stage_wrong(s, "%s of message %u, of QoS %u", mqtt_packet_name(in->type), f->number,
			    m->qos);
		return;
	}
	stage_taken(s, f->number);
	m->is_acknowledged = true;
	f->is_released = true;
	if (is_end)
		landed(a, at);
	else
		line_say_ack(line_of(a), MQTT_PUBREL, ack.id);
}

/* ---- what comes --------------------------------------------------------------------------- */

static void will_came(struct pledge *p, uint32_t number)
{
	struct stage *s = &p->stage;
	if (number == 0 || number > p->wills_n) {
		stage_wrong(s, "will %u came, which nobody has left", number);
		return;
	}
	if (p->will[number] == WILL_NEVER || p->will[number] == WILL_OPEN)
		stage_wrong(s, "will %u came, though its client was not lost", number);
	p->will_came[number] = 1;
}

/* To the application: what its protocol has let through. */
static void came(struct pledge *p, struct person *a, uint32_t number, const struct mqtt_publish *in)
{
	struct stage *s = &p->stage;
	if (number & WILL_BIT) {
		will_came(p, number & ~WILL_BIT);
		return;
	}
	if (number == 0 || number > s->sent_n) {
		stage_wrong(s, "message %u came, which nobody has sent", number);
		return;
	}
	const struct message *m = &p->message[number];
	uint32_t *newest = &a->newest[m->qos][m->topic];
	const uint8_t qos = who_is(p, a) == REPEATED && m->qos == 2 ? 1 : m->qos;
	if (in->qos != qos)
		stage_wrong(s, "message %u of QoS %u came with %u", number, m->qos, in->qos);
	if (a->came[number] && qos != 1)
		stage_wrong(s, "message %u of QoS %u came twice", number, qos);
	if (a->came[number] && m->qos == 2 && !in->dup)
		stage_wrong(s, "message %u came again, and does not say so", number);
	if (!a->came[number] && number < *newest)
		stage_wrong(s, "message %u came behind %u", number, *newest);
	if (!a->came[number])
		*newest = number;
	a->came[number] = 1;
}

static void heard_publish(struct pledge *p, struct person *a, const struct mqtt_packet *in)
{
	struct mqtt_publish m;
	must(mqtt_publish_decode(in, &m) == MQTT_FAULT_NONE && m.payload.n >= 4);
	const uint32_t number = load_be32(m.payload.p);
	if (m.qos < 2 || !a->holds[m.id])
		came(p, a, number, &m);
	if (m.qos == 2)
		a->holds[m.id] = true;
	if (m.qos > 0)
		line_say_ack(line_of(a), m.qos == 1 ? MQTT_PUBACK : MQTT_PUBREC, m.id);
}

static void heard_pubrel(struct person *a, const struct mqtt_packet *in)
{
	struct mqtt_ack ack;
	must(mqtt_ack_decode(in, &ack) == MQTT_FAULT_NONE);
	a->holds[ack.id] = false;
	line_say_ack(line_of(a), MQTT_PUBCOMP, ack.id);
}

/* ---- the session -------------------------------------------------------------------------- */

static void heard_connack(struct pledge *p, struct person *a, const struct mqtt_packet *in)
{
	static const uint8_t qos[PERSONS] = { [EXACT] = 2, [REPEATED] = 1 };
	struct line *l = line_of(a), *old = old_line_of(a);
	struct mqtt_connack c;
	must(mqtt_connack_decode(in, &c) == MQTT_FAULT_NONE && !l->is_up);
	if (c.reason != 0 && a->is_haunted)
		return;
	if (c.reason != 0 || (a->is_known && !c.session_present)) {
		stage_wrong(&p->stage, "client %u is told reason %u, session present %u",
			    who_is(p, a), c.reason, c.session_present);
		return;
	}
	l->is_up = true;
	a->is_known = true;
	if (old->sock && !old->is_leaving && line_has_room(old, LINE_ACK_BYTES)) {
		line_say_ping(old);
		a->is_pinged = true;
	}
	for (uint32_t i = 0; i < a->flying_n; i++)
		pledge_say_flying(p, a, &a->flying[i], true);
	a->acks_n = 0;
	if (who_is(p, a) != PUBLISHER && !a->is_subscribed) {
		line_say_subscribe(l, 1, "m/+", qos[who_is(p, a)]);
		line_say_subscribe(l, 2, "w/+", 1);
	}
}

static void heard(struct pledge *p, struct person *a, const struct mqtt_packet *in)
{
	struct mqtt_suback sub;
	switch (in->type) {
	case MQTT_CONNACK: heard_connack(p, a, in); break;
	case MQTT_PUBLISH: heard_publish(p, a, in); break;
	case MQTT_PUBREL: heard_pubrel(a, in); break;
	case MQTT_PUBACK:
	case MQTT_PUBREC:
	case MQTT_PUBCOMP: heard_ack(p, a, in); break;
	case MQTT_SUBACK:
		must(mqtt_suback_decode(in, &sub) == MQTT_FAULT_NONE);
		must(sub.reasons.n == 1 && sub.reasons.p[0] <= 2);
		a->is_subscribed = ++a->acks_n == 2;
		break;
	default:
		if (in->type == MQTT_DISCONNECT && a->is_haunted)
			break; /* and the end follows */
		stage_wrong(&p->stage, "client %u is told %s", who_is(p, a),
			    mqtt_packet_name(in->type));
	}
}

/* ---- both lines --------------------------------------------------------------------------- */

/* What was written before another one had the client id may still come; no answer may. */
static bool talk_old(struct pledge *p, struct person *a)
{
	struct line *l = old_line_of(a);
	struct mqtt_packet in;
	bool is_end = false;
	if (!l->sock)
		return false;
	const bool is_any = line_exchange(l, &p->stage.host.socks, &is_end);
	while (line_next(l, &in))
		if (in.type == MQTT_PINGRESP && a->is_pinged)
			stage_wrong(&p->stage, "two connections have the id of client %u",
				    who_is(p, a));
	if (is_end) {
		line_drop(l, false);
		a->is_pinged = false;
	}
	return is_any;
}

bool pledge_talk(struct pledge *p, struct person *a)
{
	struct stage *s = &p->stage;
	struct line *l = line_of(a);
	struct mqtt_packet in;
	bool is_end = false;
	bool is_any = talk_old(p, a);
	if (!l->sock)
		return is_any;
	is_any |= line_exchange(l, &s->host.socks, &is_end);
	while (!stage_is_wrong(s) && line_has_room(l, LINE_OUT_BYTES / 2) && line_next(l, &in))
		if (!l->is_leaving)
			heard(p, a, &in);
	if (is_end && !l->is_leaving && !a->is_haunted)
		stage_wrong(s, "the broker hangs up on client %u", who_is(p, a));
	if (is_end)
		pledge_lose(p, l, false,
			    l->is_leaving ? WILL_NEVER
			    : l->is_up    ? WILL_LOST
					  : WILL_MAYBE);
	return is_any;
}
