#include "session/posting.h"

bool posting_once(struct poster *p, const struct posting *m, const struct route_to *to,
		  uint8_t flags)
{
	const uint64_t number = route_once_of(p->headers, msg_props(msg_of(m->mem)));
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
