/* reader -- the keeper's reads: many small requests become few large ones.
 *
 * Requests of all loops are gathered and put in the order of their places; neighbours are read in
 * one go, up to WINDOW_BYTES, and copied out. When one begins where a read ended, and most
 * of that was wanted, twice as much is read: a queue that is read back in order costs a few large
 * reads, and one that is mostly in memory costs no more than what is missing there. A window
 * that was read stays good: what is durable does not change, and numbers are not reused.
 *
 * Behind a window that goes on like that up to WINDOWS_AHEAD further ones are read before anybody
 * asks, while the first is given out: the disk works and nobody waits for it. All windows together
 * are the reader's bound, whoever reads and however slowly.
 *
 *     free --fill--> read --given up--> free     what is asked for
 *     free --begin_past--> coming --end_past--> read     what will be, likely
 *
 * Large reads go past the system's cache, whose copy is dearer than all else of a message that is
 * read back. Who reads the same once more, as another queue that the message is in or a second
 * reader of a stream, shows that it is worth keeping: then the rest of that segment is read through
 * the cache, and the third finds it there. There the system reads ahead itself.
 */
#ifndef JOURNAL_READER_H
#define JOURNAL_READER_H
#include "journal/journal.h"
#include "journal/windows.h"

#include <stdbool.h>

#define READER_STEP_BYTES 4194304u /* read in one step, about */
#define READER_TELL_BYTES 65536u   /* answered in one step, about: who asked works meanwhile */
#define READER_GATHER     256u     /* requests in one step */
#define READER_FILES      16u      /* kept open */
#define READER_PAST_BYTES 32768u   /* a smaller read does not go past the cache */

struct reader_file {
	uint32_t number; /* 0: free */
	bool is_spill, is_exact;
	int file;
	uint64_t used; /* when last */
};

struct reader {
	struct jread *want[READER_GATHER]; /* gathered and not done yet, in order of place */
	uint32_t want_n, want_at;
	struct windows windows;
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
