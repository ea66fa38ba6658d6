/* journal -- one log of a node: segments, group commit, recovery, checkpoints, space.
 *
 * Three parties use a journal, each on a thread of its own, and meet only in rings and atomics:
 *   loops   fill batches with records and submit them; take them back when they are durable;
 *           ask for reads and take the answers.
 *   writer  journal_write_step: everything submitted -> one write, one fdatasync, done.
 *   keeper  journal_keep_step: reads, checkpoints, new segments, recycling.
 * The real world runs the steps on threads (io/), the simulator calls them as it likes (sim/).
 * All I/O goes through port/disk.h. See docs/wire/journal.md for the bytes.
 *
 *   loop --submit--> [batches by ticket] --writer: write+sync--> [done] --> loop: commit, apply
 *     ^ |                                     | ^
 *     | +--ask--> [reads] --> keeper <-closed-+ +--next segment-- keeper
 *     +---------- [answers] ----+
 *
 * A place in the journal ("loc") is segment << 32 | offset of the stored bytes in its file: 0 is
 * never a place. Segment numbers rise and are never reused; files are recycled under new numbers.
 *
 * Sleeping without a lost wake-up: who had nothing to do asks journal_*_may_sleep,
 * which marks it asleep and looks once more. Who has given it work asks journal_*_to_wake after
 * giving (journal_submit answers it itself); true is said to one caller, who must wake it.
 */
#ifndef JOURNAL_JOURNAL_H
#define JOURNAL_JOURNAL_H
#include "base/err.h"
#include "base/mem.h"
#include "base/slice.h"
#include "port/disk.h"
#include "wire/record/record.h"

#include <stdbool.h>
#include <stdint.h>

/* What can be done about damage: the end of each sentence that refuses a data directory for it. */
#define JOURNAL_MEND                                                                         \
	"restore the data directory from a copy, or save what is whole with godwit journal " \
	"salvage"

struct journal;
struct text;

/* Bounds that are the format's or the rings' own. */
#define JOURNAL_BATCHES        4     /* of one loop, filling and on their way */
#define JOURNAL_READS          1024  /* of one loop, on their way */
#define JOURNAL_SHARDS_MAX     128   /* shard numbers of records and checkpoints are below it */
#define JOURNAL_UNIT_BYTES_MAX 65536 /* of one checkpoint unit */
#define JOURNAL_UNIT_ROOM      48    /* for reading one again, beside its content */

/* What the journal is made with. */
struct journal_setup {
	struct disk *disk;
	struct mem *mem;             /* used by the keeper, and by open, recovery and close */
	struct mem *const *loop_mem; /* loop_mem[l]: used by loop l: batches, spill */
	uint32_t loops_n;
	uint64_t segment_bytes; /* LIMIT_SEGMENT_BYTES; tests use less, 65536 at least */
	uint64_t checkpoint_every_bytes;
	uint64_t store_id, cluster_id; /* for a new data directory; an old one keeps its own */
	uint64_t wall_ms;
};

/* ---- batches: filled by one loop ------------------------------------------------------- */

/* A batch of records (wire/record/record.h). The loop that took it fills `at` through the record
 * functions and submits it; nobody else touches it until it comes back by journal_done. */
struct jbatch {
	struct jbatch *next;
	uint8_t *at;
	uint32_t len, cap;
	uint32_t record_max; /* body bytes of a record that always fit an empty batch */
	uint32_t loop;
	uint64_t ticket; /* order of all batches of the node; set by journal_submit */
	uint64_t loc;    /* when done: place of at[0]; byte i lies at loc + i */
};

/* journal_batch gives loop `loop` an empty batch; NULL: all its batches are on their way, or no
 * memory (then the loop proposes nothing this turn: back-pressure). */
struct jbatch *journal_batch(struct journal *j, uint32_t loop);
/* journal_record_begin reserves a record header in `b` and gives the room behind it: *out_cap
 * bytes, at least b->record_max (the smaller of LIMIT_RECORD_BYTES_MAX and a quarter of a
 * segment), at most LIMIT_RECORD_BYTES_MAX. ERR_LIMIT: submit this one and begin a new batch.
 * A record that was begun and not ended is as if never begun. */
MUST_USE enum err journal_record_begin(struct jbatch *b, uint8_t **out_body, uint32_t *out_cap);
/* journal_record_end completes header and checksum of a body of body_len bytes (r->body is not
 * looked at) and returns the offset of the body in the batch. */
uint32_t journal_record_end(struct jbatch *b, const struct record *r, uint32_t body_len);
/* journal_record_end_summed: who calls knows the checksum (crc32c) of the body. */
uint32_t journal_record_end_summed(struct jbatch *b, const struct record *r, uint32_t body_len,
				   uint32_t body_sum);

/* journal_submit hands a batch with at least one record to the writer. True: the writer sleeps
 * and must be woken. */
bool journal_submit(struct journal *j, struct jbatch *own_b);
/* journal_done gives the next durable batch of `loop`, in ticket order; NULL: none. The loop gives
 * it back with journal_batch_free when it has read loc; also an empty one it does not want. */
