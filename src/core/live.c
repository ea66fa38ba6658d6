#include "core/live.h"

#include "core/core_state.h"

static bool spend(uint32_t *io_budget, uint32_t n)
{
	*io_budget = *io_budget > n ? *io_budget - n : 0;
	return *io_budget > 0;
}

static bool is_wanted(const struct chunk *k, uint32_t slot, uint32_t segment)
{
	const struct entry *e = &k->entry[slot];
	uint64_t loc = k->loc[slot];
	return (e->flags & ENTRY_PERSISTENT) && !(e->flags & ENTRY_SPILLED) && loc != 0 &&
	       (segment == 0 || loc >> 32 == segment);
}

/* The next wanted entry of `q` at or after w->pos; w->pos is behind it then. */
static bool next_in_queue(const struct queue *q, struct live_walk *w, uint32_t segment,
			  uint32_t *io_budget, struct live *out)
{
	struct chunk *k;
	while (*io_budget > 0 && (k = queue_next_live(q, &w->pos)) != NULL) {
		uint32_t slot = pos_slot(w->pos);
		w->pos++;
		spend(io_budget, 1);
		if (!is_wanted(k, slot, segment))
			continue;
		*out = (struct live){ .queue = q->id, .id = k->entry[slot].id, .loc = k->loc[slot],
				      .bytes = k->entry[slot].bytes, .flags = k->entry[slot].flags };
		return true;
	}
	return false;
}

bool core_live_next(struct core *c, struct live_walk *w, uint32_t segment, uint32_t *io_budget,
		    struct live *out)
{
	must(*io_budget > 0);
	for (;;) {
		const struct queue *q = w->queue ? core_find_queue(c, w->queue) : NULL;
		if (q && next_in_queue(q, w, segment, io_budget, out))
			return true;
		if (*io_budget == 0)
			return false;
		w->queue = core_queue_next(c, w->queue);
		w->pos = 0;
		if (w->queue == 0)
			return false;
		if (!spend(io_budget, 1))
			return false;
	}
}
