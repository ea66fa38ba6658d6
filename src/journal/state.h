/* state -- a journal: what its parties share, and what each has for itself.
 *
 * Plain fields belong to one thread at a time, as the comments say; the rest is atomic.
 */
#ifndef JOURNAL_STATE_H
#define JOURNAL_STATE_H
#include "journal/ahead.h"
#include "journal/batch.h"
#include "journal/checkpoint.h"
#include "journal/path.h"
#include "journal/reader.h"
#include "journal/recover.h"
#include "journal/segments.h"
#include "journal/spill.h"
#include "journal/store.h"
#include "journal/writer.h"

#define JOURNAL_WHY_BYTES 256
#define SEGMENT_RING      8u

struct journal {
	struct disk *disk;
	struct mem *mem;            /* the keeper's */
	struct journal_setup setup; /* loop_mem is not valid after open */
	uint64_t store_id, cluster_id;
	uint32_t loops_n;
	struct segments segments;

	/* Everybody's. */
	alignas(64) _Atomic uint64_t tickets; /* given so far */
	_Atomic bool writer_sleeps, keeper_sleeps;
	_Atomic bool keeper_has_work, writer_has_work; /* given, and nobody was told to wake it */
	_Atomic uint32_t broken;                       /* enum err */
	_Atomic bool is_breaking;
	_Atomic bool has_spill_garbage;
	_Atomic bool is_space_short; /* on the disk: no file is kept for later */
	char why[JOURNAL_WHY_BYTES]; /* written once, before `broken` */

	/* Written by the writer. */
	alignas(64) _Atomic uint64_t appended;
	_Atomic uint64_t durable_loc;                       /* the newest durable commit; 0: none */
	_Atomic uint32_t active_used;                       /* bytes of the active segment */
	_Atomic bool writer_waits;                          /* for a segment */
	_Atomic uint64_t written_index[JOURNAL_SHARDS_MAX]; /* highest of each shard */
	struct writer writer;
	struct spsc ready, closed; /* segments: to the writer, and back */
	void *segment_slots[2 * SEGMENT_RING];

	/* Written by the keeper. */
	alignas(64) _Atomic uint64_t free_bytes;
	_Atomic bool look_free;
	uint64_t looked_at;          /* journal_appended at the last look */
	_Atomic uint64_t forward;    /* segment worth copying forward; 0: none */
	_Atomic uint64_t forwarding; /* what the node is at */
	struct {                     /* for journal_dump, as of the keeper's last step */
		_Atomic uint64_t checkpoint, unit_bytes;
		_Atomic uint32_t segments_n, units_n;
	} told;
	struct ahead ahead;
	struct reader reader;
	struct checkpoint checkpoint;

	/* At open and close only. */
	bool has_lock;
	bool is_new; /* the store was made just now */
	struct recover recover;
	struct store store;

	struct jloop *loops;
};

/* journal_break stops a journal for good: what could not be done, to which file, where. Any
 * thread; the first one counts. Gives `e`, for returning. */
enum err journal_break(struct journal *j, enum err e, const char *what, const struct path *p,
		       uint64_t at);
static inline enum err journal_broken(const struct journal *j)
{
	return (enum err)atomic_load_explicit(&j->broken, memory_order_acquire);
}

/* journal_note: this segment holds a record of the shard with this index; the writer, or who opens
 * the journal. */
static inline void journal_note(struct journal *j, struct segment *seg, uint16_t shard,
				uint64_t index)
{
	_Atomic uint64_t *highest = &j->written_index[shard];
	segment_note(seg, shard, index);
	if (index > atomic_load_explicit(highest, memory_order_relaxed))
		atomic_store_explicit(highest, index, memory_order_relaxed);
}

/* keeper_tell: what the keeper has, for whoever asks; the keeper, or who opens the journal. */
static inline void keeper_tell(struct journal *j)
{
	const struct checkpoint *c = &j->checkpoint;
	atomic_store_explicit(&j->told.checkpoint, c->now.number, memory_order_relaxed);
	atomic_store_explicit(&j->told.unit_bytes, c->units.live_bytes, memory_order_relaxed);
	atomic_store_explicit(&j->told.units_n, c->units.n, memory_order_relaxed);
	atomic_store_explicit(&j->told.segments_n, j->segments.n, memory_order_relaxed);
}

/* keeper_give_work: something was put where the keeper finds it. */
static inline void keeper_give_work(struct journal *j)
{
	atomic_store_explicit(&j->keeper_has_work, true, memory_order_release);
}
#endif
