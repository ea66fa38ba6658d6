/* core_shed -- who hears that a queue has dropped messages because too much is ready in it (rule
 * passing_bytes): its consumers, once each, or if it has none the node (core_shed_take).
 */
#ifndef CORE_CORE_SHED_H
#define CORE_CORE_SHED_H
#include "core/core_state.h"

/* core_shed_init: no queue of a new core has shed any.
 * core_shed: `n` messages were not taken by `q`. core_shed_forget: it goes, or is as if it had not
 * shed any. */
void core_shed_init(struct core *c);
void core_shed(struct core *c, struct queue *q, uint32_t n, struct post *fx);
void core_shed_forget(struct core *c, struct queue *q);
/* core_shed_due: a minute is over since the node was told. */
void core_shed_due(struct core *c);
#endif
