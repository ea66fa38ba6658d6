#include "session/mqtt/mqtt.h"

#include "base/must.h"
#include "session/claim.h"
#include "session/mqtt/mark.h"
#include "session/mqtt/notice.h"
#include "session/mqtt/prove.h"

/* ---- one connection for each client id ---------------------------------------------------- */

static struct claim claim_of(const struct mqtt *s)
{
	return (struct claim){ "mqtt", s->client_id, access_name(&s->access) };
}

static bool may_declare(struct turn *t)
{
	return mqtt_may(t, AUTH_CONFIGURE);
}

/* Somebody else may have kept it: who takes it over gets its messages, and who begins anew ends it.
 * One without subscriptions is for publishing, and not read by who may not. */
static bool may_take(struct turn *t, const struct queue_record *q)
{
	must(t->s->phase <= PHASE_OPENING);
	return may_declare(t) &&
	       (t->s->is_clean_start || !mqtt_is_subscribed(t, q->id, SLICE_EMPTY) ||
		mqtt_may(t, AUTH_READ));
}

static const struct queue_record *kept_queue(const struct turn *t)
{
	char buf[MQTT_QUEUE_NAME_MAX + 1];
	must(t->s->client_id.n > 0);
	return catalog_queue(t->w->view, t->s->asker.vhost,
			     mqtt_queue_name(t->s, MQTT_QUEUE_KEPT, buf));
}

/* Whoever has the client id now is told to go only if its next owner may have it: he may do as he
 * likes with the session's queue, or is the same user. */
void mqtt_claim(struct turn *t)
{
	struct mqtt *s = t->s;
	const struct queue_record *q = kept_queue(t);
	must(!s->has_claim && s->client_id.n > 0);
	if (q && !may_take(t, q)) {
		mqtt_refuse(t, MQTT_REASON_NOT_AUTHORIZED);
		return;
	}
	const struct claim c = claim_of(s);
	const uint8_t flags = may_declare(t) ? 0 : CLAIM_OWN;
	t->why.n = 0;
	s->phase = PHASE_CLAIMING;
	s->has_claim = true;
	claim_ask(&c, &s->asker, t->w->post, flags);
}

void mqtt_yield(struct turn *t)
{
	struct mqtt *s = t->s;
	const struct claim c = claim_of(s);
	if (!s->has_claim)
		return;
	must(s->phase >= PHASE_CLAIMING);
	s->has_claim = false;
	claim_yield(&c, &s->asker, t->w->post);
}

void mqtt_moved(struct turn *t)
{
	struct mqtt *s = t->s;
	const struct claim c = claim_of(s);
	must(s->has_claim);
	claim_moved(&c, &s->asker, t->w->post, s->moved_from);
	mqtt_legacy_moved(t);
	s->moved_from = 0;
}

/* ---- in ----------------------------------------------------------------------------------- */

/* What differs from what the client asked, and from what it may take for granted. */
static struct mqtt_props welcome(const struct turn *t)
{
	const struct mqtt *s = t->s;
	struct mqtt_props p = { .has = MQTT_HAS(maximum_packet_size),
				.maximum_packet_size = t->set->packet_max };
	must(s->client_id.n > 0);
	if (s->is_named_by_us) {
		p.has |= MQTT_HAS(assigned_client_id);
		p.assigned_client_id = s->client_id;
	}
	if (s->is_capped) {
		p.has |= MQTT_HAS(session_expiry_s);
		p.session_expiry_s = s->expiry_s;
	}
	if (t->set->receive_max < MQTT_RECEIVE_MAX_UNSAID) {
		p.has |= MQTT_HAS(receive_maximum);
		p.receive_maximum = t->set->receive_max;
	}
	if (t->set->alias_max > 0) {
		p.has |= MQTT_HAS(topic_alias_maximum);
		p.topic_alias_maximum = t->set->alias_max;
	}
	mqtt_prove_welcome(s, &p);
	return p;
}

void mqtt_begin_flow(struct turn *t)
{
	struct mqtt *s = t->s;
	must(s->phase == PHASE_RUNNING);
	mqtt_note(t, &(struct session_note){ .event = SESSION_OPENED,
					     .user = access_name(&s->access),
					     .vhost = access_vhost_name(&s->access),
					     .text = s->client_id });
	mqtt_window_look(s);
	mqtt_marks_resume(t);
}

