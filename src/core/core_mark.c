#include "core/core_mark.h"

/* Give marks run ahead of what is given: by whole chunks through a backlog, by records where the
 * queue ends, because ids of what comes next are known only by their record. */
#define MARK_CHUNKS  ((uint64_t)LIMIT_GIVE_MARK_AHEAD / LIMIT_CHUNK_ENTRIES)
#define MARK_RECORDS 64u

_Static_assert(LIMIT_GIVE_MARK_AHEAD % LIMIT_CHUNK_ENTRIES == 0, "the mark moves by chunks");

/* How many chunks the next mark is ahead. */
static uint64_t chunks_ahead(struct queue *q)
{
	const bool is_most = LIMIT_GIVE_MARK_AHEAD << q->mark_doublings >=
			     LIMIT_GIVE_MARK_AHEAD_MAX;
	must(q->mark_at != UINT64_MAX);
	if (q->is_mark_late && !is_most)
		q->mark_doublings++;
	q->is_mark_late = false;
	return MARK_CHUNKS << q->mark_doublings;
}

void core_ask_mark(struct core *c, struct queue *q, uint64_t id, uint64_t pos,
		   struct outcomes *later)
{
	const uint64_t chunks = chunks_ahead(q);
	uint64_t ahead = queue_id_ahead(q, pos_chunk(pos) + chunks);
	uint64_t half = queue_id_ahead(q, pos_chunk(pos) + chunks / 2);
	if (!ahead) {
		q->mark_doublings = 0;
		uint64_t base = max_u64(max_u64(id, q->last_id), c->index << 16);
		ahead = base + ((uint64_t)MARK_RECORDS << 16);
		half = base + ((uint64_t)MARK_RECORDS / 2 << 16);
	}
	struct run head = { .kind = OUTCOME_GIVE_MARK,
			    .flags = RUN_LOGGED,
			    .shard = c->shard,
			    .queue = q->id,
			    .arg = ahead };
	must(ahead >= id);
	(void)outcomes_run(later, &head, NULL, 0, 0, SLICE_EMPTY);
	q->mark_at = UINT64_MAX;
	q->mark_next_at = half ? half : ahead;
	q->is_logged = true;
}

bool core_mark_reaches(struct core *c, struct queue *q, const struct entry *e, uint64_t pos,
		       struct outcomes *later)
{
	const bool is_asked = q->mark_at == UINT64_MAX;
	must(e->flags & ENTRY_PERSISTENT);
	if (!is_asked && e->id >= q->mark_at)
		core_ask_mark(c, q, e->id, pos, later);
	const bool is_reached = e->id <= q->mark;
	q->is_mark_late |= is_asked && !is_reached;
	return is_reached;
}

void core_apply_mark(struct core *c, const struct run *o)
{
	struct queue *q = core_find_queue(c, o->queue);
	if (!q)
		q = core_make_queue(c, o->queue, QUEUE_DURABLE);
	must(q && o->n == 0);
	q->mark = max_u64(q->mark, o->arg);
	q->mark_at = q->mark_next_at;
	core_changed(c, q, NULL);
	core_activate(c, q);
}
