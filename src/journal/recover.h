/* recover -- reads a journal back: the checkpoint's units, its shards, the records behind it.
 *
 * One thread, at open. Commits are checked whole before the first of their records is given. Where
 * the next commit is not whole, three things are possible: the log goes on in a later segment,
 * whose first commit names the last whole one; or it ends here, torn or not; or the place is
 * damaged, which is so when any later commit says that this one was durable.
 */
#ifndef JOURNAL_RECOVER_H
#define JOURNAL_RECOVER_H
#include "journal/checkpoint.h"
#include "journal/segments.h"
#include "wire/record/commit.h"

#define RECOVER_BUFFER_BYTES (2 * COMMIT_BYTES_MAX)

struct recover {
	struct filebuf buf;
	uint64_t unit_at; /* in the checkpoint's file */
	uint32_t shard_at;
	struct segment *seg; /* being read; NULL: before the first, or at the end */
	uint32_t at;         /* of the next commit */
	struct commit last;  /* the last whole commit; number 0: none */
	uint64_t last_loc;
	bool is_any_good; /* the next commit may be any: the floor */
	bool is_begun, is_ended;
	uint32_t record_at, records_end; /* what of the commit was not given yet, in its segment */
	struct journal_recovery sum;
	_Atomic uint32_t missing; /* a segment that was counted on and is not there */
};

/* recover_commit reads the commit at `at` of a segment through `f`, with all its records.
 * ERR_MORE: none, or a part of one (the file ends). ERR_CORRUPT: none, or a damaged one; *out_c is
 * set if its head is whole (number 0 if not). ERR_IO. */
MUST_USE enum err recover_commit(struct filebuf *f, uint32_t segment, uint32_t at,
				 struct commit *out_c);
void recover_fini(struct recover *r, struct mem *mem);
#endif
