#include "journal/space.h"

#include "base/ablate.h"
#include "journal/state.h"

#define SMALL_FILES_MAX 16u /* beyond it, small files are copied together too */

static bool is_empty(const struct segment *seg)
{
	return atomic_load_explicit(&seg->live_count, memory_order_acquire) == 0;
}

void space_mark_empty(struct journal *j, uint64_t number)
{
	must(number > j->checkpoint.now.number);
	struct segment *seg;
	for (uint32_t at = 0; (seg = segments_each(&j->segments, &at)) != NULL;) {
		if (!seg->is_closed || !is_empty(seg))
			seg->empty_since = 0;
		else if (seg->empty_since == 0)
			seg->empty_since = number;
	}
}

static bool is_covered(const struct ckpt_shards *shards, const uint64_t *index)
{
	must(index != NULL);
	for (uint32_t s = 0; s < JOURNAL_SHARDS_MAX; s++)
		if (index[s] > (shards->is_there[s] ? shards->at[s].index : 0))
			return false;
	return true;
}

/* drop_covered forgets the indexes of closed segments that the checkpoint covers, and gives the
 * lowest closed segment that it does not; 0: none. */
static uint32_t drop_covered(struct journal *j)
{
	uint32_t lowest = 0;
	struct segment *seg;
	segments_check(&j->segments);
	for (uint32_t at = 0; (seg = segments_each(&j->segments, &at)) != NULL;) {
		if (!seg->is_closed || !seg->last_index)
			continue;
		if (is_covered(&j->checkpoint.shards, seg->last_index))
			segment_is_covered(seg, j->mem);
		else if (lowest == 0 || seg->number < lowest)
			lowest = seg->number;
	}
	return lowest;
}

static uint32_t lowest_open(const struct journal *j)
{
	segments_check(&j->segments);
	uint32_t lowest = UINT32_MAX;
	struct segment *seg;
	for (uint32_t at = 0; (seg = segments_each(&j->segments, &at)) != NULL;)
		if (!seg->is_closed && seg->number < lowest)
			lowest = seg->number;
	return lowest;
}

/* new_floor may lie below the one before when a part of that segment was not covered. */
static uint64_t new_floor(struct journal *j)
{
	const struct checkpoint *c = &j->checkpoint;
	must(loc_segment(c->begun_loc) <= j->segments.last_number);
	if (c->begun_loc != 0 && is_covered(&c->shards, c->begun_index))
		return c->begun_loc;
	uint32_t closed = drop_covered(j), open = lowest_open(j);
	if (closed != 0)
		return loc_of(closed, SEGMENT_DATA_AT);
	/* What is not covered lies in the first open segment, unless that has no commit yet. */
	uint64_t newest = atomic_load_explicit(&j->durable_loc, memory_order_acquire);
	return loc_segment(newest) < open ? newest : loc_of(open, SEGMENT_DATA_AT);
}

uint64_t space_floor(struct journal *j)
{
	return max_u64(new_floor(j), j->checkpoint.now.floor);
}

/* is_free: see the head of space.h. */
static bool is_free(const struct journal *j, const struct segment *seg)
{
	const struct checkpoint *c = &j->checkpoint;
	must(c->before.number < c->now.number);
	if (!seg->is_closed)
		return false;
	if (ABLATED(recycle))
		return seg->number < loc_segment(c->now.floor);
	return seg->number < loc_segment(c->before.floor) && is_empty(seg) &&
	       seg->empty_since != 0 && seg->empty_since <= c->before.number;
}

static bool is_spare(const struct journal *j, const struct segment *seg)
{
	for (uint32_t i = 0; i < j->ahead.spares_n; i++)
		if (j->ahead.spare[i] == seg)
			return true;
	return false;
}

