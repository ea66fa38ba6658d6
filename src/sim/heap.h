/* heap -- the memory of a simulated process: when it is killed, all of it is free again.
 *
 * Every block comes from the C library, so that sanitizers watch it, and is in one list until it
 * is given back. One thread.
 */
#ifndef SIM_HEAP_H
#define SIM_HEAP_H
#include "base/list.h"
#include "port/heap.h"

struct sim_heap {
	struct heap port;
	struct list *blocks; /* `list`, which the port may change */
	struct list list;
};

/* sim_heap_init: nothing is out. It must not be moved. */
void sim_heap_init(struct sim_heap *h);
/* sim_heap_forget frees everything that is out. */
void sim_heap_forget(struct sim_heap *h);
#endif
