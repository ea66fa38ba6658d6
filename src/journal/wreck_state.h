/* wreck_state -- what the parts of a wreck share: the checkpoint's, and the log's.
 *
 * Private to wreck*.c; one thread.
 */
#ifndef JOURNAL_WRECK_STATE_H
#define JOURNAL_WRECK_STATE_H
#include "base/deque.h"
#include "journal/checkpoint.h"
#include "journal/filebuf.h"
#include "journal/patient.h"
#include "journal/path.h"
#include "journal/recover.h"
#include "journal/wreck.h"
#include "journal/segments.h"
#include "journal/store.h"

enum wreck_phase { WRECK_AT_UNITS, WRECK_AT_SHARDS, WRECK_AT_HOLES, WRECK_AT_LOG };

/* A damaged place in the checkpoint's file. */
struct wreck_hole {
	uint64_t from, to;
	uint64_t a, b; /* which unit it was, if is_unit */
	uint16_t shard;
	bool is_unit;
};

struct wreck {
	struct patient patient;
	struct disk *disk; /* the patient one */
	struct mem *mem;
	struct store store;
	uint64_t store_id, cluster_id; /* 0: not known */
	struct segments segments;
	struct filebuf buf; /* over whichever file is being walked */
	enum wreck_phase phase;
	/* The checkpoint. */
	struct head chosen; /* file 0: none */
	bool is_in_pieces;
	struct units units;
	struct ckpt_shards shards;
	uint64_t shard_checkpoint[JOURNAL_SHARDS_MAX]; /* with which each was written */
	uint64_t newest_checkpoint;                    /* of these */
	struct deque holes;                            /* struct wreck_hole */
	uint64_t unit_at;
	uint32_t shard_at;
	char note[160]; /* what there is to say of the choice */
	bool is_note_loss;
	/* The log. */
	struct segment *seg; /* NULL: before the first */
	bool is_log_over;
	uint64_t file_bytes;
	uint64_t commit_at;              /* where the next commit should begin */
	uint64_t record_at, records_end; /* what of the commit was not given yet */
	bool is_headless;                /* where the commit ends is not known */
	bool is_first;                   /* no commit of the segment was seen yet */
	uint64_t last_loc, lost_loc;     /* the newest whole commit; the newest that is not */
	/* Single messages. */
	uint32_t reading_segment; /* 0: none is open */
	int reading;
};

/* wreck_choose finds the best checkpoint and reads its table. ERR_LIMIT. */
MUST_USE enum err wreck_choose(struct wreck *s);
/* wreck_unit gives the next unit; false: no more. */
bool wreck_unit(struct wreck *s, struct wreck_item *out);
/* wreck_hole gives the next damaged place of the checkpoint; false: no more. */
bool wreck_hole(struct wreck *s, struct wreck_item *out, struct text *said);
/* wreck_log gives the next record, or what is lost or to be said; false: the log is over. */
bool wreck_log(struct wreck *s, struct wreck_item *out, struct text *said);
/* wreck_turn_to opens a file for `buf`, and closes the one before; false: it cannot be opened. */
bool wreck_turn_to(struct wreck *s, const struct path *p);
#endif
