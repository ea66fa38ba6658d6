#include "session/stomp/stomp.h"

#include "base/must.h"

/* Subscriptions to topics that want nothing of what their own connection sends: that does not go to
 * their queues. */

static bool wants_nothing_local(const struct stomp *s, uint64_t queue)
{
	must(s->no_local_n > 0);
	for (const struct subscription *k = s->subscriptions; k; k = k->next)
		if (k->is_no_local && k->queue == queue)
			return true;
	return false;
}

struct slice stomp_amq_less(struct turn *t, const struct route_hit *hit, struct route *route,
			    struct route_hit *out)
{
	const struct route *r = hit->route;
	const size_t bytes = r->n * sizeof *r->to;
	must(r->n > 0);
	*route = *r;
	*out = *hit;
	out->route = route;
	route->n = 0;
	route->to = mem_get(t->w->mem, bytes, "route");
	must(route->to != NULL);
	for (uint32_t i = 0; i < r->n; i++)
		if (!wants_nothing_local(t->s, r->to[i].queue))
			route->to[route->n++] = r->to[i];
	return slice_of(route->to, bytes);
}
