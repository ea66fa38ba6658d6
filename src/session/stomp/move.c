#include "session/stomp/stomp.h"

#include "base/must.h"

/* Who only sends goes to the loop of the queues that he sends to, if that is one loop: then nothing
 * of his messages crosses threads. */

/* Nothing may be under way: not even a message that no receipt waits for, which could be overtaken.
 * An answer that has come already stays with the frame in hand. */
static bool is_quiet(const struct stomp *s)
{
	bool is_asking = s->call && (s->call->ticket != TICKET_NONE || s->call->sub);
	must(s->phase == PHASE_RUNNING);
	return !is_asking && !s->large && !s->transactions && !s->subscriptions && !s->wilds &&
	       !s->owed && !s->owns_queues && !s->client_id && !s->farewell.is_begun &&
	       receiver_is_idle(&s->receiver) && s->publisher.window.n == 0 &&
	       s->publisher.silent_bytes == 0;
}

bool stomp_wants_move(struct turn *t, const struct route *r)
{
	struct stomp *s = t->s;
	uint32_t loop;
	if (!t->may_move || !moves_loop(t->w->post, r, &loop) ||
	    !moves_may(&s->moves, t->w->now_ms) || !is_quiet(s))
		return false;
	publisher_forget_routes(&s->publisher);
	stomp_block_close(s);
	t->is_moving = true;
	t->move_to = loop;
	moves_note(&s->moves, t->w->now_ms);
	return true;
}
