#include "core/consumer.h"

#include "base/hash.h"

#define SLAB_BYTES 8192u
#define SEED       0x436f6e73756d6572u /* any: keys are our own numbers */
#define FEW        16u                 /* consumers of a queue that are looked through one by one */

void consumers_init(struct consumers *cs, struct mem *mem)
{
	must(mem != NULL);
	*cs = (struct consumers){ .mem = mem };
	pool_init(&cs->pool, sizeof(struct consumer), _Alignof(struct consumer));
	map_init(&cs->by_key, NULL, 0, SEED);
	map_init(&cs->by_session, NULL, 0, SEED);
}

void consumers_fini(struct consumers *cs)
{
	must(cs->mem != NULL);
	map_fini(&cs->by_key, cs->mem);
	map_fini(&cs->by_session, cs->mem);
	pool_fini(&cs->pool, cs->mem);
}

static uint64_t key_of(const struct queue *q, const struct run *who)
{
	uint64_t h = hash_u64(who->session, q->id);
	return hash_u64(who->arg, h + who->channel) >> 1; /* never MAP_KEY_NONE */
}

static bool is_named(const struct consumer *s, const struct queue *q, const struct run *who)
{
	return s->queue == q && s->session == who->session && s->channel == who->channel &&
	       s->arg == who->arg;
}

static struct consumer *map_first(const struct map *m, uint64_t key)
{
	uint64_t first = 0;
	(void)map_get(m, key, &first);
	return (struct consumer *)(uintptr_t)first;
}

static void map_first_set(struct map *m, uint64_t key, const struct consumer *s)
{
	if (s)
		map_put(m, key, (uint64_t)(uintptr_t)s);
	else
		(void)map_del(m, key, NULL);
}

static enum err make_room(struct consumers *cs)
{
	TRY(map_make_room(&cs->by_key, cs->mem, "consumers by key"));
	TRY(map_make_room(&cs->by_session, cs->mem, "consumers by session"));
	return pool_make_room(&cs->pool, cs->mem, SLAB_BYTES, "consumers");
}

static bool is_twin(struct consumer *s, struct consumer *one)
{
	must(s != one);
	if (one->queue != s->queue || one->session != s->session || one->channel != s->channel)
		return false;
	s->has_twin = one->has_twin = true; /* further ones know already */
	return true;
}

static bool has_twin_in(const struct list *l, struct consumer *s)
{
	must(!s->has_twin);
	LIST_EACH (l, n)
		if (is_twin(s, containerof(n, struct consumer, node)))
			return true;
	return false;
}

/* Among the few of the queue, or among those of the session. A twin that goes is not missed. */
static void find_twins(struct consumer *s)
{
	struct queue *q = s->queue;
	struct consumer *one = q->consumers_n > FEW ? s->next_of_session : NULL;
	must(!list_has_node(&s->node));
	if (q->consumers_n <= FEW && !has_twin_in(&q->able, s))
		(void)has_twin_in(&q->idle, s);
	while (one && !is_twin(s, one))
		one = one->next_of_session;
}

struct consumer *consumer_add(struct consumers *cs, struct queue *q, const struct run *who)
{
	must(!consumer_find(cs, q, who));
	if (make_room(cs) != ERR_OK)
		return NULL;
	struct consumer *s = pool_take(&cs->pool);
	uint64_t key = key_of(q, who);
	*s = (struct consumer){
		.queue = q,
		.session = who->session,
		.arg = who->arg,
		.channel = who->channel,
		.flags = who->flags,
		.batch_last = BATCH_NONE,
		.next_of_key = map_first(&cs->by_key, key),
		.next_of_session = map_first(&cs->by_session, who->session),
	};
	if (s->next_of_session)
		s->next_of_session->prev_of_session = s;
	find_twins(s);
	map_first_set(&cs->by_key, key, s);
	map_first_set(&cs->by_session, who->session, s);
	list_push(&q->idle, &s->node);
	q->consumers_n++;
	return s;
}

static void unchain(struct consumers *cs, struct consumer *s)
{
	struct run who = { .session = s->session, .channel = s->channel, .arg = s->arg };
	uint64_t key = key_of(s->queue, &who);
	struct consumer *at = map_first(&cs->by_key, key);
	must(at != NULL);
	if (at == s) {
		map_first_set(&cs->by_key, key, s->next_of_key);
		return;
	}
	while (at->next_of_key != s)
		at = at->next_of_key;
	at->next_of_key = s->next_of_key;
}

