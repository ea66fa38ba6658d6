/* waiters -- positions in a queue by the time at which they are due, the soonest first.
 *
 * A heap; the shard's. What is due at the same time comes in the order of positions.
 */
#ifndef CORE_WAITERS_H
#define CORE_WAITERS_H
#include "base/mem.h"

#include <stddef.h>
#include <stdint.h>

struct waiter {
	uint64_t at_ms, pos;
};

struct waiters {
	struct waiter *heap; /* heap[0] is the soonest */
	size_t n, cap;
};

/* waiters_put adds one: no memory is a must(), as for chunks. waiters_take takes the soonest; there
 * must be one. */
void waiters_put(struct waiters *w, struct mem *mem, struct waiter one);
struct waiter waiters_take(struct waiters *w);

/* waiters_fini forgets all. */
void waiters_fini(struct waiters *w, struct mem *mem);
#endif
