/* spill -- stored bytes of transient messages, in files that are never synced.
 *
 * Each loop appends to files of its own; the keeper reads them, and removes those that are closed
 * and hold nothing any more. Any loop may say that bytes are no longer needed. A loc of the spill:
 * ((loop + 1) << 24 | count of the loop's files) << 32 | offset.
 */
#ifndef JOURNAL_SPILL_H
#define JOURNAL_SPILL_H
#include "base/spsc.h"
#include "journal/journal.h"

#define SPILL_FILES_MAX 256u /* of one loop: 16 GiB with segments of 64 MiB */

struct spill_file {
	_Atomic uint32_t number; /* 0: free; set by the loop, cleared by the keeper */
	_Atomic bool is_closed;
	_Atomic int64_t live_bytes;
	_Atomic uint32_t end;
};

struct spill {
	_Atomic(struct spill_file *) files; /* SPILL_FILES_MAX; NULL: never spilled */
	uint32_t count;                     /* files begun by this loop */
	int file;                           /* the open one; -1: none */
};

/* spill_init makes one that has never been used. */
void spill_init(struct spill *s);
void spill_fini(struct spill *s, struct mem *mem, struct disk *d);

/* spill_end: the keeper may read bytes of spill file `number` below it; 0: no such file. */
uint32_t spill_end(struct journal *j, uint32_t number);
/* spill_sweep removes the files that nobody needs, on the keeper's thread. False: nothing new. */
bool spill_sweep(struct journal *j);
#endif
