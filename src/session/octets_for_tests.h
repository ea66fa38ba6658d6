/* octets_for_tests -- octets that grow, in the heap. Only for tests. */
#ifndef SESSION_OCTETS_FOR_TESTS_H
#define SESSION_OCTETS_FOR_TESTS_H
#include "base/must.h"
#include "base/slice.h"

#include <stdlib.h>

struct octets {
	uint8_t *p;
	size_t n, cap;
};

static inline uint8_t *octets_more(struct octets *o, size_t n)
{
	if (o->cap - o->n < n) {
		o->cap = 2 * (o->n + n);
		o->p = realloc(o->p, o->cap);
		must(o->p != NULL);
	}
	o->n += n;
	return o->p + o->n - n;
}

static inline void octets_put(struct octets *o, const void *p, size_t n)
{
	if (n)
		memcpy(octets_more(o, n), p, n);
}

#endif
