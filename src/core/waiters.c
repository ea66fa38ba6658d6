#include "core/waiters.h"

#include "base/must.h"

#include <stdbool.h>
#include <string.h>

static bool is_before(const struct waiter *a, const struct waiter *b)
{
	return a->at_ms < b->at_ms || (a->at_ms == b->at_ms && a->pos < b->pos);
}

void waiters_put(struct waiters *w, struct mem *mem, struct waiter one)
{
	if (w->n == w->cap) {
		size_t cap = w->cap ? 2 * w->cap : 16;
		struct waiter *heap = mem_get(mem, cap * sizeof *heap, "waiters");
		must(heap != NULL);
		if (w->n)
			memcpy(heap, w->heap, w->n * sizeof *heap);
		mem_put(mem, w->heap, w->cap * sizeof *heap);
		w->heap = heap;
		w->cap = cap;
	}
	size_t at = w->n++;
	for (; at > 0 && is_before(&one, &w->heap[(at - 1) / 2]); at = (at - 1) / 2)
		w->heap[at] = w->heap[(at - 1) / 2];
	w->heap[at] = one;
}

struct waiter waiters_take(struct waiters *w)
{
	must(w->n > 0);
	struct waiter first = w->heap[0], last = w->heap[--w->n];
	size_t at = 0;
	for (size_t below; (below = 2 * at + 1) < w->n; at = below) {
		if (below + 1 < w->n && is_before(&w->heap[below + 1], &w->heap[below]))
			below++;
		if (!is_before(&w->heap[below], &last))
			break;
		w->heap[at] = w->heap[below];
	}
	w->heap[at] = last;
	return first;
}

void waiters_fini(struct waiters *w, struct mem *mem)
{
	must(w->n <= w->cap);
	mem_put(mem, w->heap, w->cap * sizeof *w->heap);
	*w = (struct waiters){ 0 };
}
