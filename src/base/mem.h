/* mem -- where the pure rooms get slabs from: a port with a bound, filled by node/ or sim/.
 *
 * base/, core/ and journal/ never call malloc; what must grow takes a `struct mem *` and gets a
 * larger block, or ERR_LIMIT. Blocks are not cleared, and aligned to 16 bytes; those of a multiple
 * of 64 bytes to 64, which a struct with members on cache lines of their own needs, and those of a
 * multiple of 64 KiB to 64 KiB. One thread uses a `struct mem` at a time.
 */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include "base/must.h"

#include <stddef.h>

/* What a block of n bytes is aligned to; 0: as any. */
static inline size_t mem_align(size_t n)
{
	return n % 65536 == 0 ? 65536 : n % 64 == 0 ? 64 : 0;
}

struct mem {
	/* get makes a block of `n` bytes, or NULL; `kind` is a literal, its name in counters */
	void *(*get)(struct mem *m, size_t n, const char *kind);
	/* put takes it back, with the same `n` */
	void (*put)(struct mem *m, void *own_p, size_t n);
	size_t used; /* bytes out now */
	size_t max;  /* bytes that may be out */
};

/* mem_get takes a block of `n` > 0 bytes; NULL when the bound or the world refuses. */
static inline void *mem_get(struct mem *m, size_t n, const char *kind)
{
	must(n > 0 && m->used <= m->max);
	if (n > m->max - m->used)
		return NULL;
	void *p = m->get(m, n, kind);
	if (p)
		m->used += n;
	return p;
}

/* mem_put gives a block back; NULL is nothing. */
static inline void mem_put(struct mem *m, void *own_p, size_t n)
{
	if (!own_p)
		return;
	must(n <= m->used);
	m->used -= n;
	m->put(m, own_p, n);
}

#endif
