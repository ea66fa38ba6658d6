/* cells -- small objects of many sizes, packed: no head beside each, and no size rounded up far.
 *
 * Objects of one size, in steps of 8 bytes, share pages of 64 KiB; a page goes back to the `mem`
 * when all in it are home and another of that size has room. Larger objects are the mem's own.
 * Whoever gives one back says how large it was. Objects are aligned to 8 bytes, and not cleared.
 * One owner, one thread. Where addresses are watched (ASan) each object is the mem's own.
 *
 *     page: [ head | cell cell cell ... | never used yet ]     found from a cell by its address
 */
#ifndef BASE_CELLS_H
#define BASE_CELLS_H

#include "base/mem.h"

#define CELLS_BYTES_MAX ((size_t)320) /* of an object that lies in a page */
#define CELLS_SIZES     (CELLS_BYTES_MAX / 8)

struct cell_page;

struct cells {
	struct mem *mem;
	size_t used;                              /* bytes of objects out now */
	struct cell_page *with_room[CELLS_SIZES]; /* by size */
};

/* cells_init: no page yet. cells_fini gives the last ones back; all objects are home. */
void cells_init(struct cells *c, struct mem *mem);
void cells_fini(struct cells *c);

/* cells_get takes an object of `n` > 0 bytes; NULL: no memory. cells_put gives it back. */
void *cells_get(struct cells *c, size_t n, const char *kind);
void cells_put(struct cells *c, void *own_p, size_t n);
#endif
