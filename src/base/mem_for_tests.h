/* mem_for_tests -- a `struct mem` over the heap, for tests only; can fail the n-th request.
 *
 *	struct mem_for_tests heap = mem_for_tests(1 << 20);
 *	deque_push(&d, &heap.mem, &row);
 *	must(heap.mem.used == 0);         at the end: nothing leaked
 */
#ifndef BASE_MEM_FOR_TESTS_H
#define BASE_MEM_FOR_TESTS_H

#include "base/list.h"
#include "base/mem.h"

#include <stdlib.h>

struct mem_for_tests {
	struct mem mem;
	long fail_in; /* the request that fails: 1 = the next one; 0 = none */
};

/* mem_for_tests_get counts down to the request that fails. */
static inline void *mem_for_tests_get(struct mem *m, size_t n, const char *kind)
{
	struct mem_for_tests *t = containerof(m, struct mem_for_tests, mem);
	must(kind != NULL);
	if (t->fail_in > 0 && --t->fail_in == 0)
		return NULL;
	return mem_align(n) ? aligned_alloc(mem_align(n), n) : malloc(n);
}

/* mem_for_tests_put: free() knows the length itself. */
static inline void mem_for_tests_put(struct mem *m, void *own_p, size_t n)
{
	(void)m;
	(void)n;
	free(own_p);
}

/* mem_for_tests makes one that gives out at most `max` bytes at a time. */
static inline struct mem_for_tests mem_for_tests(size_t max)
{
	return (struct mem_for_tests){
		.mem = { .get = mem_for_tests_get, .put = mem_for_tests_put, .max = max },
	};
}

#endif