void mqtt_accept(struct turn *t)
{
	struct mqtt *s = t->s;
	if (s->open_ticket != TICKET_NONE)
		return; /* its answer leads here again; this was something for the marks' queue */
	const bool is_kept = mqtt_notice_is_kept(s) || (s->will && s->will->is_retained);
	if ((is_kept && !mqtt_store_ready(t)) || !mqtt_legacy_ready(t))
		return;
	if (s->calling) {
		mqtt_calling_opened(t);
		return;
	}
	const struct mqtt_props p = welcome(t);
	must(s->phase == PHASE_OPENING);
	mqtt_send_connack(t, MQTT_REASON_SUCCESS, &p);
	s->phase = PHASE_RUNNING;
	s->deadline_ms = UINT64_MAX;
	mqtt_prove_welcomed(t);
	mqtt_count_in(t);
	mqtt_beat_start(t);
	mqtt_begin_flow(t);
	if (s->queue)
		mqtt_consume(t);
	mqtt_resubscribe(t);
	if (s->phase == PHASE_RUNNING)
		mqtt_sys_subscribed(t, false);
}

/* ---- the session of before ---------------------------------------------------------------- */

/* What was kept goes; when it is gone, or there was nothing, a session begins. */
static void begin_anew(struct turn *t)
{
	struct mqtt *s = t->s;
	must(s->queue == 0);
	s->open_ticket = mqtt_drop(t);
	if (s->open_ticket != TICKET_NONE)
		return;
	s->is_durable = s->expiry_s > 0;
	if (!s->is_durable) {
		mqtt_accept(t);
		return;
	}
	if (!may_declare(t)) {
		mqtt_refuse(t, MQTT_REASON_NOT_AUTHORIZED);
		return;
	}
	s->open_ticket = mqtt_declare(t, MQTT_QUEUE_KEPT);
}

void mqtt_open_on(struct turn *t)
{
	const struct mqtt *s = t->s;
	must(s->phase == PHASE_OPENING);
	if (!s->more->is_marks_asked && s->more->marks_left <= 0)
		mqtt_accept(t);
}

static void resume(struct turn *t)
{
	must(t->s->is_present && t->s->altering_n == 0);
	if (!mqtt_marks_restore(t))
		mqtt_accept(t);
}

/* The connection before is over, with its will. */
static void begin(struct turn *t)
{
	struct mqtt *s = t->s;
	must(s->phase == PHASE_OPENING);
	if (s->queue == 0) {
		begin_anew(t);
		return;
	}
	s->is_durable = s->is_present = true;
	if (s->expiry_s == 0 ||
	    mqtt_alter(t)) /* one that ends with its connection is dropped then */
		resume(t);
}

void mqtt_opened_altered(struct turn *t)
{
	must(t->s->altering_n == 0 && t->s->phase == PHASE_OPENING);
	if (t->s->is_end_wanted)
		mqtt_end(t);
	else
		resume(t);
}

void mqtt_open(struct turn *t)
{
	struct mqtt *s = t->s;
	const struct queue_record *q = kept_queue(t);
	must(s->phase == PHASE_CLAIMING);
	s->phase = PHASE_OPENING;
	if (q && !may_take(t, q)) { /* it was not there before */
		mqtt_refuse(t, MQTT_REASON_NOT_AUTHORIZED);
		return;
	}
	if (q && !s->is_clean_start) {
		s->queue = q->id;
		mqtt_restore(t);
	}
	if (mqtt_legacy_clear(t))
		begin(t);
}

/* What it was waiting for: false: something of the session's queue. */
static bool opened_legacy(struct turn *t, const struct reply_row *r)
{
	const uint8_t step = t->s->legacy.step;
	must(t->s->open_ticket == TICKET_NONE);
	if (step == LEGACY_CLEARING) {
		t->s->legacy.step = LEGACY_NONE;
		begin(t);
	} else if (step == LEGACY_DECLARING) {
		if (!mqtt_legacy_declared(t, r))
			must(t->s->phase >= PHASE_ENDING);
	}
	return step == LEGACY_CLEARING || step == LEGACY_DECLARING;
}

void mqtt_opened(struct turn *t, const struct reply_row *r)
{
	struct mqtt *s = t->s;
	must(s->phase == PHASE_OPENING);
	if (s->is_store_asked) {
		if (mqtt_store_declared(t))
			mqtt_accept(t);
		return;
	}
	s->open_ticket = TICKET_NONE;
	if (s->is_end_wanted) {
		mqtt_end(t);
		return;
	}
	if (opened_legacy(t, r))
		return;
	if (r->op == CMD_QUEUE_DELETE && (r->err == ERR_OK || r->err == ERR_NOT_FOUND)) {
		begin_anew(t);
		return;
	}
	const struct queue_record *q = mqtt_queue(t);
	if (r->err != ERR_OK || !q) {
		mqtt_refuse(t, mqtt_declare_refusal(r, q, MQTT_REASON_UNAVAILABLE));
		return;
	}
	s->queue = q->id;
	meter_add(t->w->lane, METER_sessions_made, 1);
	mqtt_accept(t);
}
