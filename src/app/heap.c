#include "app/heap.h"

#include "base/must.h"

#include <stdint.h>
#include <stdlib.h>

#define BLOCK_BYTES ((size_t)65536) /* what is a multiple of it is aligned to it */

static void *heap_get(struct mem *m, size_t n, const char *kind)
{
	must(m != NULL && kind != NULL);
	return n % BLOCK_BYTES == 0 ? aligned_alloc(BLOCK_BYTES, n) : malloc(n);
}

static void heap_put(struct mem *m, void *own_p, size_t n)
{
	must(m != NULL && n > 0);
	free(own_p);
}

struct mem app_heap(void)
{
	return (struct mem){ .get = heap_get, .put = heap_put, .max = SIZE_MAX };
}
