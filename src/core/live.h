/* live -- a walk over the stored messages that entries of a shard still need.
 *
 * For the journal's accounting after a restore, and for moving what lives in a segment that is
 * nearly empty. The loop that owns the shard calls it; queues may change between two steps: what is
 * added behind the walk is not seen, what is gone is not given.
 */
#ifndef CORE_LIVE_H
#define CORE_LIVE_H
#include "core/core.h"

struct live_walk {
	uint64_t queue, pos;         /* where to go on; both 0: at the beginning */
};

struct live {
	uint64_t queue, id, loc;
	uint32_t bytes, flags;       /* ENTRY_... */
};

/* core_live_next finds the next persistent entry whose message lies in `segment` (0: in any),
 * looking at no more than *io_budget entries or so, which it lowers. True: *out is one. False with
 * *io_budget > 0: there is no more; with 0: call again with a new budget. */
bool core_live_next(struct core *c, struct live_walk *w, uint32_t segment, uint32_t *io_budget,
		    struct live *out);
#endif
