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
	return !is_asking && !s->large && !s->transactions && !s->subscriptions && !s->owed &&
	       !s->owns_queues && !s->client_id && !s->farewell.is_begun &&
	       receiver_is_idle(&s->receiver) && s->publisher.window.n == 0 &&
	       s->publisher.silent_bytes == 0;
}

bool stomp_wants_move(struct turn *t, const struct route *r)
{
	struct stomp *s = t->s;
	const struct post *p = t->w->post;
	if (!t->may_move || r->n == 0)
		return false;
	const uint8_t loop = p->loop_of_shard[r->to[0].shard];
	if (loop == p->loop || !is_quiet(s) || s->moves_n == LIMIT_SESSION_MOVES_MAX ||
	    (s->moves_n > 0 && t->w->now_ms - s->moved_ms < LIMIT_SESSION_MOVE_REST_MS))
		return false;
	for (uint32_t i = 1; i < r->n; i++)
		if (p->loop_of_shard[r->to[i].shard] != loop)
			return false;
	publisher_forget_routes(&s->publisher);
	stomp_block_close(s);
	t->is_moving = true;
	t->move_to = loop;
	s->moves_n++;
	s->moved_ms = t->w->now_ms;
	return true;
}
