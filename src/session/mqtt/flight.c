#include "session/mqtt/mqtt.h"

#include "base/ablate.h"
#include "base/must.h"
#include "session/mqtt/mark.h"

/* Messages of QoS 1 and 2 on their way to the client, by packet id. Of a session that is kept an
 * entry has its id from the core, the same one whenever it is given, after a restart too. */

struct flight *mqtt_flight(const struct mqtt *s, uint16_t id)
{
	uint64_t at;
	must(s->more->flights.n <= UINT16_MAX);
	return map_get(&s->more->flights, id, &at) ? (struct flight *)(uintptr_t)at : NULL;
}

/* Nothing more is handed over while the window is full; what is kept comes before that counts. */
void mqtt_window_look(struct mqtt *s)
{
	must(s->window > 0);
	s->receiver.is_shut = s->phase == PHASE_RUNNING &&
			      s->more->flights.n + s->more->holding_n >= s->window;
}

static uint16_t free_id(struct mqtt *s)
{
	must(s->more->flights.n < UINT16_MAX);
	do
		s->last_id = s->last_id == UINT16_MAX ? 1 : (uint16_t)(s->last_id + 1);
	while (mqtt_flight(s, s->last_id));
	return s->last_id;
}

struct flight *mqtt_flight_new(struct turn *t, uint8_t qos, uint16_t id)
{
	struct mqtt *s = t->s;
	struct flight *f = mqtt_get(t, sizeof *f, "message under way");
	must(qos == 1 || qos == 2);
	if (id == 0 || mqtt_flight(s, id))
		id = free_id(s);
	*f = (struct flight){ .id = id, .qos = qos, .state = FLIGHT_SENT };
	if (map_make_room(&mqtt_more(t)->flights, t->w->mem, "messages under way") != ERR_OK)
		must(!"no memory for a message under way");
	map_put(&s->more->flights, id, (uint64_t)(uintptr_t)f);
	mqtt_window_look(s);
	return f;
}

static void forget(struct turn *t, struct flight *own_f)
{
	bool was_there = map_del(&t->s->more->flights, own_f->id, NULL);
	must(was_there);
	mqtt_put(t, own_f, sizeof *own_f);
	mqtt_window_look(t->s);
}

void mqtt_flight_done(struct turn *t, struct flight *own_f)
{
	struct mqtt *s = t->s;
	must(own_f->state != FLIGHT_RELEASING);
	if (own_f->settling.pos)
		receiver_settle(&s->receiver, t->w, &own_f->settling, SETTLE_ACCEPT);
	mqtt_more(t)->count.acknowledged++;
	forget(t, own_f);
}

static void on_pubrec(struct turn *t, struct flight *f, const struct mqtt_ack *a)
{
	const bool is_known = f && f->qos == 2;
	must(a->id != 0);
	if (is_known && f->state == FLIGHT_RELEASING)
		return;
	if (a->reason >= MQTT_REASON_FAILURE) {
		if (is_known && f->state == FLIGHT_SENT)
			mqtt_flight_done(t, f);
		return;
	}
	if (is_known && f->state == FLIGHT_SENT && t->s->is_durable) {
		mqtt_mark_released(t, f);
		return;
	}
	if (is_known)
		f->state = FLIGHT_RELEASED;
	mqtt_send_ack(t, MQTT_PUBREL, a->id,
		      is_known ? MQTT_REASON_SUCCESS : MQTT_REASON_ID_UNKNOWN);
}

/* An id that is not known is no fault: after a restart both sides may differ. */
bool mqtt_on_ack(struct turn *t, const struct mqtt_packet *p)
{
	struct mqtt_ack a;
	enum mqtt_fault fault = mqtt_ack_decode(p, &a);
	must(p->type == MQTT_PUBACK || p->type == MQTT_PUBREC || p->type == MQTT_PUBCOMP);
	if (fault != MQTT_FAULT_NONE) {
		mqtt_refuse_fault(t, fault);
		return true;
	}
	struct flight *f = mqtt_flight(t->s, a.id);
	if (p->type == MQTT_PUBREC && t->s->is_durable && f && !mqtt_marks_ready(t))
		return false;
	if (p->type == MQTT_PUBREC)
		on_pubrec(t, f, &a);
	else if (f && p->type == MQTT_PUBACK && f->qos == 1)
		mqtt_flight_done(t, f);
	else if (f && p->type == MQTT_PUBCOMP && f->state == FLIGHT_RELEASED)
		mqtt_mark_over(t, f);
	return true;
}

static struct flight *any_of(const struct mqtt *s)
{
	size_t cursor = 0;
	struct map_slot *slot = map_next(&s->more->flights, &cursor);
	must_if(slot, slot->value != 0);
	return slot ? (struct flight *)(uintptr_t)slot->value : NULL;
}

/* To its queue, for the same client or, from a group's, for another. But one of QoS 2 that the
 * session ends with has gone nobody else's way (v5:4.8.2-5). */
static bool goes_back(const struct mqtt *s, const struct flight *f)
{
	const bool is_shared = f->settling.queue != s->queue;
	const bool is_his = f->qos == 2 && !s->is_durable;
	must(f->settling.pos != 0);
	return f->state == FLIGHT_SENT && !(is_shared && (is_his || ABLATED(share_back)));
}

/* What the client has not acknowledged goes back to the queue. What he has said PUBREC to is his;
 * of a session that is kept, its mark stays. */
void mqtt_flights_back(struct turn *t)
{
	struct mqtt *s = t->s;
	must(s->phase == PHASE_ENDING);
	for (struct flight *f; (f = any_of(s)) != NULL; forget(t, f))
		if (f->settling.pos)
			receiver_settle(&s->receiver, t->w, &f->settling,
					goes_back(s, f) ? SETTLE_FAIL : SETTLE_ACCEPT);
}

void mqtt_flights_fini(struct turn *t)
{
	must(t->s->more->flights.n == 0 || t->s->phase < PHASE_CLOSED);
	for (struct flight *f; (f = any_of(t->s)) != NULL;)
		forget(t, f);
	map_fini(&t->s->more->flights, t->w->mem);
}