struct jbatch *journal_done(struct journal *j, uint32_t loop);
void journal_batch_free(struct journal *j, struct jbatch *own_b);
/* journal_has_done: journal_done or journal_read_done would give something to `loop`. */
bool journal_has_done(struct journal *j, uint32_t loop);
/* journal_trim gives back the memory of batches that `loop` is not using: for a loop that has
 * been idle for long. */
void journal_trim(struct journal *j, uint32_t loop);

/* ---- the writer's thread ---------------------------------------------------------------- */

/* journal_write_step writes and syncs what was submitted so far, in ticket order, and posts it
 * as done. *out_wake: bit l = loop l has something new. False: there was nothing to do.
 * After ERR_IO or ERR_NO_SPACE in *out_err (from either step) the journal is broken and stays so:
 * nothing more is written, the process must stop. Why: journal_why. */
bool journal_write_step(struct journal *j, uint64_t *out_wake, enum err *out_err);
bool journal_writer_may_sleep(struct journal *j);
/* journal_writer_to_wake: for the keeper's thread, after each step. */
bool journal_writer_to_wake(struct journal *j);

/* ---- reads ------------------------------------------------------------------------------ */

/* A read of stored bytes: asked by a loop, done by the keeper. `to` has room for `bytes`. Only
 * what is durable can be read. Or (is_unit) of a unit's content, as it was put last: then loc is
 * nothing, `bytes` the room, with JOURNAL_UNIT_ROOM more than the content, and when done what is
 * there. ERR_NOT_FOUND: no such unit, any more; one that cannot be read breaks the journal. */
struct jread {
	uint64_t loc;
	uint32_t bytes;
	uint32_t loop;
	uint8_t *to;
	uint64_t tag; /* the asker's */
	enum err err; /* when done: ERR_OK, ERR_IO, ERR_CORRUPT */
	bool is_spill, is_unit;
	uint16_t shard; /* of a unit, and its key */
	uint64_t a, b;
	struct jread *next; /* the asker's, while it is not asked */
};
/* journal_read asks; the caller keeps *r where it is until journal_read_done gives it back.
 * False: too many reads are on their way; try again next turn. */
bool journal_read(struct journal *j, struct jread *r);
struct jread *journal_read_done(struct journal *j, uint32_t loop);

/* ---- the keeper's thread ---------------------------------------------------------------- */

/* journal_keep_step does one piece of work of bounded size: reads first, then the next segment,
 * checkpoint files, recycling. False: nothing to do. *out_wake and *out_err as the writer's. */
bool journal_keep_step(struct journal *j, uint64_t *out_wake, enum err *out_err);
bool journal_keeper_may_sleep(struct journal *j);
/* journal_keeper_to_wake: for loops, once per turn, and for the writer's thread, after a step. */
bool journal_keeper_to_wake(struct journal *j);

/* ---- space ------------------------------------------------------------------------------ */

/* journal_live adds to the live bytes and the live count of the segment of `loc`; any loop, any
 * time between recovery and close. A count that has fallen to zero stays there: what is added
 * must come from a record that no checkpoint covers yet, or while another holds the segment. */
void journal_live(struct journal *j, uint64_t loc, int64_t bytes, int64_t count);
/* journal_hold adds 1 and `bytes` for something that was read there and may have been given up
 * meanwhile. False: nothing lives in the segment any more, or it is gone; nothing was added. */
MUST_USE bool journal_hold(struct journal *j, uint64_t loc, int64_t bytes);

/* journal_forward names a segment worth copying forward (live < LIMIT_COPY_FORWARD_PERCENT);
 * 0: none. The node walks its live records and moves them, then says journal_forwarded; until
 * then no other segment is named, and this one not again for a while. One loop at a time. */
uint64_t journal_forward(struct journal *j);
void journal_forwarded(struct journal *j, uint64_t segment);

/* journal_appended counts bytes written since open. */
uint64_t journal_appended(const struct journal *j);
/* journal_free_bytes: of the disk, as the keeper has last looked: every few MiB of journal, and
 * after journal_look_free (for a standing alarm; then journal_keeper_to_wake). */
uint64_t journal_free_bytes(const struct journal *j);
void journal_look_free(struct journal *j);
/* journal_space_is_short: while it is, emptied files are not kept for later, and free space is
 * looked at when one has gone (then journal_keeper_to_wake). */
void journal_space_is_short(struct journal *j, bool is_short);

/* Spill: stored bytes of transient messages, in files that are never synced and that recovery
 * removes. journal_spill appends on the caller's thread; its loc is of the spill's own space.
 * ERR_NO_SPACE, ERR_IO, ERR_LIMIT (too much is spilled): nothing was taken; not fatal. */
MUST_USE enum err journal_spill(struct journal *j, uint32_t loop, struct slice bytes,
				uint64_t *out_loc);
/* journal_spill_free: any loop; `bytes` as they were spilled. */
void journal_spill_free(struct journal *j, uint64_t loc, uint32_t bytes);

/* ---- checkpoints ------------------------------------------------------------------------ */

