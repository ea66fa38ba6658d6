#include "session/mqtt/mqtt.h"

#include "base/ablate.h"
#include "base/bits.h"
#include "base/must.h"
#include "session/mqtt/mark.h"
#include "session/mqtt/prove.h"

/* Room for a packet grows with what really comes, not with what it says of itself. */
#define READ_FROM ((size_t)2 * LIMIT_CHUNK_BYTES)

bool mqtt_may_read(const struct mqtt *s, const struct session_world *w)
{
	must(s->phase <= PHASE_CLOSED);
	if (s->phase == PHASE_CLOSED)
		return true; /* so that it is closed */
	if (s->phase <= PHASE_PROVING)
		return true;
	return s->phase == PHASE_RUNNING && !s->call && !s->large &&
	       s->open_ticket == TICKET_NONE && !s->is_end_wanted && !s->is_mark_awaited &&
	       !(s->is_held && w->is_blocked) && !publisher_is_full(&s->publisher, w) &&
	       s->more->tx_bytes < w->limits->unconfirmed_bytes_max && !s->more->is_marks_asked &&
	       s->session.sendq.bytes < w->limits->output_bytes_max;
}

static void on_disconnect(struct turn *t, const struct mqtt_packet *p)
{
	struct mqtt *s = t->s;
	struct mqtt_ack a;
	enum mqtt_fault f = mqtt_ack_decode(p, &a);
	must(s->phase == PHASE_RUNNING);
	if (f != MQTT_FAULT_NONE) {
		mqtt_refuse_fault(t, f);
		return;
	}
	const bool has_expiry = (a.props.has & MQTT_HAS(session_expiry_s)) != 0;
	if (has_expiry && s->expiry_s == 0 && a.props.session_expiry_s > 0) {
		mqtt_refuse(t, MQTT_REASON_PROTOCOL_ERROR);
		return;
	}
	if (has_expiry) {
		const uint64_t expiry_s = min_u64(a.props.session_expiry_s,
						  t->set->session_expiry_s);
		s->is_expiry_new = s->expiry_s != expiry_s;
		s->expiry_s = (uint32_t)expiry_s;
	}
	s->is_will_due = a.reason != MQTT_REASON_SUCCESS;
	if (!s->is_will_due && !ABLATED(goodbye))
		mqtt_will_drop(t); /* whatever ends it, if the end has to wait */
	mqtt_note(t, &(struct session_note){ .event = SESSION_CLOSED,
					     .text = slice_str(mqtt_reason_text(a.reason)) });
	mqtt_end(t);
}

static void on_ping(struct turn *t, const struct mqtt_packet *p)
{
	enum mqtt_fault f = mqtt_ping_check(p);
	must(t->s->phase == PHASE_RUNNING);
	if (f != MQTT_FAULT_NONE) {
		mqtt_refuse_fault(t, f);
		return;
	}
	sendq_copy(&t->s->session.sendq, t->w->mem,
		   slice_of(mqtt_pingresp_octets, sizeof mqtt_pingresp_octets));
	mqtt_count_out(t, sizeof mqtt_pingresp_octets);
}

/* False: it has to wait. */
static bool dispatch(struct turn *t, const struct mqtt_packet *p)
{
	must(t->s->phase == PHASE_RUNNING);
	if (p->type != MQTT_PUBLISH || p->flags != 0) /* more than a message that nobody answers */
		publisher_flush(&t->s->publisher, t->w);
	if (t->s->calling)
		return mqtt_calling_packet(t, p);
	enum mqtt_fault f = mqtt_packet_check_sender(p);
	if (f != MQTT_FAULT_NONE) {
		mqtt_refuse_fault(t, f);
		return true;
	}
	switch ((enum mqtt_type)p->type) {
	case MQTT_PUBLISH: return mqtt_on_publish(t, p);
	case MQTT_PUBACK:
	case MQTT_PUBREC:
	case MQTT_PUBCOMP: return mqtt_on_ack(t, p);
	case MQTT_PUBREL: mqtt_on_pubrel(t, p); return true;
	case MQTT_SUBSCRIBE: mqtt_on_subscribe(t, p); return true;
	case MQTT_UNSUBSCRIBE: mqtt_on_unsubscribe(t, p); return true;
	case MQTT_PINGREQ: on_ping(t, p); return true;
	case MQTT_DISCONNECT: on_disconnect(t, p); return true;
	case MQTT_AUTH: mqtt_on_auth(t, p); return true;
	case MQTT_CONNECT: /* a second one */
	case MQTT_CONNACK:
	case MQTT_SUBACK:
	case MQTT_UNSUBACK:
	case MQTT_PINGRESP: break;
	}
	mqtt_refuse(t, MQTT_REASON_PROTOCOL_ERROR);
	return true;
}

