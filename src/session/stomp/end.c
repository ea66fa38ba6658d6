#include "session/stomp/activemq.h"

#include "base/must.h"

void stomp_end(struct turn *t)
{
	struct stomp *s = t->s;
	must(!s->farewell.is_begun);
	stomp_wilds_free(t);
	browser_fini(&s->browser, t->w);
	farewell_begin(&s->farewell, t->w);
	receiver_end(&s->receiver, t->w, &s->farewell);
	stomp_unacked_release(t);
	farewell_go(&s->farewell, t->w, &s->asker, s->owns_queues);
}

/* The last word, when all that was held has been given back. */
void stomp_ended(struct turn *t)
{
	struct stomp *s = t->s;
	must(s->farewell.is_over);
	stomp_yield(t);
	if (s->phase != PHASE_ENDING)
		return;
	if (s->last && s->is_gone)
		return;
	access_leave(&s->access, t->w);
	if (s->last)
		stomp_receipt_say(t, s->last);
	s->last = NULL;
	s->phase = PHASE_CLOSED;
	stomp_note(t, &(struct session_note){ .event = SESSION_CLOSED,
					      .text = slice_str("DISCONNECT") });
}

bool stomp_end_quietly(struct turn *t)
{
	struct stomp *s = t->s;
	must(s->is_gone);
	if (!stomp_large_left(t))
		return false;
	if (!s->farewell.is_begun)
		stomp_end(t);
	if (s->farewell.is_over)
		stomp_yield(t);
	return s->farewell.is_over;
}

/* What was published before is safe before the last word. */
enum done stomp_on_disconnect(struct turn *t)
{
	struct stomp *s = t->s;
	must(s->phase == PHASE_RUNNING);
	s->phase = PHASE_ENDING;
	s->last = stomp_receipt_new(t);
	stomp_confirmed(t);
	return DONE;
}
