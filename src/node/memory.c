#include "node/memory.h"

#include "base/list.h"
#include "core/run.h"
#include "session/sendq.h"

#include <stdlib.h>

/* Sizes worth keeping, and how many of each: what a busy turn takes and gives back. The largest of
 * a class is a multiple of 64: it is aligned as any such block is. */
static const struct {
	size_t bytes_min, bytes_max;
	uint32_t keep_n;
} classes[MEMORY_CLASSES] = {
	{ 32768, 33792, 16 },
	{ 16384, 16640, 64 },
	{ 4096, 4352, 64 },
};

static int class_of(size_t n)
{
	for (int i = 0; i < MEMORY_CLASSES; i++)
		if (n >= classes[i].bytes_min && n <= classes[i].bytes_max)
			return i;
	return -1;
}

static void *process_get(const struct heap *h, size_t align, size_t n)
{
	(void)h;
	return align ? aligned_alloc(align, n) : malloc(n);
}

static void process_put(const struct heap *h, void *own_p)
{
	(void)h;
	free(own_p);
}

const struct heap *memory_of_process(void)
{
	static const struct heap heap = { process_get, process_put };
	return &heap;
}

static void *memory_get(struct mem *mem, size_t n, const char *kind)
{
	struct memory *m = containerof(mem, struct memory, mem);
	must(kind != NULL);
	if (n == SLAB_BLOCK_BYTES)
		return slabs_take(&m->slabs);
	int c = class_of(n);
	if (c >= 0 && m->free[c]) {
		struct memory_free *f = m->free[c];
		m->free[c] = f->next;
		m->free_n[c]--;
		return f;
	}
	n = c >= 0 ? classes[c].bytes_max : n;
	return m->heap->get(m->heap, mem_align(n), n);
}

static void memory_put(struct mem *mem, void *own_p, size_t n)
{
	struct memory *m = containerof(mem, struct memory, mem);
	if (n == SLAB_BLOCK_BYTES) {
		slabs_give(&m->slabs, own_p);
		return;
	}
	int c = class_of(n);
	if (c >= 0 && m->free_n[c] < classes[c].keep_n) {
		struct memory_free *f = own_p;
		f->next = m->free[c];
		m->free[c] = f;
		m->free_n[c]++;
		return;
	}
	m->heap->put(m->heap, own_p);
}

void memory_init(struct memory *m, const struct heap *heap)
{
	*m = (struct memory){ .mem = { .get = memory_get,
				       .put = memory_put,
				       .used = MEMORY_BASE,
				       .max = SIZE_MAX },
			      .heap = heap };
	slabs_init(&m->slabs, heap);
}

void memory_fini(struct memory *m)
{
	slabs_fini(&m->slabs);
	for (int c = 0; c < MEMORY_CLASSES; c++)
		while (m->free[c]) {
			struct memory_free *f = m->free[c];
			m->free[c] = f->next;
			m->free_n[c]--;
			m->heap->put(m->heap, f);
		}
}
