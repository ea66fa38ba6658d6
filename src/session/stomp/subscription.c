#include "session/stomp/stomp.h"

#include "base/must.h"

struct subscription *stomp_subscription(struct stomp *s, bool has_id, struct slice id)
{
	must(id.p != NULL || id.n == 0);
	for (struct subscription *k = s->subscriptions; k; k = k->next)
		if ((k->taker || k->is_browser) && k->has_id == has_id &&
		    slice_eq(stomp_sub_id(k), id))
			return k;
	return NULL;
}

static void put_words(struct subscription *k, size_t *io_at, struct slice words, uint8_t *out_n)
{
	must(words.n <= LIMIT_SHORTSTR);
	if (words.n)
		memcpy(k->words + *io_at, words.p, words.n);
	*io_at += words.n;
	*out_n = (uint8_t)words.n;
}

struct subscription *stomp_subscription_new(struct turn *t, const struct subscribing *what,
					    const struct queue_record *q)
{
	struct stomp *s = t->s;
	const struct slice name = queue_record_name(q);
	struct subscription *k = mem_get(t->w->mem, sizeof *k + what->id.n + name.n + what->wish.n,
					 "subscription");
	size_t at = 0;
	must(k && what->made > 0);
	*k = (struct subscription){ .next = s->subscriptions,
				    .queue = q->id,
				    .made = what->made,
				    .shard = q->shard,
				    .ack = what->ack,
				    .has_id = what->has_id,
				    .is_no_local = what->is_no_local,
				    .is_browser = what->is_browser,
				    .is_stream = q->flags & QUEUE_APPENDS };
	deque_init(&k->unacked, sizeof(struct unacked), "messages a client has");
	put_words(k, &at, what->id, &k->id_n);
	put_words(k, &at, name, &k->name_n);
	put_words(k, &at, what->wish, &k->wish_n);
	s->subscriptions = k;
	s->subscriptions_n++;
	s->no_local_n += k->is_no_local;
	return k;
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
	stomp_front_free(t, own_k);
	mem_put(t->w->mem, own_k, sizeof *own_k + own_k->id_n + own_k->name_n + own_k->wish_n);
}
