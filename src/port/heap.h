/* heap -- the machine's memory, from which the node takes what its pools and loops are made of.
 *
 * All threads may call it. A process has the heap of its C library; a simulated broker has one that
 * is taken away when its process is killed.
 */
#ifndef PORT_HEAP_H
#define PORT_HEAP_H
#include <stddef.h>

struct heap {
	/* get makes a block, not cleared, aligned to `align` (a power of two, of which n is a
	 * multiple) or, for 0, to 16 bytes; NULL: the machine has no more. */
	void *(*get)(const struct heap *h, size_t align, size_t n);
	/* put takes it back. */
	void (*put)(const struct heap *h, void *own_p);
};
#endif
