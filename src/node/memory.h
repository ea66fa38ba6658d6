/* memory -- the heap of one loop behind `struct mem`: sizes that come and go are kept for reuse.
 *
 * One loop takes and gives; memory may be given back on another loop than it came from (a
 * connection moves, a batch travels), so `used` starts far above zero and only the sum over all
 * loops says what is really out.
 */
#ifndef NODE_MEMORY_H
#define NODE_MEMORY_H
#include "base/mem.h"
#include "node/slab.h"
#include "port/heap.h"

#include <stdint.h>

#define MEMORY_BASE    ((size_t)1 << 44) /* `used` of an untouched heap */
#define MEMORY_CLASSES 3

struct memory {
	struct mem mem;
	const struct heap *heap; /* where it comes from */
	struct memory_free {
		struct memory_free *next;
	} * free[MEMORY_CLASSES];
	uint32_t free_n[MEMORY_CLASSES];
	struct slabs slabs; /* what is 64 KiB large; never given back on another loop */
};

/* memory_of_process is the heap of the C library. */
const struct heap *memory_of_process(void);
/* memory_init makes a heap without bound: the node's watermarks are the bound. */
void memory_init(struct memory *m, const struct heap *heap);
/* memory_fini gives what is kept back to the process. */
void memory_fini(struct memory *m);
/* memory_used: bytes out of this heap, less those that came from another: may be negative. */
static inline int64_t memory_used(const struct memory *m)
{
	return (int64_t)m->mem.used - (int64_t)MEMORY_BASE;
}
#endif
