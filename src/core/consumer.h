/* consumer -- who takes messages from a queue, and how many more it may be given.
 *
 * A shard owns its consumers; they are volatile. One is known by queue, session, channel and the
 * number that the session gave it. It stands in its queue's ring `able` while it has credit, else
 * in `idle`; messages go round the ring one at a time. The ring is in the order of priorities, the
 * highest first, and turns among equals.
 *
 * Credit is messages and bytes. A message is given while both are above 0 and may take the bytes
 * below, so that one larger than the whole credit passes too.
 */
#ifndef CORE_CONSUMER_H
#define CORE_CONSUMER_H
#include "base/map.h"
#include "base/pool.h"
#include "core/queue.h"
#include "core/run.h"

/* Where a consumer of a stream is, and what it wants of what it finds (core_stream_give.c). What it
 * was given and has not settled lies in two stretches of offsets, from `from` to before `middle`
 * and from there to before `next`: when all of the older is settled, the newer takes its place. */
struct reader {
	uint64_t next;     /* offset */
	uint64_t since_ms; /* nothing older; 0: whatever there is */
	uint64_t from, middle;
	uint32_t older_n, newer_n; /* not settled; no newer ones without older ones */
	uint32_t tags_n;           /* filter values; 0: everything */
	bool has_unfiltered;
	uint32_t tags[];
};

struct consumer {
	struct list_node node; /* in queue->able or queue->idle */
	int64_t priority;
	struct queue *queue;
	struct reader *reader; /* of a stream; it goes with the consumer */
	uint64_t session, arg;
	int64_t messages, bytes; /* credit; CONSUMER_NO_LIMIT */
	struct consumer *next_of_session, *prev_of_session;
	struct consumer *next_of_key;
	uint64_t given, given_bytes, settled; /* counters */
	uint64_t group_cursor; /* core_group.c: nothing of its groups is ready before */
	uint32_t groups_n;
	uint32_t batch_last; /* core_give: its last row; BATCH_NONE: none */
	uint16_t channel;
	uint8_t flags;    /* SUBSCRIBE_... */
	uint8_t selector; /* which of the queue's, from 1 on; 0: none (core_select.c) */
	bool is_able;
	bool is_waiting;   /* another one is the queue's single active consumer: no credit helps */
	bool is_shed_told; /* it knows that messages of its queue were dropped (FX_SHED) */
	bool has_twin;     /* one of the queue's on the same channel: what they get has one order */
};

/* What the selectors of a shard share (core_select.c). */
struct selects {
	const struct header_ops *(*views)(uint8_t encoding);
	struct list late;    /* struct selecting: there is more to look at */
	struct list full;    /* likewise: more to read, when there is less under way */
	struct list grouped; /* struct grouping: there is more to go through */
	struct deque wants;  /* struct core_look */
	uint64_t gen;        /* of the newest queue that has some */
	uint64_t reading;    /* steps that what is being read will cost */
	uint32_t steps;      /* of looking, that this turn has left */
};

#define CONSUMER_NO_LIMIT INT64_MAX

struct consumers {
	struct mem *mem;
	struct pool pool;
	struct map by_key;     /* hash -> chain by next_of_key */
	struct map by_session; /* session -> list by next_of_session */
};

/* consumers_init: nobody. */
void consumers_init(struct consumers *cs, struct mem *mem);
/* consumers_fini gives everything back; the queues' lists are dead then. */
void consumers_fini(struct consumers *cs);

/* consumer_add makes the consumer that the run `who` names (session, channel, arg, flags), without
 * credit. NULL: no memory. There must be no such consumer yet. */
struct consumer *consumer_add(struct consumers *cs, struct queue *q, const struct run *who);
void consumer_remove(struct consumers *cs, struct consumer *own_s);

/* consumer_find: NULL if there is none. consumer_of_session: any one of a session's; NULL: none. */
struct consumer *consumer_find(const struct consumers *cs, const struct queue *q,
			       const struct run *who);
struct consumer *consumer_of_session(const struct consumers *cs, uint64_t session);

/* consumer_earn adds credit (CREDIT_NO_LIMIT: no limit from now on). True: it can take again. */
bool consumer_earn(struct consumer *s, uint32_t messages, uint32_t bytes);

/* consumer_settled gives back what `messages` settled ones of `bytes` in all had cost. True: it
 * can take again. */
bool consumer_settled(struct consumer *s, uint32_t messages, uint64_t bytes);

/* consumer_wait makes one wait, whatever its credit, or ends that. True: it can take again. */
bool consumer_wait(struct consumer *s, bool is_waiting);

/* consumer_rank puts a consumer that is in no list into a ring, behind its equals. */
void consumer_rank(struct list *able, struct consumer *s);

/* consumer_line_up is consumer_rank, quick where most are equals. */
static inline void consumer_line_up(struct list *able, struct consumer *s)
{
	const struct list_node *last = able->head.prev;
	if (last == &able->head ||
	    containerof(last, struct consumer, node)->priority >= s->priority)
		list_push(able, &s->node);
	else
		consumer_rank(able, s);
}

/* consumer_spend takes one message's credit; the consumer goes to the ring's end, or to idle. */
static inline void consumer_spend(struct consumer *s, uint32_t bytes)
{
	must(s->is_able && s->messages > 0 && s->bytes > 0);
	s->messages -= s->messages != CONSUMER_NO_LIMIT;
	if (s->bytes != CONSUMER_NO_LIMIT)
		s->bytes -= bytes;
	s->given++;
	s->given_bytes += bytes;
	s->is_able = s->messages > 0 && s->bytes > 0;
	if (s->is_able && s->node.next == s->node.prev)
		return; /* alone in the ring */
	list_remove(&s->node);
	if (s->is_able)
		consumer_line_up(&s->queue->able, s);
	else
		list_push(&s->queue->idle, &s->node);
}

void consumers_check(const struct consumers *cs); /* must()s every invariant */
#endif
