#include "session/posting.h"

#include "base/bits.h"

bool posting_once(struct poster *p, const struct posting *m, const struct route_to *to,
		  uint8_t flags)
{
	const uint64_t number = route_once_of(p->headers, msg_props(msg_of(m->mem)), to->flags);
	struct publish_row row;
	must(to->flags & QUEUE_ONCE);
	if (!number)
		return false;
	posting_row_put(p, &row, m, to, flags, 0);
	p->head.arg = m->seq;
	(void)post_run(p->post, p->post->loop_of_shard[to->shard], &p->head, &row, sizeof row, 1,
		       slice_of(&number, sizeof number));
	return true;
}

/* The rows of many messages for one queue. */
static void put_column(struct poster *p, const struct posting *m, uint32_t messages_n,
		       const struct route_to *to)
{
	const uint32_t row_bytes = sizeof(struct publish_row);
	uint32_t loop = p->post->loop_of_shard[p->head.shard];
	for (uint32_t at = 0, n; at < messages_n; at += n) {
		struct run *r = posting_run(p, loop, m[at].seq);
		n = (uint32_t)min_u64(messages_n - at, post_fits(p->post, loop, r, row_bytes));
		struct publish_row *row = post_rows(p->post, loop, r, row_bytes, n);
		must(n > 0);
		for (uint32_t i = 0; i < n; i++)
			posting_row_put(p, &row[i], &m[at + i], to, 0, m[at + i].seq - r->arg);
	}
}

/* The rows of many messages, queue by queue: what lies side by side here is added in one step
 * there. Only if nobody waits to hear of them, and no record shares what they have in common. */
static void put_columns(struct poster *p, const struct posting *m, uint32_t messages_n,
			const struct route_to *to, uint32_t n)
{
	p->head.shard = to->shard;
	must(n > 0 && messages_n > 1);
	for (uint32_t i = 0; i < n; i++) {
		bool is_once = to[i].flags & QUEUE_ONCE;
		for (uint32_t j = 0; is_once && j < messages_n; j++)
			posting_one(p, &m[j], &to[i], 0);
		if (!is_once)
			put_column(p, m, messages_n, &to[i]);
	}
}

static bool are_plain(const struct posting *m, uint32_t n, const struct route *r)
{
	must(n > 0);
	if (r->kept_n > 0 || r->delays_n > 0)
		return false;
	for (uint32_t i = 0; i < n; i++)
		if (m[i].is_followed || m[i].is_big || m[i].flags & MSG_PERSISTENT)
			return false;
	return true;
}

void posting_messages(struct poster *p, const struct posting *m, uint32_t messages_n,
		      const struct route *r)
{
	const bool is_plain = messages_n > 1 && are_plain(m, messages_n, r);
	for (uint32_t at = 0, end; at < r->n; at = end) {
		end = posting_part(r, at);
		if (is_plain) {
			put_columns(p, m, messages_n, &r->to[at], end - at);
			continue;
		}
		for (uint32_t i = 0; i < messages_n; i++)
			posting_put(p, &m[i], &r->to[at], end - at);
	}
}