void consumer_remove(struct consumers *cs, struct consumer *own_s)
{
	struct consumer *s = own_s;
	must(s->queue->consumers_n > 0);
	unchain(cs, s);
	if (s->next_of_session)
		s->next_of_session->prev_of_session = s->prev_of_session;
	if (s->prev_of_session)
		s->prev_of_session->next_of_session = s->next_of_session;
	else
		map_first_set(&cs->by_session, s->session, s->next_of_session);
	list_remove(&s->node);
	s->queue->consumers_n--;
	if (s->reader)
		mem_put(cs->mem, s->reader,
			sizeof *s->reader + s->reader->tags_n * sizeof s->reader->tags[0]);
	pool_put(&cs->pool, s);
}

struct consumer *consumer_find(const struct consumers *cs, const struct queue *q,
			       const struct run *who)
{
	struct consumer *s = map_first(&cs->by_key, key_of(q, who));
	while (s && !is_named(s, q, who))
		s = s->next_of_key;
	return s;
}

struct consumer *consumer_of_session(const struct consumers *cs, uint64_t session)
{
	struct consumer *s = map_first(&cs->by_session, session);
	must(!s || (s->session == session && !s->prev_of_session));
	return s;
}

/* ready_again moves the consumer into the ring if it has credit and is not there. */
static bool ready_again(struct consumer *s)
{
	if (s->is_able || s->is_waiting || s->messages <= 0 || s->bytes <= 0)
		return false;
	s->is_able = true;
	list_remove(&s->node);
	consumer_line_up(&s->queue->able, s);
	return true;
}

void consumer_rank(struct list *able, struct consumer *s)
{
	struct list_node *at = list_first(able);
	while (at && containerof(at, struct consumer, node)->priority >= s->priority)
		at = list_next(able, at);
	must(at != NULL); /* else it would have been pushed */
	list_insert_before(at, &s->node);
}

bool consumer_wait(struct consumer *s, bool is_waiting)
{
	must(s->is_waiting != is_waiting);
	s->is_waiting = is_waiting;
	if (!is_waiting)
		return ready_again(s);
	if (s->is_able) {
		s->is_able = false;
		list_remove(&s->node);
		list_push(&s->queue->idle, &s->node);
	}
	return false;
}

/* Credit beyond what can be counted is no limit either. */
static int64_t sum(int64_t credit, uint64_t more)
{
	must(more < INT64_MAX);
	if (credit > 0 && credit >= CONSUMER_NO_LIMIT - (int64_t)more)
		return CONSUMER_NO_LIMIT;
	return credit + (int64_t)more;
}

bool consumer_earn(struct consumer *s, uint32_t messages, uint32_t bytes)
{
	must(s->queue != NULL);
	s->messages = messages == CREDIT_NO_LIMIT ? CONSUMER_NO_LIMIT : sum(s->messages, messages);
	s->bytes = bytes == CREDIT_NO_LIMIT ? CONSUMER_NO_LIMIT : sum(s->bytes, bytes);
	return ready_again(s);
}

bool consumer_settled(struct consumer *s, uint32_t messages, uint64_t bytes)
{
	must(s->queue != NULL);
	s->settled += messages;
	s->messages = sum(s->messages, messages);
	s->bytes = sum(s->bytes, bytes);
	return ready_again(s);
}

void consumers_check(const struct consumers *cs)
{
	size_t cursor = 0, by_key_n = 0, by_session_n = 0;
	for (struct map_slot *m; (m = map_next(&cs->by_session, &cursor)) != NULL;)
		for (const struct consumer *s = map_first(&cs->by_session, m->key); s;
		     s = s->next_of_session, by_session_n++) {
			must(s->session == m->key && s->batch_last == BATCH_NONE);
			must(s->is_able == (!s->is_waiting && s->messages > 0 && s->bytes > 0));
			must(list_has_node(&s->node));
			must(!s->reader || s->reader->older_n > 0 || s->reader->newer_n == 0);
		}
	cursor = 0;
	for (struct map_slot *m; (m = map_next(&cs->by_key, &cursor)) != NULL;)
		for (const struct consumer *s = map_first(&cs->by_key, m->key); s;
		     s = s->next_of_key)
			by_key_n++;
	must(by_key_n == cs->pool.used_n && by_session_n == cs->pool.used_n);
}
