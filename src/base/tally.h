/* tally -- how many of each number there are now: one count that all threads share.
 *
 * For what comes and goes with connections and channels, never with messages: a flag that spins
 * guards it. Memory is taken as numbers come, and a number that falls to 0 is forgotten.
 */
#ifndef BASE_TALLY_H
#define BASE_TALLY_H
#include "base/err.h"
#include "base/map.h"
#include "base/mem.h"

#include <stdatomic.h>

struct tally {
	atomic_flag is_busy;
	struct map counts;
	struct mem *mem; /* touched only while is_busy */
};

/* tally_init makes an empty one, tally_fini gives its memory back when nobody counts any more. */
void tally_init(struct tally *t, struct mem *mem);
void tally_fini(struct tally *t);

/* tally_add counts one more `what`, unless there are `max` already (below 0: no bound).
 * ERR_LIMIT: there are. ERR_RESOURCE_ERROR: no memory. Then nothing was counted. */
MUST_USE enum err tally_add(struct tally *t, uint64_t what, int64_t max);

/* tally_sub counts one less; there was one. */
void tally_sub(struct tally *t, uint64_t what);

/* tally_count says how many there are now. */
uint64_t tally_count(struct tally *t, uint64_t what);
#endif
