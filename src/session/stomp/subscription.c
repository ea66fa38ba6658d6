#include "session/stomp/stomp.h"

#include "base/must.h"

struct subscription *stomp_subscription(struct stomp *s, bool has_id, struct slice id)
{
	must(id.p != NULL || id.n == 0);
	for (struct subscription *k = s->subscriptions; k; k = k->next)
		if (k->taker && k->has_id == has_id && slice_eq(stomp_sub_id(k), id))
			return k;
	return NULL;
}

void stomp_subscription_free(struct turn *t, struct subscription *own_k)
{
	struct stomp *s = t->s;
	struct subscription **at = &s->subscriptions;
	while (*at != own_k)
		at = &(*at)->next;
	*at = own_k->next;
	must(s->subscriptions_n > 0 && s->no_local_n >= own_k->is_no_local);
	s->no_local_n -= own_k->is_no_local;
	s->subscriptions_n--;
	if (s->call && s->call->sub == own_k)
		s->call->sub = NULL;
	deque_fini(&own_k->unacked, t->w->mem);
	mem_put(t->w->mem, own_k, sizeof *own_k + own_k->id_n + own_k->name_n);
}
