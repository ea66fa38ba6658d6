#include "app/bench/heap.h"

#include "base/must.h"

#include <stdio.h>
#include <stdlib.h>

void *heap_array(size_t n, size_t size)
{
	must(n > 0 && size > 0);
	void *p = calloc(n, size);
	if (!p) {
		fprintf(stderr, "godwit bench: no memory for %zu x %zu bytes\n", n, size);
		exit(1);
	}
	return p;
}

void heap_free(void *own_p)
{
	free(own_p);
}
