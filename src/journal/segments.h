/* segments -- the living segments by number: how much lives in each, and who may touch what.
 *
 * The keeper alone adds and removes; any thread finds. A segment goes from the keeper, which makes
 * it, to the writer, which fills it, and back when it is full. The counts of what lives in it are
 * every loop's.
 *
 *	 made (keeper) --ready ring--> active (writer) --closed ring--> closed (keeper) --> gone
 *
 * The table is an array of slots, number & mask; a new number is chosen so that its slot is free.
 * A grown table leaves the old one standing until the end: somebody may be looking at it.
 */
#ifndef JOURNAL_SEGMENTS_H
#define JOURNAL_SEGMENTS_H
#include "base/mem.h"
#include "base/pool.h"
#include "base/spsc.h"
#include "journal/journal.h"
#include "wire/record/head.h"

/* Where the first commit of a segment lies: behind the head, a page for itself. */
#define SEGMENT_DATA_AT 4096u

struct segment {
	uint32_t number;
	int file; /* of whoever has the segment; -1: not open */
	_Atomic int64_t live_bytes, live_count;
	_Atomic uint32_t end; /* durable bytes: reads stay below */
	/* The highest index of each shard in it, the writer's until it is closed. NULL: all of it
	 * is in the checkpoint, or there is nothing. */
	uint64_t *last_index;
	/* The keeper's. */
	bool is_closed;
	uint64_t file_bytes;       /* what it takes on the disk */
	uint64_t empty_since;      /* first checkpoint begun while nothing lived in it; 0: none */
	uint64_t forwarded_at;     /* journal_appended when it was last copied forward */
	uint32_t past_at, past_to; /* what was read past the system's cache */
	bool is_read_again;        /* some of that, since: no more of it goes past */
};

struct segment_slots {
	struct segment_slots *older;
	uint32_t mask;
	_Atomic(struct segment *) at[];
};

struct segments {
	_Atomic(struct segment_slots *) slots;
	struct pool pool;
	uint32_t n;           /* living */
	uint32_t last_number; /* the highest ever used */
};

static inline uint64_t loc_of(uint32_t segment, uint32_t offset)
{
	must(segment != 0);
	return (uint64_t)segment << 32 | offset;
}
static inline uint32_t loc_segment(uint64_t loc)
{
	return (uint32_t)(loc >> 32);
}
static inline uint32_t loc_offset(uint64_t loc)
{
	return (uint32_t)loc;
}

/* segments_init makes an empty table. ERR_LIMIT: no memory. */
MUST_USE enum err segments_init(struct segments *s, struct mem *mem);
void segments_fini(struct segments *s, struct mem *mem);

/* segments_find: any thread. NULL: no such living segment. */
static inline struct segment *segments_find(const struct segments *s, uint32_t number)
{
	struct segment_slots *t = atomic_load_explicit(&s->slots, memory_order_acquire);
	struct segment *seg = atomic_load_explicit(&t->at[number & t->mask], memory_order_acquire);
	return seg && seg->number == number ? seg : NULL;
}

/* segments_add takes `number` in, which must be unknown; segments_add_next chooses one above all
 * there ever were. With an array for its indexes if asked to. ERR_LIMIT: no memory. */
MUST_USE enum err segments_add(struct segments *s, struct mem *mem, uint32_t number, bool has_index,
			       struct segment **out_seg);
MUST_USE enum err segments_add_next(struct segments *s, struct mem *mem, struct segment **out_seg);
/* segments_remove forgets a segment, whose file is closed. */
void segments_remove(struct segments *s, struct mem *mem, struct segment *own_seg);
/* segment_is_covered drops the array: a checkpoint has all of it. */
void segment_is_covered(struct segment *seg, struct mem *mem);

/* segments_each walks all living segments in the order of the table: begin with *cursor = 0; NULL
 * is the end. The one it gave last may be removed. Any thread may add up the counts: of a segment
 * that goes meanwhile it finds what is left there, or what a new one in its place begins with. */
struct segment *segments_each(const struct segments *s, uint32_t *cursor);
void segments_check(const struct segments *s);
/* segments_after gives the living segment with the lowest number above `number`; NULL: none. */
struct segment *segments_after(const struct segments *s, uint32_t number);

/* segment_note raises the highest index of a shard. */
static inline void segment_note(struct segment *seg, uint16_t shard, uint64_t index)
{
	must(shard < JOURNAL_SHARDS_MAX && seg->last_index != NULL);
	if (index > seg->last_index[shard])
		seg->last_index[shard] = index;
}
#endif
