/* journal -- one log of a node: segments, group commit, recovery, checkpoints, space.
 *
 * Three parties use a journal, each on a thread of its own, and meet only in rings:
 *   loops   fill batches with records and submit them; take them back when they are durable;
 *           ask for reads and take the answers.
 *   writer  journal_write_step: everything submitted -> one write, one fdatasync, done.
 *   keeper  journal_keep_step: reads, checkpoints, new segments, recycling, copy-forward.
 * The real world runs the steps on threads (io/), the simulator calls them as it likes (sim/).
 * All I/O goes through port/disk.h. See docs/wire/journal.md for the bytes.
 *
 *   loop --submit--> [batches by ticket] --writer: write+sync--> [done] --> loop: commit, apply
 *
 * A place in the journal ("loc") is segment << 32 | offset of the stored bytes in its file: 0 is
 * never a place. Segment numbers rise and are never reused; files are (recycled, with a new
 * generation).
 */
#ifndef JOURNAL_JOURNAL_H
#define JOURNAL_JOURNAL_H
#include "base/err.h"
#include "base/mem.h"
#include "base/slice.h"
#include "port/disk.h"

#include <stdbool.h>
#include <stdint.h>

struct journal;
struct text;

/* What the journal is made with. */
struct journal_setup {
	struct disk *disk;
	struct mem *mem;              /* used at open, by the writer and the keeper, never by loops */
	uint32_t loops_n;
	uint64_t segment_bytes;       /* LIMIT_SEGMENT_BYTES; tests use less */
	uint64_t checkpoint_every_bytes;
	uint32_t sync_gap_us;         /* 0: sync as soon as possible */
	uint64_t store_id, cluster_id; /* for a new data directory; an old one keeps its own */
	uint64_t wall_ms;
};

/* ---- batches: filled by one loop ------------------------------------------------------- */

/* A batch of records. The loop that took it fills `at` through the record functions and submits
 * it; nobody else touches it until it comes back by journal_done. */
struct jbatch {
	struct jbatch *next;
	uint8_t *at;
	uint32_t len, cap;
	uint32_t loop;
	uint64_t ticket;              /* order of all batches of the node; set by journal_submit */
	uint64_t loc;                 /* when done: place of at[0]; byte i lies at loc + i */
	enum err err;                 /* when done: ERR_OK, or the journal is broken */
};

/* A record: one shard's outcomes of one loop turn. */
struct record {
	uint16_t shard;
	uint16_t kind;                /* RECORD_... */
	uint64_t epoch, index;
	uint64_t wall_ms;             /* of the leader; never runs back in a shard */
	struct slice body;            /* encoded outcome runs (wire/record) */
};
enum { RECORD_OUTCOMES = 1, RECORD_TRUNCATE = 2, RECORD_BODY = 3 };

/* journal_batch gives loop `loop` an empty batch; NULL: all its batches are on their way (then
 * the loop proposes nothing this turn: back-pressure). */
struct jbatch *journal_batch(struct journal *j, uint32_t loop);
/* journal_record_begin reserves a record header in `b` and gives the room behind it: *out_cap
 * bytes at most (at least LIMIT_RECORD_BYTES_MAX; ERR_LIMIT: begin a new batch).
 * journal_record_end completes header and checksum of a body of body_len bytes and returns the
 * offset of the body in the batch. */
MUST_USE enum err journal_record_begin(struct jbatch *b, uint8_t **out_body, uint32_t *out_cap);
uint32_t journal_record_end(struct jbatch *b, const struct record *r, uint32_t body_len);

/* journal_submit hands a batch to the writer. True: the writer sleeps and must be woken. */
bool journal_submit(struct journal *j, struct jbatch *own_b);
/* journal_done gives the next durable batch of `loop`, in ticket order; NULL: none. The loop gives
 * it back with journal_batch_free when it has read loc. */
struct jbatch *journal_done(struct journal *j, uint32_t loop);
void journal_batch_free(struct journal *j, struct jbatch *own_b);

/* ---- the writer's thread ---------------------------------------------------------------- */

/* journal_write_step writes and syncs everything submitted so far, in ticket order, and posts it
 * as done. *out_wake: bit l = loop l has something new. False: there was nothing to do.
 * After ERR_IO or ERR_NO_SPACE in *out_err the journal is broken: the process must stop. */
bool journal_write_step(struct journal *j, uint64_t *out_wake, enum err *out_err);

/* ---- reads ------------------------------------------------------------------------------ */

