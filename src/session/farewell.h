/* farewell -- how a session ends: it gives back what it held, and only when the shards have
 * answered it has its last word; who reads that finds the world as it is without him.
 *
 *   step 0  consumers are asked to end, all that is held is released, and so is what still comes;
 *           until each consumer's shard has answered, behind the last it gave
 *   step 1  each shard that got something back is asked for a queue's state, whose answer comes
 *           behind it; shard 0 deletes the connection's exclusive queues
 *   over
 */
#ifndef SESSION_FAREWELL_H
#define SESSION_FAREWELL_H
#include "session/ask.h"

struct farewell {
	uint32_t answers_n; /* still to come */
	uint32_t ticket;    /* answers of step 1 count from this on */
	uint64_t *queue;    /* by shard: one that got something back; NULL: not in step 0 */
	bool is_begun, is_over;
};

/* farewell_begin begins; the caller then asks each consumer to end (farewell_await for each) and
 * settles what it held (farewell_released for each), and calls farewell_go. */
void farewell_begin(struct farewell *f, struct session_world *w);
void farewell_await(struct farewell *f);
void farewell_released(struct farewell *f, uint16_t shard, uint64_t queue);

/* farewell_go goes on if nothing more is awaited. farewell_answered takes an FX_REPLY meanwhile.
 * With `owns_queues` the connection's exclusive queues go. is_over: there is nothing left. */
void farewell_go(struct farewell *f, struct session_world *w, struct asker *a, bool owns_queues);
void farewell_answered(struct farewell *f, struct session_world *w, struct asker *a,
		       const struct run *fx, bool owns_queues);

/* farewell_fini gives its memory back, also in the middle. */
void farewell_fini(struct farewell *f, struct mem *mem);
#endif
