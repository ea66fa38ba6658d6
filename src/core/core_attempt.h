/* core_attempt -- how often messages came back, in queues that count it: attempts that have failed,
 * and others.
 *
 * Private to core*.c, the shard's. What is persistent is ready again when the log has its count;
 * the rest is at once.
 */
#ifndef CORE_CORE_ATTEMPT_H
#define CORE_CORE_ATTEMPT_H
#include "core/core_state.h"

struct attempts {
	uint32_t failed_n, returned_n; /* entries whose count is on its way into the log */
};

/* core_attempted counts one attempt at an entry that was given; is_failure: it counts towards the
 * delivery limit. core_attempts_end sends counts to the log; core_apply_back is OUTCOME_COUNT and
 * OUTCOME_RETURN. core_attempts_forget: nobody waits for counts of this queue any more. */
void core_attempted(struct core *c, struct queue *q, struct chunk *k, uint32_t slot,
		    bool is_failure, struct attempts *io);
void core_attempts_end(struct core *c, struct queue *q, const struct run *who,
		       const struct attempts *a, struct outcomes *later);
void core_apply_back(struct core *c, const struct run *o);
void core_attempts_forget(struct core *c, struct queue *q);
/* core_back_needs, as core_needs. */
bool core_back_needs(const struct queue *q, const struct run *o, struct unit_key *out);

/* core_returned says that an entry came back so often, and had not failed. core_returned_drop
 * forgets that of all of a chunk, in which no such entry lives. */
void core_returned(struct core *c, struct chunk *k, uint32_t slot, uint16_t n);
void core_returned_drop(struct core *c, struct chunk *k);
#endif
