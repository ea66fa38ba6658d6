#include "core/core_state.h"

/* What came since the last time, stays in the queue and is in the journal too, stays in memory only
 * as far as the cache reaches: the newest goes first. */
void core_cache_trim(struct core *c, struct queue *q)
{
	struct refs gone = { 0 };
	uint64_t pos = q->tail_pos, low = q->fresh_pos;
	q->fresh_pos = q->tail_pos;
	while (core_cache_is_full(c, q) && pos > low) {
		struct chunk *k = queue_chunk(q, pos_chunk(--pos));
		if (!k || k->is_cold) {
			pos = pos_of(pos_chunk(pos), 0);
			continue;
		}
		uint32_t slot = pos_slot(pos);
		struct entry *e = &k->entry[slot];
		if (!bits_test(k->live, slot) || !e->mem || !(e->flags & ENTRY_PERSISTENT))
			continue;
		must(k->loc[slot] != 0);
		refs_drop(&gone, core_unmem(c, q, e));
	}
	refs_unref(&gone);
}
