/* core_mark -- give marks: up to where the log knows that entries may have been given.
 *
 * Private to core*.c. A persistent entry is given only below its queue's mark, so that after a
 * crash it is redelivered, and says so. Marks run ahead of what is given.
 */
#ifndef CORE_CORE_MARK_H
#define CORE_CORE_MARK_H
#include "core/core_state.h"

/* core_apply_mark moves the mark; core_ask_mark asks the log to let entries up to some distance
 * beyond `id`, which lies at `pos`, be given. That distance is LIMIT_GIVE_MARK_AHEAD, and twice as
 * much each time that giving has come to a mark before the log knew of the next one, up to
 * LIMIT_GIVE_MARK_AHEAD_MAX, until the queue's end is near: who reads a backlog back as fast as the
 * disk can does not wait for its syncs. */
void core_apply_mark(struct core *c, const struct run *o);
void core_ask_mark(struct core *c, struct queue *q, uint64_t id, uint64_t pos,
		   struct outcomes *later);

/* core_mark_reaches is the part of core_is_marked that is not taken for each entry. */
bool core_mark_reaches(struct core *c, struct queue *q, const struct entry *e, uint64_t pos,
		       struct outcomes *later);

/* core_is_marked: may this entry be given? If the log does not know that it may have been, it is
 * asked first. */
static inline bool core_is_marked(struct core *c, struct queue *q, const struct entry *e,
				  uint64_t pos, struct outcomes *later)
{
	if (!(e->flags & ENTRY_PERSISTENT))
		return true;
	if (e->id <= q->mark && e->id < q->mark_at)
		return true;
	return core_mark_reaches(c, q, e, pos, later);
}
#endif
