/* writer -- group commit: everything submitted so far, one write, one sync.
 *
 * One thread. Batches are taken in the order of their tickets: a ticket that is missing is on its
 * way between counter and ring, so what is contiguous is taken and the rest waits. A commit goes
 * to one segment; when the next batch does not fit, the segment is closed and the keeper's next
 * one is begun.
 */
#ifndef JOURNAL_WRITER_H
#define JOURNAL_WRITER_H
#include "base/limits.h"
#include "journal/segments.h"
#include "wire/record/commit.h"

#define WRITER_WINDOW (LIMIT_LOOPS_MAX * JOURNAL_BATCHES)

struct writer {
	struct jbatch *window[WRITER_WINDOW]; /* by ticket */
	uint64_t next_ticket;
	struct segment *active; /* NULL: none yet */
	uint32_t at;            /* where the next commit goes */
	struct commit last;     /* the newest commit; number 0: none */
	uint64_t last_loc;
	bool waits; /* for a segment */
};

void writer_check(const struct writer *w);
/* writer_init begins behind the commit `last` at last_loc. */
void writer_init(struct writer *w, const struct commit *last, uint64_t last_loc);
/* writer_seal writes an empty commit behind the last one, so that it is known to be whole;
 * failing to does no harm. */
void writer_seal(struct journal *j);
#endif
