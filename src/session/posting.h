/* posting -- the rows of a published message, shard by shard.
 *
 * A message goes to each queue of its route by one row of CMD_PUBLISH. Consecutive messages of one
 * channel to one shard share a run. Who posts has a struct poster, on the loop's stack.
 */
#ifndef SESSION_POSTING_H
#define SESSION_POSTING_H
#include "core/route.h"
#include "msg/msg.h"
#include "session/session.h"

/* One message; one reference for each queue of the route is handed out. */
struct posting {
	uint64_t mem, seq, expiry_ms; /* expiry_ms: as in publish_row */
	uint32_t bytes;
	uint8_t flags, priority;  /* flags: MSG_..., of the message */
	bool has_priority;        /* it says one itself */
	bool is_followed, is_big; /* followed: each shard confirms it */
};

struct poster {
	struct post *post;
	uint64_t wall_ms;
	const struct header_ops *headers; /* how the messages' properties are read */
	struct run head;                  /* of the runs, but for shard and arg */
};

/* posting_wall_ms is a poster's wall_ms for messages of that route: what an exchange delays waits
 * from now on, not from the turn's beginning. */
static inline uint64_t posting_wall_ms(const struct session_world *w, const struct route *r)
{
	must(r->delays_n <= r->n);
	return r->delays_n > 0 ? session_late_ms(w) : w->wall_ms;
}

/* posting_shards_n: to how many shards a route leads. */
static inline uint32_t posting_shards_n(const struct route *r)
{
	uint32_t n = 1;
	must(r->n > 0);
	for (uint32_t i = 1; i < r->n; i++)
		n += r->to[i].shard != r->to[i - 1].shard;
	return n;
}

/* posting_row_put writes the row of one message for one queue, where it stays. */
static inline void posting_row_put(const struct poster *p, struct publish_row *at,
				   const struct posting *m, const struct route_to *to,
				   uint8_t flags, uint64_t seq_delta)
{
	must(m->mem != 0 && seq_delta <= UINT16_MAX);
	*at = (struct publish_row){
		.mem = m->mem,
		.queue = to->queue,
		.expiry_ms = m->expiry_ms,
		.bytes = m->bytes,
		.seq_delta = (uint16_t)seq_delta,
		.flags = (uint8_t)(flags | (m->is_big ? ENTRY_BIG : 0) |
				   (m->has_priority ? ENTRY_RANKED : 0)),
		.priority = m->priority,
	};
	if (route_to_row(to, p->wall_ms, m->flags & MSG_PERSISTENT, at))
		at->expiry_ms = route_tag_of(p->headers, msg_props(msg_of(m->mem)));
}

/* posting_run gives the run for a row of sequence `seq` to p->head.shard. */
static inline struct run *posting_run(struct poster *p, uint32_t loop, uint64_t seq)
{
	const uint32_t row_bytes = sizeof(struct publish_row);
	struct run *r = post_last(p->post, loop, row_bytes);
	if (r && run_same(r, &p->head) && seq - r->arg <= UINT16_MAX)
		return r;
	p->head.arg = seq;
	return post_run(p->post, loop, &p->head, NULL, row_bytes, 0, SLICE_EMPTY);
}

/* posting_once posts the row of a message to a queue with QUEUE_ONCE: alone in its run, behind
 * which stands the number of the message. False: it has none, so its row is like all others. */
bool posting_once(struct poster *p, const struct posting *m, const struct route_to *to,
		  uint8_t flags);

/* posting_one puts the row of one message for one queue; `flags`: ENTRY_..., of the row. */
static inline void posting_one(struct poster *p, const struct posting *m, const struct route_to *to,
			       uint8_t flags)
{
	const uint32_t loop = p->post->loop_of_shard[to->shard];
	p->head.shard = to->shard;
	must(to->shard > 0);
	if (to->flags & QUEUE_ONCE && posting_once(p, m, to, flags))
		return;
	struct run *r = posting_run(p, loop, m->seq);
	posting_row_put(p, post_row(p->post, loop, r, sizeof(struct publish_row)), m, to, flags,
			m->seq - r->arg);
}

/* posting_put puts the rows of one message for `n` queues of one shard. */
static inline void posting_put(struct poster *p, const struct posting *m, const struct route_to *to,
			       uint32_t n)
{
	must(n > 0 && to[n - 1].shard == to->shard);
	for (uint32_t i = 0; i < n; i++)
		posting_one(p, m, &to[i],
			    (uint8_t)((i > 0 ? ENTRY_SAME : 0) |
				      (i + 1 == n && m->is_followed ? ENTRY_CONFIRM : 0)));
}

/* posting_messages puts the rows of consecutive messages with one route: all to the first shard,
 * then all to the next, and there queue by queue if nobody waits to hear of them. */
void posting_messages(struct poster *p, const struct posting *m, uint32_t messages_n,
		      const struct route *r);

/* posting_part gives where the queues of the shard of r->to[at] end. */
static inline uint32_t posting_part(const struct route *r, uint32_t at)
{
	uint32_t end = at + 1;
	must(at < r->n);
	while (end < r->n && r->to[end].shard == r->to[at].shard)
		end++;
	return end;
}
#endif