/* A read of stored bytes: asked by a loop, done by the keeper. `to` has room for `bytes`. */
struct jread {
	uint64_t loc;
	uint32_t bytes;
	uint32_t loop;
	uint8_t *to;
	uint64_t tag;                 /* the asker's */
	enum err err;                 /* when done: ERR_OK, ERR_IO, ERR_CORRUPT */
	bool is_spill;
	struct jread *next;
};
/* journal_read asks; the caller keeps *r where it is until journal_read_done gives it back.
 * False: too many reads are on their way; try again next turn. */
bool journal_read(struct journal *j, struct jread *r);
struct jread *journal_read_done(struct journal *j, uint32_t loop);

/* ---- the keeper's thread ---------------------------------------------------------------- */

/* journal_keep_step does one piece of work of bounded size: reads first, then checkpoint files,
 * segments written ahead, recycling. False: nothing to do. */
bool journal_keep_step(struct journal *j, uint64_t *out_wake, enum err *out_err);

/* ---- space ------------------------------------------------------------------------------ */

/* journal_live adds to the live bytes and the live count of the segment of `loc`; any loop. */
void journal_live(struct journal *j, uint64_t loc, int64_t bytes, int64_t count);

/* journal_forward names a segment worth copying forward (live < LIMIT_COPY_FORWARD_PERCENT);
 * 0: none. The node walks its live records and moves them; then journal_forwarded. */
uint64_t journal_forward(struct journal *j);
void journal_forwarded(struct journal *j, uint64_t segment);

/* journal_appended counts bytes written since open: the node checkpoints by it. */
uint64_t journal_appended(const struct journal *j);
uint64_t journal_free_bytes(const struct journal *j);   /* of the disk, as last looked at */

/* Spill: stored bytes of transient messages, in files that are never synced and that recovery
 * removes. journal_spill appends on the caller's thread; its loc is of the spill's own space. */
MUST_USE enum err journal_spill(struct journal *j, uint32_t loop, struct slice bytes, uint64_t *out_loc);
void journal_spill_free(struct journal *j, uint64_t loc, uint32_t bytes);

/* ---- checkpoints ------------------------------------------------------------------------ */

/* A checkpoint is one atomic change of a set of units {shard, a, b} -> bytes, with the index up to
 * which each shard's state is in it. Units that are not mentioned stay as they are.
 * Begin; put units (any number; a zero-length unit removes); end. One at a time, by one loop
 * at a time (the node passes the turn); blocks only on memory: false = try again later. */
struct ckpt_shard { uint16_t shard; uint64_t index, epoch, next_wall_ms; };
bool journal_checkpoint_begin(struct journal *j);
bool journal_checkpoint_put(struct journal *j, uint16_t shard, uint64_t a, uint64_t b, struct slice unit);
void journal_checkpoint_shard(struct journal *j, const struct ckpt_shard *s);
void journal_checkpoint_end(struct journal *j);
/* journal_checkpoint_done: how many checkpoints are durable; failed ones are not. */
uint64_t journal_checkpoint_done(const struct journal *j);

/* ---- open and recovery ------------------------------------------------------------------ */

/* journal_open locks and reads (or makes) a data directory. Damage is described in `why` with
 * file, offset and what to do; ERR_CORRUPT leaves everything as it is. */
MUST_USE enum err journal_open(const struct journal_setup *s, struct journal **out_j, struct text *why);

/* Recovery, in this order: all units of the newest whole checkpoint; its shards; then all whole
 * records behind it. Each call gives the next; *out_more false at the end. Slices are valid until
 * the next call. A record whose index its shard's checkpoint covers is left out.
 * ERR_CORRUPT: damage in the middle: `why` says where. */
struct ckpt_unit { uint16_t shard; uint64_t a, b; struct slice bytes; };
MUST_USE enum err journal_recover_unit(struct journal *j, struct ckpt_unit *out, bool *out_more, struct text *why);
MUST_USE enum err journal_recover_shard(struct journal *j, struct ckpt_shard *out, bool *out_more);
MUST_USE enum err journal_recover_record(struct journal *j, struct record *out, uint64_t *out_loc,
					 bool *out_more, struct text *why);
/* journal_recovered ends it: a torn tail is cut off (described in `why` if there was one), the
 * next segment is begun. Live bytes must have been counted by then (journal_live). */
MUST_USE enum err journal_recovered(struct journal *j, struct text *why);

void journal_close(struct journal *own_j);
void journal_dump(const struct journal *j, struct text *out);
#endif
