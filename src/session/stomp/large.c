#include "session/stomp/later.h"

#include "base/must.h"
#include "core/delay_store.h"
#include "session/views.h"

/* A message that is too large for one record: its body goes to the journal in pieces. The frame
 * stays where it is meanwhile, and when it is looked at again the message is there. Who leaves
 * before that has published all the same. */

static enum done begin(struct turn *t, const struct publication *what, uint64_t due_ms,
		       uint8_t flags)
{
	struct stomp *s = t->s;
	const struct large_of of = { .session = s->session.handle,
				     .serial = ++s->larges_n,
				     .route = what->route,
				     .props = what->props,
				     .body = t->frame->body,
				     .expiry_ms = what->expiry_ms,
				     .proto = MSG_STOMP,
				     .flags = flags,
				     .priority = what->priority,
				     .has_priority = what->has_priority };
	must(!s->large);
	enum err e = large_begin(t->w, &of, &s->large);
	if (e != ERR_OK) {
		text_puts(&t->why,
			  e == ERR_LIMIT ? "the headers are too large" : "no memory for a message");
		return stomp_fail_err(t, ERR_RESOURCE_ERROR);
	}
	s->large_state = UPLOAD_MORE;
	s->large_due_ms = due_ms;
	return WAIT;
}

enum done stomp_large(struct turn *t, const struct publication *what, const struct route_hit *hit,
		      uint8_t flags, uint64_t word)
{
	struct stomp *s = t->s;
	struct large *g = s->large;
	must(t->frame != NULL && hit->route != NULL);
	if (!g)
		return begin(t, what, delay_store_due_ms(hit->route), flags);
	must(s->large_state == UPLOAD_DONE || s->large_state == UPLOAD_BROKEN);
	s->large = NULL;
	bool is_stored = s->large_state == UPLOAD_DONE;
	if (is_stored)
		publisher_send(&s->publisher, t->w, &s->asker, what, hit, large_msg(g), word);
	large_end(t->w, g);
	if (is_stored)
		return DONE;
	text_puts(&t->why, "a message cannot be stored");
	return stomp_fail_err(t, ERR_RESOURCE_ERROR);
}

bool stomp_stored(struct session *own, struct session_world *w, uint64_t ticket, uint64_t loc,
		  uint32_t bytes)
{
	struct turn t;
	stomp_turn(&t, own, w);
	must(t.s->phase <= PHASE_CLOSED);
	if (!t.s->large)
		return false;
	enum upload_state state = upload_stored(&t.s->large->upload, ticket, loc, bytes);
	if (state == UPLOAD_STRANGE)
		return false;
	if (t.s->large_state == UPLOAD_MORE)
		t.s->large_state = (uint8_t)state;
	return state != UPLOAD_BROKEN;
}

/* There is no frame any more to be looked at. What is of a COMMIT goes with it. */
static void publish(struct turn *t, const struct large *g)
{
	struct stomp *s = t->s;
	const struct msg *m = large_msg(g);
	struct rd r = rd_of(msg_route(m));
	struct route_hit *hit;
	struct publication what = { .exchange = rd_str8(&r),
				    .route = msg_route(m),
				    .headers = views_of(m),
				    .props = msg_props(m),
				    .expiry_ms = g->expiry_ms,
				    .dice = s->session.handle + s->published,
				    .priority = g->priority,
				    .has_priority = g->has_priority };
	what.key = rd_str8(&r);
	must(rd_done(&r));
	t->why = text_of(t->w->words, sizeof t->w->words);
	if (publisher_route(&s->publisher, t->w, &s->access, &what, &hit, &t->why) != ERR_OK)
		return;
	struct later later;
	if (s->large_due_ms) {
		if (!delay_store(t->w->view, s->access.number))
			return; /* gone with its virtual host */
		stomp_later_hit(t, hit, s->large_due_ms, &later);
		hit = &later.hit;
	}
	publisher_send(&s->publisher, t->w, &s->asker, &what, hit, m, PUBLISHER_NOBODY);
	s->published++;
}

void stomp_large_unsent(struct turn *t)
{
	struct stomp *s = t->s;
	must_if(s->large, s->large_state != UPLOAD_MORE);
	large_end(t->w, s->large);
	s->large = NULL;
}

bool stomp_large_left(struct turn *t)
{
	struct stomp *s = t->s;
	struct large *g = s->large;
	must(s->is_gone && !t->frame);
	if (!g)
		return true;
	if (s->large_state == UPLOAD_MORE)
		return false;
	s->large = NULL;
	if (s->large_state == UPLOAD_DONE)
		publish(t, g);
	large_end(t->w, g);
	return true;
}
