#include "sim/journal_rig_state.h"

#include <stdlib.h>

/* Large blocks come and go with every checkpoint and every open: they are kept for the next time,
 * because a sanitizer makes each of them dear. */
static void *rig_mem_get(struct mem *m, size_t n, const char *kind)
{
	struct rig_mem *k = containerof(m, struct rig_mem, mem);
	must(kind != NULL);
	for (uint32_t i = 0; n >= RIG_KEPT_BYTES_MIN && i < k->kept_n; i++)
		if (k->kept[i].n == n) {
			void *p = k->kept[i].p;
			k->kept[i] = k->kept[--k->kept_n];
			return p;
		}
	return mem_align(n) ? aligned_alloc(mem_align(n), n) : malloc(n);
}

static void rig_mem_put(struct mem *m, void *own_p, size_t n)
{
	struct rig_mem *k = containerof(m, struct rig_mem, mem);
	if (n < RIG_KEPT_BYTES_MIN || k->kept_n == RIG_KEPT_MAX) {
		free(own_p);
		return;
	}
	k->kept[k->kept_n].p = own_p;
	k->kept[k->kept_n++].n = n;
}

void rig_mem_fini(struct rig_mem *k)
{
	while (k->kept_n > 0)
		free(k->kept[--k->kept_n].p);
}

void rig_mem_init(struct rig_mem *k)
{
	k->mem = (struct mem){ .get = rig_mem_get, .put = rig_mem_put, .max = (size_t)1 << 30 };
	k->kept_n = 0;
}