/* Whoever has not said CONNECT yet is told nothing. */
static bool greet(struct turn *t, const struct mqtt_packet *p)
{
	must(t->s->phase <= PHASE_PROVING);
	if (t->s->phase == PHASE_PROVING) {
		mqtt_prove_packet(t, p);
		return true;
	}
	if (p->type == MQTT_CONNECT) {
		mqtt_on_connect(t, p);
		return true;
	}
	mqtt_note(t, &(struct session_note){ .event = SESSION_UNKNOWN_PROTOCOL,
					     .text = mqtt_packet_whole(p) });
	mqtt_end(t);
	return true;
}

static uint32_t packet_max(const struct turn *t)
{
	must(t->set->packet_max > 0);
	return t->s->phase <= PHASE_PROVING ? t->set->first_packet_max : t->set->packet_max;
}

/* What cannot be a packet: of a stranger it is something else, or malformed. */
static void refuse_bytes(struct turn *t, struct slice in, enum mqtt_fault f)
{
	must(f != MQTT_FAULT_NONE && f != MQTT_FAULT_MORE);
	if (t->s->phase == PHASE_GREETING)
		mqtt_note(t, &(struct session_note){ .event = SESSION_UNKNOWN_PROTOCOL,
						     .text = slice_sub(in, 0, min_size(in.n, 8)) });
	mqtt_refuse_fault(t, f);
}

/* One packet. FEED_CLOSE: look again. */
static enum feed step(struct turn *t, uint32_t *io_off, uint32_t *out_need)
{
	struct mqtt *s = t->s;
	struct mqtt_packet p;
	struct slice in = slice_of((const uint8_t *)t->block + *io_off, t->block->fill - *io_off);
	must(*io_off <= t->block->fill);
	*out_need = 1;
	if (in.n == 0)
		return FEED_MORE;
	if (mqtt_again(t, io_off))
		return FEED_CLOSE;
	enum mqtt_fault f = mqtt_packet_read(in, packet_max(t), s->version, &p);
	if (f == MQTT_FAULT_MORE) {
		*out_need = (uint32_t)min_size(mqtt_packet_need(in), READ_FROM + 2 * in.n);
		return FEED_MORE;
	}
	t->why = text_of(t->w->words, sizeof t->w->words);
	if (f != MQTT_FAULT_NONE) {
		refuse_bytes(t, in, f);
		return FEED_CLOSE;
	}
	if (!(s->phase <= PHASE_PROVING ? greet(t, &p) : dispatch(t, &p)))
		return t->is_moving ? FEED_MOVE : FEED_WAIT;
	meter_add(t->w->lane, METER_packets_in, 1);
	meter_add(t->w->lane, METER_bytes_in, p.total);
	*io_off += (uint32_t)p.total;
	return FEED_CLOSE;
}

enum feed mqtt_feed(struct session *own, struct session_world *w, struct block *b, uint32_t *io_off,
		    uint32_t *out_need, uint32_t *out_loop)
{
	struct turn t;
	enum feed f = FEED_CLOSE;
	mqtt_turn(&t, own, w);
	t.block = b;
	t.s->heard_ms = w->now_ms;
	t.s->is_held = t.s->is_held && w->is_blocked;
	must(*io_off <= b->fill);
	publisher_gather(&t.s->publisher);
	while (f == FEED_CLOSE && t.s->phase != PHASE_CLOSED)
		f = mqtt_may_read(t.s, w) ? step(&t, io_off, out_need) : FEED_WAIT;
	publisher_gathered(&t.s->publisher, w);
	*out_loop = t.move_to;
	return f;
}