/* A checkpoint is one atomic change of a set of units {shard, a, b} -> bytes, with the index up to
 * which each shard's state is in it. Units and shards that are not mentioned stay as they are.
 * Begin; when it is open put units (any number; a zero-length unit removes) and shards; end. One
 * loop at a time (the node passes the turn). False from begin: one is under way; from is_open: the
 * keeper has not come to it; from put: it has no buffer ready: try again later. A unit must hold
 * its shard's state at the index given for the shard or an earlier one; a state taken before the
 * checkpoint was open may refer to a segment that the keeper then found empty. */
struct ckpt_shard {
	uint16_t shard;
	uint64_t index, epoch, next_wall_ms;
	uint64_t features; /* that whoever reads its units must know (wire/record/head.h) */
};
bool journal_checkpoint_begin(struct journal *j);
bool journal_checkpoint_is_open(const struct journal *j);
bool journal_checkpoint_put(struct journal *j, uint16_t shard, uint64_t a, uint64_t b,
			    struct slice unit);
void journal_checkpoint_shard(struct journal *j, const struct ckpt_shard *s);
void journal_checkpoint_end(struct journal *j);
/* journal_checkpoint_wait: `loop` has met a false from begin, is_open or put, and the keeper's
 * *out_wake names it when that may be otherwise. True: it was not waiting before, and must try once
 * more, for the keeper may have moved meanwhile. journal_checkpoint_is_waiting: it has not been
 * named since. */
bool journal_checkpoint_wait(struct journal *j, uint32_t loop);
bool journal_checkpoint_is_waiting(const struct journal *j, uint32_t loop);
/* journal_checkpoint_done: how many checkpoints are durable since open; journal_checkpoint_failed:
 * how many were given up (disk full): the store still has the one before. Each journal_checkpoint_
 * end raises exactly one of the two. */
uint64_t journal_checkpoint_done(const struct journal *j);
uint64_t journal_checkpoint_failed(const struct journal *j);
/* journal_checkpoint_is_due: none is under way, and checkpoint_every_bytes were written since the
 * last began. */
bool journal_checkpoint_is_due(const struct journal *j);

/* ---- open and recovery ------------------------------------------------------------------ */

/* journal_open locks and reads (or makes) a data directory. Damage is described in `why` with
 * file, offset and what to do; ERR_CORRUPT leaves everything as it is. With ERR_OK `why` may hold
 * something that an operator should read. */
MUST_USE enum err journal_open(const struct journal_setup *s, struct journal **out_j,
			       struct text *why);

/* Recovery, in this order: all units of the newest whole checkpoint; its shards; then all whole
 * records behind it. Each call gives the next; *out_more false at the end. Slices are valid until
 * the next call. A record whose index its shard's checkpoint covers is left out.
 * ERR_CORRUPT: damage in the middle: `why` says where. ERR_LIMIT: no memory. */
struct ckpt_unit {
	uint16_t shard;
	uint64_t a, b;
	struct slice bytes;
};
MUST_USE enum err journal_recover_unit(struct journal *j, struct ckpt_unit *out, bool *out_more,
				       struct text *why);
/* journal_recover_again reads one of them once more, at any time before the steps begin, into
 * `room`, with JOURNAL_UNIT_ROOM more than its content, which is borrowed from there. */
MUST_USE enum err journal_recover_again(struct journal *j, const struct ckpt_unit *what,
					uint8_t *room, uint32_t room_bytes, struct slice *out,
					struct text *why);
MUST_USE enum err journal_recover_shard(struct journal *j, struct ckpt_shard *out, bool *out_more);
/* *out_loc: place of the body. */
MUST_USE enum err journal_recover_record(struct journal *j, struct record *out, uint64_t *out_loc,
					 bool *out_more, struct text *why);
/* journal_recover_read reads stored bytes, at any time of a recovery. ERR_CORRUPT: there are none
 * at that place: `why` says where. */
MUST_USE enum err journal_recover_read(struct journal *j, uint64_t loc, uint8_t *to, uint32_t bytes,
				       struct text *why);
/* journal_recovered ends it: a torn tail is cut off (journal_recovery says it), the
 * next segment is begun. Live bytes must have been counted by then (journal_live); ERR_CORRUPT: a
 * segment that somebody counted on is missing. */
MUST_USE enum err journal_recovered(struct journal *j, struct text *why);

/* What was read by then: for the log line of a start. */
struct journal_recovery {
	uint64_t checkpoint, segments_n, records_n, bytes;
	uint64_t torn_bytes, torn_loc; /* what was cut off; 0: nothing */
};
struct journal_recovery journal_recovery(const struct journal *j);
uint64_t journal_store_id(const struct journal *j);

/* journal_close ends a journal whose steps have stopped, at any time after journal_open; NULL is
 * nothing. A journal that is not broken notes that its last commit is whole. */
void journal_close(struct journal *own_j);
/* journal_why: what broke it, for people; "" while it is whole. */
const char *journal_why(const struct journal *j);
/* journal_dump: one line; any thread. */
void journal_dump(const struct journal *j, struct text *out);
#endif
