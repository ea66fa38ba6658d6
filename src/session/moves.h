/* moves -- how often a session has gone to another loop: so often in all, and not again at once.
 *
 * A session has one, on its loop. Zeroed it has not moved yet. Pure.
 */
#ifndef SESSION_MOVES_H
#define SESSION_MOVES_H
#include "base/limits.h"
#include "core/route.h"
#include "core/run.h"

struct moves {
	uint64_t last_ms;
	uint8_t n;
};

/* moves_may: the session may go once more. */
static inline bool moves_may(const struct moves *m, uint64_t now_ms)
{
	return m->n < LIMIT_SESSION_MOVES_MAX &&
	       (m->n == 0 || now_ms - m->last_ms >= LIMIT_SESSION_MOVE_REST_MS);
}

/* moves_note: it goes. */
static inline void moves_note(struct moves *m, uint64_t now_ms)
{
	must(m->n < LIMIT_SESSION_MOVES_MAX);
	m->n++;
	m->last_ms = now_ms;
}

/* moves_loop finds the loop that all queues of a route are on; false: they are on several, or there
 * are none, or it is this one. */
static inline bool moves_loop(const struct post *p, const struct route *r, uint32_t *out_loop)
{
	for (uint32_t i = 1; i < r->n; i++)
		if (p->loop_of_shard[r->to[i].shard] != p->loop_of_shard[r->to[0].shard])
			return false;
	if (r->n == 0 || p->loop_of_shard[r->to[0].shard] == p->loop)
		return false;
	*out_loop = p->loop_of_shard[r->to[0].shard];
	return true;
}
#endif
