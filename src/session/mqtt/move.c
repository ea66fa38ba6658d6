#include "session/mqtt/mqtt.h"

#include "base/must.h"

/* A conversation goes to the loop of the queues that it publishes to, if that is one loop: then
 * nothing of its messages crosses threads. */

/* Nothing may be under way: not even a publish that nobody waits for, which could be overtaken. */
static bool is_quiet(const struct mqtt *s)
{
	must(s->phase == PHASE_RUNNING);
	return !s->call && !s->calling && !s->large && !s->is_durable && !s->owns_queue &&
	       !s->is_end_wanted && receiver_is_idle(&s->receiver) && s->flights.n == 0 &&
	       s->publisher.window.n == 0 && s->publisher.silent_bytes == 0;
}

bool mqtt_wants_move(struct turn *t, const struct route *r)
{
	struct mqtt *s = t->s;
	const struct post *p = t->w->post;
	const uint8_t loop = p->loop_of_shard[r->to[0].shard];
	must(r->n > 0);
	if (loop == p->loop || s->phase != PHASE_RUNNING || !is_quiet(s) ||
	    s->moves_n == LIMIT_SESSION_MOVES_MAX ||
	    (s->moves_n > 0 && t->w->now_ms - s->moved_ms < LIMIT_SESSION_MOVE_REST_MS))
		return false;
	for (uint32_t i = 1; i < r->n; i++)
		if (p->loop_of_shard[r->to[i].shard] != loop)
			return false;
	publisher_forget_routes(&s->publisher);
	t->hit = NULL;
	t->route_n = 0;
	t->is_moving = true;
	t->move_to = loop;
	s->moves_n++;
	s->moved_ms = t->w->now_ms;
	return true;
}
