/* batch -- what a loop fills and submits, and the loop's ends of all rings.
 *
 * A loop has JOURNAL_BATCHES batches. Their memory is the loop's, comes when a batch is taken and
 * follows what is written: doubled while batches come back more than half full, halved while they
 * come back nearly empty.
 *
 *	free (loop) --journal_batch--> filling (loop) --submitted--> writer --done--> loop --> free
 */
#ifndef JOURNAL_BATCH_H
#define JOURNAL_BATCH_H
#include "base/spsc.h"
#include "journal/journal.h"
#include "journal/spill.h"

#define BATCH_RING 4u

struct jloop {
	struct mem *mem;
	struct jbatch batches[JOURNAL_BATCHES];
	struct jbatch *free;
	uint32_t cap_min, cap_max, cap_next; /* bytes of a batch's memory */
	uint32_t reads_out;
	struct spill spill;
	struct spsc submitted, done; /* batches: to the writer, and back */
	struct spsc asked, answered; /* reads: to the keeper, and back */
	void *batch_slots[2 * BATCH_RING];
	void *read_slots[2 * JOURNAL_READS];
};

_Static_assert(JOURNAL_BATCHES <= BATCH_RING, "no ring of batches is ever full");

/* jloop_init prepares the ends of loop `loop`; jloop_fini gives its memory back. */
void jloop_init(struct jloop *l, uint32_t loop, const struct journal_setup *s);
void jloop_fini(struct jloop *l, struct disk *d);
#endif
