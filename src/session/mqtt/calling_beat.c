#include "session/mqtt/mqtt.h"

#include "base/bits.h"
#include "base/must.h"

/* When a bridge has to do something without being told: it counts what waits, pings the other
 * broker, or leaves it because there is nothing to say. */

#define REST_LOOK_MS 1000u

/* Asks how much waits. */
static void count(struct turn *t)
{
	struct mqtt *s = t->s;
	const struct queue_record *q = catalog_queue_by_id(t->w->view, s->queue);
	must(s->calling->step == CALLING_RESTING && s->search_ticket == TICKET_NONE);
	s->beat_ms = UINT64_MAX;
	if (!q) {
		text_puts(&t->why, "the session's queue is gone");
		mqtt_refuse(t, MQTT_REASON_ADMINISTRATIVE);
		return;
	}
	s->search_ticket = ask_ticket(&s->asker);
	ask_queue(&s->asker, t->w->post, CMD_QUEUE_STAT, 0, q, s->search_ticket);
}

void mqtt_calling_rest(struct turn *t)
{
	struct mqtt *s = t->s;
	must(s->calling->step == CALLING_LOCAL && s->queue != 0);
	s->calling->step = CALLING_RESTING;
	s->deadline_ms = UINT64_MAX;
	count(t);
}

void mqtt_calling_counted(struct turn *t, const struct reply_row *r)
{
	struct mqtt *s = t->s;
	must(s->calling->step == CALLING_RESTING && s->calling->set->threshold > 0);
	if (r->err != ERR_OK || r->a < s->calling->set->threshold) {
		s->beat_ms = t->w->now_ms + REST_LOOK_MS;
		return;
	}
	s->deadline_ms = t->w->now_ms + t->set->login_timeout_ms;
	mqtt_calling_say(t);
}

bool mqtt_is_resting(const struct mqtt *s)
{
	return s->calling && s->calling->step == CALLING_RESTING;
}

/* Whom we do not read cannot be heard; but one that takes nothing of what waits for it is as dead,
 * and it is for that that we do not read it. */
static bool is_dead(const struct turn *t)
{
	const struct mqtt *s = t->s;
	const struct calling *c = s->calling;
	const struct sendq *q = &s->session.sendq;
	must(q->bytes <= q->total_bytes);
	const bool is_deaf = q->bytes > 0 && q->total_bytes - q->bytes == c->taken;
	const bool is_read = mqtt_may_read(s, t->w) && !s->is_held;
	return c->is_pinged && s->session.in_bytes == c->in_bytes && (is_read || is_deaf);
}

static void ping(struct turn *t)
{
	struct mqtt *s = t->s;
	struct calling *c = s->calling;
	must(s->keep_alive_s > 0 && c->step == CALLING_HEARD);
	if (is_dead(t)) {
		mqtt_note(t, &(struct session_note){ .event = SESSION_HEARTBEAT_LOST,
						     .n = s->keep_alive_s });
		mqtt_end(t);
		return;
	}
	c->in_bytes = s->session.in_bytes;
	c->taken = s->session.sendq.total_bytes - s->session.sendq.bytes;
	c->is_pinged = true;
	c->ping_ms = t->w->now_ms + s->keep_alive_s * UINT64_C(1000);
	sendq_copy(&s->session.sendq, t->w->mem,
		   slice_of(mqtt_pingreq_octets, sizeof mqtt_pingreq_octets));
}

/* Leaves the other broker if there was nothing to say for long. As with Mosquitto its will says
 * that the bridge is down. */
static void leave_idle(struct turn *t)
{
	struct mqtt *s = t->s;
	struct calling *c = s->calling;
	const uint64_t idle_ms = c->set->idle_s * UINT64_C(1000);
	must(c->set->threshold > 0 && c->step == CALLING_HEARD);
	const bool is_busy = s->more->flights.n > 0 || s->more->searches || s->more->txs.n > 0 ||
			     s->publisher.window.n > 0 || s->session.sendq.bytes > 0;
	if (is_busy)
		c->busy_ms = t->w->now_ms;
	c->idle_ms = c->busy_ms + idle_ms;
	if (c->idle_ms > t->w->now_ms)
		return;
	mqtt_note(t, &(struct session_note){ .event = SESSION_CLOSED,
					     .text = slice_str("no message for idle_timeout") });
	mqtt_send_disconnect(t, MQTT_REASON_WITH_WILL);
	mqtt_end(t);
}

void mqtt_calling_beat(struct turn *t)
{
	struct mqtt *s = t->s;
	struct calling *c = s->calling;
	if (s->phase != PHASE_RUNNING || t->w->now_ms < s->beat_ms)
		return;
	if (c->step == CALLING_RESTING) {
		count(t);
		return;
	}
	if (t->w->now_ms >= c->idle_ms)
		leave_idle(t);
	if (s->phase == PHASE_RUNNING && !s->is_end_wanted && t->w->now_ms >= c->ping_ms)
		ping(t);
	if (s->phase == PHASE_RUNNING && !s->is_end_wanted)
		s->beat_ms = min_u64(c->ping_ms, c->idle_ms);
}
