#include "session/session.h"

void loads_put(struct loads *l, struct load one)
{
	if (l->n == l->cap) {
		uint32_t cap = l->cap ? 2 * l->cap : 64;
		struct load *at = mem_get(l->mem, cap * sizeof *at, "loads");
		must(at != NULL);
		if (l->n)
			memcpy(at, l->at, l->n * sizeof *at);
		mem_put(l->mem, l->at, l->cap * sizeof *at);
		l->at = at;
		l->cap = cap;
	}
	l->at[l->n++] = one;
}
