#include "session/mqtt/mqtt.h"

#include "base/must.h"

/* A conversation goes to the loop of the queues that it publishes to, if that is one loop: then
 * nothing of its messages crosses threads. */

/* Nothing may be under way: not even a publish that nobody waits for, which could be overtaken. */
static bool is_quiet(const struct mqtt *s)
{
	must(s->phase == PHASE_RUNNING);
	return !s->call && !s->calling && !s->large && !s->is_durable && !s->owns_queue &&
	       !s->is_end_wanted && receiver_is_idle(&s->receiver) && s->more->flights.n == 0 &&
	       s->publisher.window.n == 0 && s->publisher.silent_bytes == 0;
}

bool mqtt_wants_move(struct turn *t, const struct route *r)
{
	struct mqtt *s = t->s;
	uint32_t loop;
	must(r->n > 0);
	if (s->phase != PHASE_RUNNING || !moves_loop(t->w->post, r, &loop) ||
	    !moves_may(&s->moves, t->w->now_ms) || !is_quiet(s))
		return false;
	publisher_forget_routes(&s->publisher);
	t->hit = NULL;
	t->route_n = 0;
	t->is_moving = true;
	t->move_to = loop;
	moves_note(&s->moves, t->w->now_ms);
	return true;
}
