#include "session/mqtt/mqtt.h"

#include "base/ablate.h"
#include "base/must.h"
#include "session/mqtt/mark.h"
#include "session/mqtt/notice.h"
#include "session/mqtt/shared.h"

/* However a conversation ends: its will is published if it is due; what the client held goes back
 * to the queue; a queue that goes with the connection goes; and only when all of that is answered
 * another connection may have the client's id. */

static void over(struct turn *t)
{
	must(!t->s->call);
	mqtt_sys_fini(t);
	mqtt_yield(t);
	t->s->phase = PHASE_CLOSED;
}

/* Nobody is to come back for what its groups have; true: nothing is asked. */
static bool leave_groups(struct turn *t)
{
	struct mqtt *s = t->s;
	must(s->phase == PHASE_ENDING && s->altering_n == 0);
	if (s->has_left || s->expiry_s > 0)
		return true;
	s->has_left = true;
	s->altering = s->asker.last_ticket;
	s->altering_n = s->altering_asked_n = mqtt_shared_end_all(t);
	return s->altering_n == 0;
}

static void go_on(struct turn *t)
{
	struct mqtt *s = t->s;
	must(s->phase == PHASE_ENDING);
	if (!s->farewell.is_over || s->legacy.ticket != TICKET_NONE || s->altering_n > 0 ||
	    !leave_groups(t))
		return;
	s->open_ticket = TICKET_NONE;
	if (s->is_durable && s->expiry_s == 0)
		s->open_ticket = mqtt_drop(t);
	if (s->open_ticket == TICKET_NONE)
		over(t);
}

void mqtt_end_answered(struct turn *t, const struct run *fx)
{
	struct mqtt *s = t->s;
	must(s->phase == PHASE_ENDING);
	if (mqtt_is_altering(s, fx->arg))
		s->altering_n--;
	else if (s->legacy.ticket != TICKET_NONE && fx->arg == s->legacy.ticket)
		s->legacy.ticket = TICKET_NONE;
	else if (!s->farewell.is_over)
		farewell_answered(&s->farewell, t->w, &s->asker, fx, s->owns_queue);
	else if (fx->arg != s->open_ticket)
		return;
	go_on(t);
}

void mqtt_end(struct turn *t)
{
	struct mqtt *s = t->s;
	must(s->phase < PHASE_ENDING);
	publisher_flush(&s->publisher, t->w); /* what came before its end goes before it */
	s->deadline_ms = s->beat_ms = s->sys_ms = UINT64_MAX;
	if (s->call || s->large || s->altering_n > 0 || s->open_ticket != TICKET_NONE ||
	    s->more->txs.n > 0 || s->search_ticket != TICKET_NONE) {
		s->is_end_wanted = true;
		return;
	}
	if (mqtt_owed_note(t)) {
		s->is_end_wanted = true;
		return;
	}
	const bool was_in = s->phase == PHASE_RUNNING;
	mqtt_count_gone(t);
	if (s->phase < PHASE_OPENING) {
		over(t);
		return;
	}
	mqtt_notice_here(t, false);
	const bool is_due = s->will && (s->is_will_due || ABLATED(goodbye)) && was_in;
	if (is_due && s->legacy.queue == 0)
		mqtt_will_publish(t);
	s->phase = PHASE_ENDING;
	farewell_begin(&s->farewell, t->w);
	mqtt_legacy_end(t, is_due);
	mqtt_will_drop(t);
	receiver_end(&s->receiver, t->w, &s->farewell);
	mqtt_flights_back(t);
	mqtt_marks_back(t);
	const bool is_altered = s->is_expiry_new && s->is_durable && s->expiry_s > 0 &&
				!mqtt_alter(t);
	must(is_altered == (s->altering_n > 0));
	farewell_go(&s->farewell, t->w, &s->asker, s->owns_queue);
	go_on(t);
}