static bool is_worth_forwarding(const struct journal *j, const struct segment *seg, uint32_t n)
{
	must(seg->number != 0 && n > 0);
	int64_t live = atomic_load_explicit(&seg->live_bytes, memory_order_relaxed);
	if (!seg->is_closed || is_empty(seg) || live <= 0 ||
	    seg->number >= loc_segment(j->checkpoint.now.floor))
		return false;
	uint64_t appended = journal_appended(j);
	if (seg->forwarded_at && appended - seg->forwarded_at < j->setup.segment_bytes)
		return false;
	if (n > SMALL_FILES_MAX && seg->file_bytes < j->setup.segment_bytes / 4)
		return true;
	return (uint64_t)live * 100 < seg->file_bytes * LIMIT_COPY_FORWARD_PERCENT;
}

/* choose_forward names the segment with the least to copy, one at a time. */
static void choose_forward(struct journal *j)
{
	struct segment *seg, *best = NULL;
	int64_t best_live = INT64_MAX;
	must(j->recover.is_ended);
	if (atomic_load_explicit(&j->forward, memory_order_acquire) != 0 ||
	    atomic_load_explicit(&j->forwarding, memory_order_acquire) != 0)
		return;
	for (uint32_t at = 0; (seg = segments_each(&j->segments, &at)) != NULL;) {
		int64_t live = atomic_load_explicit(&seg->live_bytes, memory_order_relaxed);
		if (live >= best_live || !is_worth_forwarding(j, seg, j->segments.n))
			continue;
		best = seg;
		best_live = live;
	}
	if (!best)
		return;
	best->forwarded_at = max_u64(journal_appended(j), 1);
	atomic_store_explicit(&j->forward, best->number, memory_order_release);
}

enum err space_recycle(struct journal *j)
{
	must(j->checkpoint.before.floor <= j->checkpoint.now.floor);
	struct segment *seg;
	(void)drop_covered(j);
	for (uint32_t at = 0; (seg = segments_each(&j->segments, &at)) != NULL;) {
		if (is_spare(j, seg) || !is_free(j, seg))
			continue;
		uint32_t number = seg->number;
		enum err e = ahead_spare(j, seg);
		struct path p = path_of(PATH_SEGMENT, number);
		if (e != ERR_OK)
			return journal_break(j, e, "remove", &p, 0);
	}
	choose_forward(j);
	return ERR_OK;
}

/* ---- the loops' side -------------------------------------------------------------------- */

void journal_live(struct journal *j, uint64_t loc, int64_t bytes, int64_t count)
{
	must(loc != 0);
	struct segment *seg = segments_find(&j->segments, loc_segment(loc));
	if (!seg) {
		must(!j->recover.is_ended);
		atomic_store_explicit(&j->recover.missing, loc_segment(loc), memory_order_relaxed);
		return;
	}
	atomic_fetch_add_explicit(&seg->live_bytes, bytes, memory_order_relaxed);
	int64_t was = atomic_fetch_add_explicit(&seg->live_count, count, memory_order_release);
	must(was + count >= 0);
}

bool journal_hold(struct journal *j, uint64_t loc, int64_t bytes)
{
	must(loc != 0 && j->recover.is_ended);
	struct segment *seg = segments_find(&j->segments, loc_segment(loc));
	if (!seg)
		return false;
	int64_t n = atomic_load_explicit(&seg->live_count, memory_order_relaxed);
	do {
		if (n == 0)
			return false;
	} while (!atomic_compare_exchange_weak_explicit(
		&seg->live_count, &n, n + 1, memory_order_release, memory_order_relaxed));
	atomic_fetch_add_explicit(&seg->live_bytes, bytes, memory_order_relaxed);
	return true;
}

uint64_t journal_forward(struct journal *j)
{
	must(j->recover.is_ended);
	if (atomic_load_explicit(&j->forwarding, memory_order_relaxed) != 0)
		return 0;
	uint64_t number = atomic_exchange_explicit(&j->forward, 0, memory_order_acq_rel);
	atomic_store_explicit(&j->forwarding, number, memory_order_release);
	return number;
}

void journal_forwarded(struct journal *j, uint64_t segment)
{
	must(atomic_load_explicit(&j->forwarding, memory_order_relaxed) == segment);
	atomic_store_explicit(&j->forwarding, 0, memory_order_release);
}
