/* outcomes -- a FIFO of outcome runs between admit, log and apply.
 *
 * One shard owns it. Runs lie one behind the other in chunks of memory; each is tagged with the
 * log index it waits for when the node has proposed it (0: not proposed yet).
 */
#ifndef CORE_OUTCOMES_H
#define CORE_OUTCOMES_H
#include "core/run.h"

struct mem;
struct outcomes_chunk;

struct outcomes {
	struct mem *mem;
	struct outcomes_chunk *head, *tail, *spare;
	struct outcomes_chunk
		*fresh;  /* where the first run not proposed is; NULL: look from head */
	uint64_t runs_n; /* runs in the FIFO */
};

/* outcomes_init makes an empty FIFO; memory is taken from `mem` when runs come. */
void outcomes_init(struct outcomes *o, struct mem *mem);
/* outcomes_fini drops all runs and the references of their ADD rows. */
void outcomes_fini(struct outcomes *o);

/* outcomes_run appends a run like post_run; outcomes_last and outcomes_row extend the last one
 * while it has not been proposed. */
struct run *outcomes_run(struct outcomes *o, const struct run *head, const void *rows,
			 uint32_t row_bytes, uint32_t n, struct slice tail);
struct run *outcomes_last(struct outcomes *o, uint32_t row_bytes);
void *outcomes_row(struct outcomes *o, struct run *r, uint32_t row_bytes);

/* outcomes_unproposed gives the oldest run without index, NULL if none; outcomes_propose tags it
 * (and makes the next one the oldest without). `ordinal`: see core_apply. */
struct run *outcomes_unproposed(struct outcomes *o);
void outcomes_propose(struct outcomes *o, uint64_t index, uint32_t ordinal);

/* outcomes_ready gives the oldest run if it was proposed with an index <= committed; NULL else.
 * outcomes_pop forgets it. */
struct run *outcomes_ready(struct outcomes *o, uint64_t committed, uint64_t *out_index,
			   uint32_t *out_ordinal);
void outcomes_pop(struct outcomes *o);
#endif
