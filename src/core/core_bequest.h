/* core_bequest -- what a queue has left when it expires goes on before it is deleted.
 *
 * Private to core*.c. One shard owns it; deterministic.
 */
#ifndef CORE_CORE_BEQUEST_H
#define CORE_CORE_BEQUEST_H
#include "core/core_state.h"

struct queue_rules;

/* core_bequest_rules follows the rules of a queue that has some; core_bequest_forget frees it. */
void core_bequest_rules(struct core *c, struct ruled *r, const struct queue_rules *rules);
void core_bequest_forget(struct core *c, struct ruled *r);

static inline bool core_has_bequest(const struct queue *q)
{
	return q->has->ruled && q->has->ruled->bequest;
}

/* core_bequest_wait_ms: how long a queue that has one stays without use. */
uint64_t core_bequest_wait_ms(const struct queue *q);

/* core_bequest_begin: it ends when all that is left has gone on; `cmd` is answered then, NULL:
 * somebody who uses it meanwhile keeps it. core_bequest_serve goes on with that.
 * core_bequest_answer: it ends in another way. */
void core_bequest_begin(struct core *c, struct queue *q, const struct run *cmd, struct post *fx);
void core_bequest_serve(struct core *c, struct queue *q, struct post *fx);
void core_bequest_answer(const struct core *c, struct queue *q, struct post *fx);
#endif
