/* checkpoint -- the durable state of shards as units in a file, changed atomically.
 *
 * A loop puts units into blocks; the keeper appends the blocks to the checkpoint file, syncs it and
 * then writes the store's other slot, which says how far the file counts. When more than half of
 * the file is replaced units, the next checkpoint goes to a new file, with what still counts of the
 * old one. The checkpoint before the newest stays whole until the next one: recovery falls back to
 * it.
 *
 *	IDLE --begin (loop)--> WANTED --blocks ready (keeper)--> OPEN
 *	  ^---- durable, or given up (keeper) ---- end (loop) ----'
 */
#ifndef JOURNAL_CHECKPOINT_H
#define JOURNAL_CHECKPOINT_H
#include "base/spsc.h"
#include "journal/filebuf.h"
#include "journal/journal.h"
#include "journal/units.h"
#include "wire/record/head.h"
#include "wire/record/unit.h"

#define CHECKPOINT_BLOCK_BYTES 262144u
#define CHECKPOINT_BLOCKS      4u
#define CHECKPOINT_READ_BYTES  4194304u
#define CHECKPOINT_SLACK_BYTES 1048576u /* a file with less garbage is not rewritten */
#define CHECKPOINT_FILE_AT     512u     /* where the first unit lies: behind the head */

_Static_assert(UNIT_CONTENT_MAX == JOURNAL_UNIT_BYTES_MAX, "any unit can be stored");
_Static_assert(UNIT_HEAD_BYTES + UNIT_CONTENT_MAX + UNIT_PAD_MAX <= CHECKPOINT_BLOCK_BYTES,
	       "likewise");

enum ckpt_phase { CKPT_IDLE, CKPT_WANTED, CKPT_OPEN };

struct ckpt_block {
	uint32_t len;
	uint8_t at[CHECKPOINT_BLOCK_BYTES];
};

/* The shards of a checkpoint, by number. */
struct ckpt_shards {
	bool is_there[JOURNAL_SHARDS_MAX];
	struct ckpt_shard at[JOURNAL_SHARDS_MAX];
};

struct checkpoint {
	_Atomic uint32_t phase;
	_Atomic bool is_ended; /* the loop has put everything */
	_Atomic uint64_t done, failed, begun_at;
	_Atomic uint64_t waits;  /* loops that want to know when the keeper has moved */
	struct spsc empty, full; /* blocks: to the loop, and filled */
	void *slots[2 * CHECKPOINT_BLOCKS];
	/* The loop's whose turn it is. */
	struct ckpt_block *filling;
	struct ckpt_shards given;
	/* The keeper's. */
	struct ckpt_block *blocks[CHECKPOINT_BLOCKS];
	struct head now, before; /* the newest two that are durable; number 0: none */
	struct units units;
	struct ckpt_shards shards;
	int file; /* -1: none yet */
	uint32_t file_number;
	uint64_t at;  /* where the next block goes */
	int old_file; /* the one being rewritten; -1: none */
	uint64_t old_at;
	bool has_failed;
	bool is_short;                            /* of memory: it is begun later */
	uint64_t number;                          /* of the one under way; set before it is OPEN */
	uint64_t begun_loc;                       /* the newest commit when it began; 0: none */
	uint64_t begun_index[JOURNAL_SHARDS_MAX]; /* the highest indexes at or after it */
};

/* checkpoint_init makes one that knows nothing; checkpoint_fini closes its files. */
void checkpoint_init(struct checkpoint *c);
void checkpoint_check(const struct checkpoint *c); /* the keeper's part */
void checkpoint_fini(struct journal *j);
/* checkpoint_step does one piece of the one under way. False: nothing to do. */
bool checkpoint_step(struct journal *j, enum err *out_err);

/* checkpoint_answer reads the unit that is asked for. What is damaged breaks the journal. */
void checkpoint_answer(struct journal *j, struct jread *ask);

/* checkpoint_buffer_bytes: with how large a buffer its file is read. */
size_t checkpoint_buffer_bytes(const struct head *h);
/* checkpoint_load reads the file of `h` and takes it as the newest: its units and shards, through
 * `f`. ERR_CORRUPT: damage, `why` says where. ERR_IO, ERR_NOT_FOUND, ERR_LIMIT. */
MUST_USE enum err checkpoint_load(struct journal *j, const struct head *h, struct filebuf *f,
				  struct text *why);
/* checkpoint_take notes one unit, which lies at `at` of the file, in the table. ERR_LIMIT: no
 * memory. ERR_CORRUPT: there can be no such unit. */
MUST_USE enum err checkpoint_take(struct journal *j, const struct unit *u, uint64_t at);
/* checkpoint_next reads the unit at *at through `f` and moves *at behind it. *out_more false: the
 * end. ERR_CORRUPT, ERR_IO. */
MUST_USE enum err checkpoint_next(struct filebuf *f, uint64_t *at, uint64_t end, struct unit *out_u,
				  bool *out_more);
#endif
