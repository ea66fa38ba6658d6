/* core_mark -- give marks: up to where the log knows that entries may have been given.
 *
 * Private to core*.c. A persistent entry is given only below its queue's mark, so that after a
 * crash it is redelivered, and says so. Marks run ahead of what is given.
 */
#ifndef CORE_CORE_MARK_H
#define CORE_CORE_MARK_H
#include "core/core_state.h"

/* core_apply_mark moves the mark; core_ask_mark asks the log to let entries up to some distance
 * beyond `id`, which lies at `pos`, be given. */
void core_apply_mark(struct core *c, const struct run *o);
void core_ask_mark(struct core *c, struct queue *q, uint64_t id, uint64_t pos,
		   struct outcomes *later);

/* core_is_marked: may this entry be given? If the log does not know that it may have been, it is
 * asked first. */
static inline bool core_is_marked(struct core *c, struct queue *q, const struct entry *e,
				  uint64_t pos, struct outcomes *later)
{
	if (!(e->flags & ENTRY_PERSISTENT))
		return true;
	if (e->id >= q->mark_at)
		core_ask_mark(c, q, e->id, pos, later);
	return e->id <= q->mark;
}
#endif
