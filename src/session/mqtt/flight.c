#include "session/mqtt/mqtt.h"

#include "base/must.h"

/* Messages of QoS 1 and 2 on their way to the client. Packet ids go round, so the flights in the
 * deque have ids that follow each other, and an id says where its flight is; those that are done
 * leave when they are the oldest. */

#define IDS         65535u
#define FLIGHTS_MAX 60000u /* done or not: behind one that is never acknowledged */

static uint16_t id_after(uint16_t id)
{
	_Static_assert(IDS == UINT16_MAX, "ids go round");
	return id == IDS ? 1 : (uint16_t)(id + 1);
}

static struct flight *find(const struct mqtt *s, uint16_t id)
{
	const struct flight *front = deque_peek(&s->flights);
	must(id != 0);
	if (!front)
		return NULL;
	const size_t at = ((size_t)id + IDS - front->id) % IDS;
	if (at >= s->flights.n)
		return NULL;
	struct flight *f = deque_at(&s->flights, at);
	must(f->id == id);
	return f->state == FLIGHT_DONE ? NULL : f;
}

/* Nothing more is handed over while the window is full. */
static void look(struct mqtt *s)
{
	must(s->window > 0);
	s->receiver.is_shut = s->flights_n >= s->window || s->flights.n >= FLIGHTS_MAX;
}

uint16_t mqtt_flight_new(struct turn *t, uint8_t qos, const struct settling *what)
{
	struct mqtt *s = t->s;
	struct flight *f = deque_add(&s->flights, t->w->mem);
	must(f && (qos == 1 || qos == 2));
	s->last_id = id_after(s->last_id);
	*f = (struct flight){ .id = s->last_id, .qos = qos, .state = FLIGHT_SENT };
	if (what)
		f->settling = *what;
	s->flights_n++;
	look(s);
	return f->id;
}

static void done(struct turn *t, struct flight *f, enum settle how)
{
	struct mqtt *s = t->s;
	must(f->state != FLIGHT_DONE && s->flights_n > 0);
	if (f->settling.pos)
		receiver_settle(&s->receiver, t->w, &f->settling, how);
	f->state = FLIGHT_DONE;
	s->flights_n--;
	s->count.acknowledged += how == SETTLE_ACCEPT;
	for (struct flight *front; (front = deque_peek(&s->flights)) != NULL;) {
		if (front->state != FLIGHT_DONE)
			break;
		deque_drop(&s->flights);
	}
	if (s->flights.n == 0)
		deque_trim(&s->flights, t->w->mem);
	look(s);
}

static void on_pubrec(struct turn *t, struct flight *f, const struct mqtt_ack *a)
{
	const bool is_known = f && f->qos == 2;
	must(a->id != 0);
	if (is_known && a->reason >= MQTT_REASON_FAILURE) {
		done(t, f, SETTLE_ACCEPT);
		return;
	}
	if (a->reason >= MQTT_REASON_FAILURE)
		return;
	if (is_known)
		f->state = FLIGHT_RELEASED;
	mqtt_send_ack(t, MQTT_PUBREL, a->id,
		      is_known ? MQTT_REASON_SUCCESS : MQTT_REASON_ID_UNKNOWN);
}

/* An id that is not known is no fault: after a restart both sides may differ. */
void mqtt_on_ack(struct turn *t, const struct mqtt_packet *p)
{
	struct mqtt_ack a;
	enum mqtt_fault fault = mqtt_ack_decode(p, &a);
	must(p->type == MQTT_PUBACK || p->type == MQTT_PUBREC || p->type == MQTT_PUBCOMP);
	if (fault != MQTT_FAULT_NONE) {
		mqtt_refuse_fault(t, fault);
		return;
	}
	struct flight *f = find(t->s, a.id);
	if (p->type == MQTT_PUBREC)
		on_pubrec(t, f, &a);
	else if (f && p->type == MQTT_PUBACK && f->qos == 1)
		done(t, f, SETTLE_ACCEPT);
	else if (f && p->type == MQTT_PUBCOMP && f->state == FLIGHT_RELEASED)
		done(t, f, SETTLE_ACCEPT);
}

/* What the client has said PUBREC to is his. */
void mqtt_flights_back(struct turn *t)
{
	struct mqtt *s = t->s;
	must(s->phase == PHASE_ENDING);
	for (size_t i = 0; i < s->flights.n; i++) {
		const struct flight *f = deque_at(&s->flights, i);
		if (f->state != FLIGHT_DONE && f->settling.pos)
			receiver_settle(&s->receiver, t->w, &f->settling,
					f->state == FLIGHT_RELEASED ? SETTLE_ACCEPT : SETTLE_FAIL);
	}
	deque_clear(&s->flights);
	s->flights_n = 0;
}
