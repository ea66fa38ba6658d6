#include "base/ablate.h"
#include "base/byteorder.h"
#include "core/core_state.h"

/* How often a message was given in vain must survive, or a message that brings down whoever gets it
 * would never be given up. So what is persistent is given again only when the log has its count:
 * the count itself, not that it rises, so that reading it twice changes nothing. */

#define COUNT_BYTES 10u /* of one entry: u64 id, u16 count */

_Static_assert(LIMIT_RUN_ROWS_MAX *COUNT_BYTES <= sizeof(((struct core *)0)->giving.row),
	       "a run of settlements is counted in the room of deliveries");

void core_attempted(struct core *c, struct queue *q, struct chunk *k, uint32_t slot,
		    struct attempts *io)
{
	struct entry *e = &k->entry[slot];
	uint16_t count = (uint16_t)min_u64(e->count + 1u, UINT16_MAX);
	must(chunk_is_given(k, slot) && io->n < LIMIT_RUN_ROWS_MAX);
	if (!(e->flags & ENTRY_PERSISTENT) || ABLATED(attempts)) {
		e->count = count;
		core_give_back(c, q, k, slot, true);
		return;
	}
	uint8_t *at = (uint8_t *)c->giving.row + io->n++ * COUNT_BYTES;
	e->flags |= ENTRY_SETTLING;
	store_le64(at, e->id);
	store_le16(at + 8, count);
}

void core_attempts_end(struct core *c, struct queue *q, const struct run *who,
		       const struct attempts *a, struct outcomes *later)
{
	struct run head = { .kind = OUTCOME_COUNT,
			    .flags = RUN_LOGGED,
			    .channel = who->channel,
			    .session = who->session,
			    .shard = c->shard,
			    .queue = q->id,
			    .arg = who->arg };
	must(a->n > 0);
	(void)outcomes_run(later, &head, NULL, 0, 0,
			   slice_of(c->giving.row, (size_t)a->n * COUNT_BYTES));
	q->is_logged = true;
}

/* In a chunk that was restored, slots before the first entry have its id, too. */
static void apply(struct core *c, struct queue *q, uint64_t id, uint16_t count)
{
	uint64_t pos = queue_find(q, id);
	struct chunk *k = queue_next_live(q, &pos);
	uint32_t slot = pos_slot(pos);
	if (!k || k->is_cold || k->entry[slot].id != id ||
	    !(k->entry[slot].flags & ENTRY_PERSISTENT))
		return;
	struct entry *e = &k->entry[slot];
	e->count = count;
	core_changed(c, q, k);
	if (!(e->flags & ENTRY_SETTLING))
		return; /* read from the log */
	e->flags &= (uint8_t)~ENTRY_SETTLING;
	core_give_back(c, q, k, slot, true);
}

bool core_count_needs(const struct queue *q, const struct run *o, struct unit_key *out)
{
	struct slice tail = run_tail(o);
	must(o->kind == OUTCOME_COUNT && q->cold_n > 0);
	for (; tail.n >= COUNT_BYTES; tail = slice_from(tail, COUNT_BYTES)) {
		const struct chunk *k = queue_cold_with(q, load_le64(tail.p));
		if (k) {
			*out = (struct unit_key){ q->id, k->number };
			return true;
		}
	}
	return false;
}

void core_apply_count(struct core *c, const struct run *o)
{
	struct queue *q = core_find_queue(c, o->queue);
	struct slice tail = run_tail(o);
	uint32_t n = 0;
	must(o->n == 0);
	if (!q)
		return;
	for (; tail.n >= COUNT_BYTES; tail = slice_from(tail, COUNT_BYTES), n++)
		apply(c, q, load_le64(tail.p), load_le16(tail.p + 8));
	core_activate(c, q);
	if (q->has->single)
		core_single_back(c, q, o, n);
}
