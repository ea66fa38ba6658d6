/* core_use -- since when nobody uses a queue that expires, and what of that is in the log.
 *
 * Private to core*.c. One shard owns it; deterministic.
 */
#ifndef CORE_CORE_USE_H
#define CORE_CORE_USE_H
#include "core/core_state.h"

/* core_use_ruled: the rules of `q` are known now, or others; is_start: the broker has begun. */
void core_use_ruled(struct core *c, struct queue *q, bool is_start);

/* core_use_log tells the log since when nobody uses `q`, or that somebody does, if its rules say
 * so. False: it knows, or will. core_apply_unused is that. */
bool core_use_log(struct core *c, struct queue *q, struct outcomes *later);
void core_apply_unused(struct core *c, const struct run *o);
#endif
