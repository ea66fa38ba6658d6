/* reader -- the keeper's reads: many small requests become few large ones.
 *
 * Requests of all loops are gathered and put in the order of their places; neighbours are read in
 * one go, up to READER_WINDOW_BYTES, and copied out. When one begins where the last read ended, and
 * most of that was wanted, twice as much is read: a queue that is read back in order costs a few
 * large reads, and one that is mostly in memory costs no more than what is missing there. A window
 * that was read stays good: what is durable does not change, and numbers are not reused.
 */
#ifndef JOURNAL_READER_H
#define JOURNAL_READER_H
#include "journal/journal.h"

#include <stdbool.h>

#define READER_WINDOW_BYTES 1048576u
#define READER_STEP_BYTES   4194304u /* read in one step, about */
#define READER_GATHER       256u     /* requests in one step */
#define READER_GAP_BYTES    16384u   /* unwanted bytes between two requests read in one go */
#define READER_FILES        16u      /* kept open */

struct reader_file {
	uint32_t number; /* 0: free */
	bool is_spill;
	int file;
	uint64_t used; /* when last */
};

struct reader {
	struct jread *want[READER_GATHER]; /* gathered and not done yet, in order of place */
	uint32_t want_n, want_at;
	uint8_t *window; /* NULL: never read yet */
	uint64_t window_loc;
	uint32_t window_n;       /* bytes in it */
	uint64_t window_given_n; /* bytes of it that were asked for */
	bool window_is_spill;
	struct reader_file files[READER_FILES];
	uint64_t clock; /* counts uses of files */
};

/* reader_init makes one that has nothing open. */
void reader_init(struct reader *r);
void reader_check(const struct reader *r);
void reader_fini(struct journal *j);
/* reader_step answers some requests. False: there are none. *out_wake as of journal_keep_step. */
bool reader_step(struct journal *j, uint64_t *out_wake);
/* reader_forget closes the file of a segment or a spill that is about to go. */
void reader_forget(struct journal *j, uint32_t number, bool is_spill);
#endif
