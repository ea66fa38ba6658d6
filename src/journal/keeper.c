#include "journal/journal.h"

#include "journal/state.h"

#define LOOK_FREE_BYTES 4194304u /* of journal between two looks at the disk */

/* take_closed takes over the segments that the writer has filled. */
static bool take_closed(struct journal *j)
{
	struct segment *seg = spsc_pop(&j->closed);
	if (!seg)
		return false;
	must(!seg->is_closed && seg->file >= 0 && seg->last_index != NULL);
	j->disk->ops->close(j->disk, seg->file);
	seg->file = -1;
	seg->is_closed = true;
	seg->file_bytes = max_u64(seg->file_bytes,
				  atomic_load_explicit(&seg->end, memory_order_relaxed));
	return true;
}

static bool is_free_due(const struct journal *j)
{
	return atomic_load_explicit(&j->look_free, memory_order_acquire) ||
	       journal_appended(j) - j->looked_at >= LOOK_FREE_BYTES;
}

/* Who has asked waits for the answer: loop 0. */
static bool look_free(struct journal *j, uint64_t *io_wake)
{
	must(journal_appended(j) >= j->looked_at);
	if (!is_free_due(j))
		return false;
	uint64_t bytes;
	if (atomic_exchange_explicit(&j->look_free, false, memory_order_relaxed))
		*io_wake |= 1;
	j->looked_at = journal_appended(j);
	if (j->disk->ops->free_bytes(j->disk, &bytes) == ERR_OK)
		atomic_store_explicit(&j->free_bytes, bytes, memory_order_relaxed);
	return true;
}

bool journal_keep_step(struct journal *j, uint64_t *out_wake, enum err *out_err)
{
	must(j->recover.is_ended);
	*out_wake = 0;
	*out_err = journal_broken(j);
	if (*out_err != ERR_OK)
		return false;
	bool is_any = reader_step(j, out_wake);
	is_any |= take_closed(j);
	is_any |= ahead_shrink(j, out_err);
	is_any |= look_free(j, out_wake);
	is_any |= journal_broken(j) == ERR_OK && ahead_step(j, out_err);
	/* Side by side: only a checkpoint lets segments be recycled, and saves writing new ones. */
	bool is_moved = journal_broken(j) == ERR_OK && checkpoint_step(j, out_err);
	if (is_moved)
		*out_wake |= atomic_exchange(&j->checkpoint.waits, 0);
	is_any |= is_moved || (journal_broken(j) == ERR_OK && spill_sweep(j));
	if (is_any)
		keeper_tell(j);
	*out_err = journal_broken(j);
	return is_any;
}

/* keeper_check must()s what the keeper keeps, when it has nothing to do. */
static void keeper_check(struct journal *j)
{
	ahead_check(&j->ahead);
	reader_check(&j->reader);
	must(j->checkpoint.now.floor == 0 ||
	     segments_find(&j->segments, loc_segment(j->checkpoint.now.floor)) != NULL);
}

static bool has_asked(struct journal *j)
{
	must(j->reader.want_at <= j->reader.want_n);
	for (uint32_t l = 0; l < j->loops_n; l++)
		if (!spsc_is_empty(&j->loops[l].asked))
			return true;
	return j->reader.want_at < j->reader.want_n;
}

static bool has_work(struct journal *j)
{
	const struct checkpoint *c = &j->checkpoint;
	must(j->recover.is_ended);
	uint32_t phase = atomic_load_explicit(&c->phase, memory_order_acquire);
	bool is_full = !spsc_is_empty(&j->checkpoint.full);
	bool is_ended = atomic_load_explicit(&c->is_ended, memory_order_acquire);
	return has_asked(j) || !spsc_is_empty(&j->closed) || is_free_due(j) || ahead_is_due(j) ||
	       ahead_has_too_much(j) || (phase == CKPT_WANTED && !c->is_short) ||
	       (phase == CKPT_OPEN && (is_full || is_ended)) ||
	       atomic_load_explicit(&j->has_spill_garbage, memory_order_acquire);
}

bool journal_keeper_may_sleep(struct journal *j)
{
	keeper_check(j);
	atomic_exchange(&j->keeper_sleeps, true);
	bool is_idle = journal_broken(j) != ERR_OK || !has_work(j);
	if (!is_idle)
		atomic_store_explicit(&j->keeper_sleeps, false, memory_order_relaxed);
	return is_idle;
}

bool journal_keeper_to_wake(struct journal *j)
{
	must(j->recover.is_ended);
	if (!atomic_load_explicit(&j->keeper_has_work, memory_order_relaxed) ||
	    !atomic_exchange(&j->keeper_has_work, false))
		return false;
	return atomic_exchange(&j->keeper_sleeps, false);
}

void journal_look_free(struct journal *j)
{
	atomic_store_explicit(&j->look_free, true, memory_order_release);
	keeper_give_work(j);
}

void journal_space_is_short(struct journal *j, bool is_short)
{
	atomic_store_explicit(&j->is_space_short, is_short, memory_order_release);
	keeper_give_work(j);
}
