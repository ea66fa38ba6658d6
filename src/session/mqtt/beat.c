#include "session/mqtt/mqtt.h"

#include "base/must.h"

/* The client is dead after one and a half intervals without a word. Bytes of a packet that is not
 * whole yet are words, too; and whom we do not read cannot be heard. */

static uint64_t patience_ms(const struct mqtt *s)
{
	must(s->keep_alive_s > 0);
	return s->keep_alive_s * UINT64_C(1500);
}

void mqtt_beat_start(struct turn *t)
{
	struct mqtt *s = t->s;
	must(s->beat_ms == UINT64_MAX && s->phase == PHASE_RUNNING);
	if (s->keep_alive_s == 0)
		return;
	s->heard_ms = t->w->now_ms;
	s->beat_in = s->session.in_bytes;
	s->beat_ms = t->w->now_ms + patience_ms(s);
}

void mqtt_beat(struct turn *t)
{
	struct mqtt *s = t->s;
	if (s->calling)
		mqtt_calling_beat(t);
	if (s->phase != PHASE_RUNNING || t->w->now_ms < s->beat_ms)
		return;
	must(s->keep_alive_s > 0 && !s->calling);
	const bool is_silent = t->w->now_ms >= s->heard_ms + patience_ms(s);
	if (is_silent &&
	    (s->session.in_bytes != s->beat_in || s->is_held || !mqtt_may_read(s, t->w)))
		s->heard_ms = t->w->now_ms;
	s->beat_in = s->session.in_bytes;
	s->beat_ms = s->heard_ms + patience_ms(s);
	if (s->beat_ms > t->w->now_ms)
		return;
	mqtt_note(t, &(struct session_note){ .event = SESSION_HEARTBEAT_LOST,
					     .n = (uint32_t)(patience_ms(s) / 1000) });
	mqtt_send_disconnect(t, MQTT_REASON_KEEP_ALIVE);
	s->is_will_due = true;
	mqtt_end(t);
}
