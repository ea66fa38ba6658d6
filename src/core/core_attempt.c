#include "core/core_attempt.h"

#include "base/ablate.h"
#include "base/byteorder.h"

/* How often a message was given in vain must survive, or a message that brings down whoever gets it
 * would never be given up. So what is persistent is given again only when the log has its count:
 * the count itself, not that it rises, so that reading it twice changes nothing. Attempts that have
 * not failed are told to who gets it next, and are counted likewise, but apart: in a table beside
 * the entries, in chunks where there was one. */

#define COUNT_BYTES  10u /* of one entry: u64 id, u16 count */
#define COUNTS_BYTES (LIMIT_RUN_ROWS_MAX * COUNT_BYTES)

_Static_assert(2 * COUNTS_BYTES <= sizeof(((struct core *)0)->giving.row),
	       "a run of settlements is counted in the room of deliveries");

/* ---- the table ---------------------------------------------------------------------------- */

/* Room for all slots that the chunk has room for now. */
static uint16_t *returned_of(struct core *c, struct chunk *k)
{
	const uint16_t n = k->rows ? (uint16_t)CHUNK_N : CHUNK_FEW;
	must(!k->is_cold && (k->returned != NULL) == (k->returned_n > 0));
	if (k->returned_n >= n)
		return k->returned;
	uint16_t *more = mem_get(c->mem, n * sizeof *more, "messages that came back");
	must(more != NULL);
	if (k->returned)
		memcpy(more, k->returned, k->returned_n * sizeof *more);
	core_returned_drop(c, k);
	k->returned = more;
	k->returned_n = n;
	return more;
}

void core_returned(struct core *c, struct chunk *k, uint32_t slot, uint16_t n)
{
	must(slot < k->used && n > 0);
	returned_of(c, k)[slot] = n;
	k->entry[slot].flags |= ENTRY_RETURNED;
}

void core_returned_drop(struct core *c, struct chunk *k)
{
	must(c->mem != NULL);
	if (k->returned)
		mem_put(c->mem, k->returned, k->returned_n * sizeof *k->returned);
	k->returned = NULL;
	k->returned_n = 0;
}

/* ---- counting ------------------------------------------------------------------------------ */

static void count(struct core *c, struct chunk *k, uint32_t slot, bool is_failure, uint16_t n)
{
	must(n > 0);
	if (is_failure)
		k->entry[slot].count = n;
	else
		core_returned(c, k, slot, n);
}

void core_attempted(struct core *c, struct queue *q, struct chunk *k, uint32_t slot,
		    bool is_failure, struct attempts *io)
{
	struct entry *e = &k->entry[slot];
	const uint16_t before = is_failure ? e->count : chunk_returned(k, slot);
	const uint16_t now = (uint16_t)min_u64(before + 1u, UINT16_MAX);
	uint32_t *n = is_failure ? &io->failed_n : &io->returned_n;
	must(chunk_is_given(k, slot) && *n < LIMIT_RUN_ROWS_MAX);
	const bool is_forgotten = is_failure ? ABLATED(attempts) : ABLATED(returns);
	if (!(e->flags & ENTRY_PERSISTENT) || is_forgotten) {
		count(c, k, slot, is_failure, now);
		core_give_back(c, q, k, slot, is_failure);
		return;
	}
	uint8_t *at = (uint8_t *)c->giving.row + (is_failure ? 0 : COUNTS_BYTES);
	at += (*n)++ * COUNT_BYTES;
	e->flags |= ENTRY_SETTLING;
	queue_special(q, c->mem)->counting_n++;
	store_le64(at, e->id);
	store_le16(at + 8, now);
}

static void log_counts(struct core *c, struct queue *q, const struct run *who, bool is_failure,
		       uint32_t n, struct outcomes *later)
{
	const uint8_t *at = (const uint8_t *)c->giving.row + (is_failure ? 0 : COUNTS_BYTES);
	struct run head = { .kind = is_failure ? OUTCOME_COUNT : OUTCOME_RETURN,
			    .flags = RUN_LOGGED,
			    .channel = who->channel,
			    .session = who->session,
			    .shard = c->shard,
			    .queue = q->id,
			    .arg = who->arg };
	must(n > 0);
	(void)outcomes_run(later, &head, NULL, 0, 0, slice_of(at, (size_t)n * COUNT_BYTES));
	q->is_logged = true;
}

void core_attempts_forget(struct core *c, struct queue *q)
{
	must(q->has != NULL);
	if (q->has->counting_n > 0)
		queue_special(q, c->mem)->counting_n = 0;
}

void core_attempts_end(struct core *c, struct queue *q, const struct run *who,
		       const struct attempts *a, struct outcomes *later)
{
	must(a->failed_n + a->returned_n <= LIMIT_RUN_ROWS_MAX);
	if (a->failed_n)
		log_counts(c, q, who, true, a->failed_n, later);
	if (a->returned_n)
		log_counts(c, q, who, false, a->returned_n, later);
}

/* In a chunk that was restored, slots before the first entry have its id, too. */
static void apply(struct core *c, struct queue *q, uint64_t id, bool is_failure, uint16_t n)
{
	uint64_t pos = queue_find(q, id);
	struct chunk *k = queue_next_live(q, &pos);
	uint32_t slot = pos_slot(pos);
	if (q->has->counting_n > 0) /* else it is read from the log */
		queue_special(q, c->mem)->counting_n--;
	if (!k || k->is_cold || k->entry[slot].id != id ||
	    !(k->entry[slot].flags & ENTRY_PERSISTENT))
		return;
	struct entry *e = &k->entry[slot];
	if (n > 0)
		count(c, k, slot, is_failure, n);
	core_changed(c, q, k);
	if (!(e->flags & ENTRY_SETTLING))
		return; /* read from the log */
	e->flags &= (uint8_t)~ENTRY_SETTLING;
	core_give_back(c, q, k, slot, is_failure);
}

bool core_back_needs(const struct queue *q, const struct run *o, struct unit_key *out)
{
	struct slice tail = run_tail(o);
	must(q->cold_n > 0);
	for (; tail.n >= COUNT_BYTES; tail = slice_from(tail, COUNT_BYTES)) {
		const struct chunk *k = queue_cold_with(q, load_le64(tail.p));
		if (k) {
			*out = (struct unit_key){ q->id, k->number };
			return true;
		}
	}
	return false;
}

void core_apply_back(struct core *c, const struct run *o)
{
	struct queue *q = core_find_queue(c, o->queue);
	struct slice tail = run_tail(o);
	uint32_t n = 0;
	const bool is_failure = o->kind == OUTCOME_COUNT;
	must(o->n == 0);
	if (!q)
		return;
	for (; tail.n >= COUNT_BYTES; tail = slice_from(tail, COUNT_BYTES), n++)
		apply(c, q, load_le64(tail.p), is_failure, load_le16(tail.p + 8));
	core_activate(c, q);
	if (q->has->single)
		core_single_back(c, q, o, n);
}
