/* pool -- objects of one size out of slabs that the pool was given.
 *
 * One owner, one thread. Taking and putting back are a few instructions. Objects come uncleared;
 * the last one put back is the first one taken. A slab goes back only with the whole pool.
 *
 *	TRY(pool_make_room(&p, mem, 65536, "channels"));
 *	struct channel *c = pool_take(&p);
 */
#ifndef BASE_POOL_H
#define BASE_POOL_H

#include "base/err.h"
#include "base/mem.h"

#include <stddef.h>

struct pool_slab;
struct pool_free;

struct pool {
	size_t size, align;     /* of one object */
	struct pool_free *free; /* objects that were put back */
	char *fresh, *end;      /* the part of the newest slab that was never taken */
	struct pool_slab *slabs;
	size_t used_n; /* objects out */
	size_t cap_n;  /* objects in all slabs */
};

/* pool_init makes a pool without slabs. `align` is a power of two, at most 64. */
void pool_init(struct pool *p, size_t size, size_t align);

/* pool_give_slab adds `len` bytes, aligned to 16 or better. At least one object must fit. */
void pool_give_slab(struct pool *p, void *own_mem, size_t len);

/* pool_make_room sees to it that the next take succeeds, by a slab from `mem` if it must.
 * ERR_LIMIT: no memory; nothing changed. */
MUST_USE enum err pool_make_room(struct pool *p, struct mem *mem, size_t slab_bytes,
				 const char *kind);

/* pool_take hands out an object; NULL: no slab has one left. */
void *pool_take(struct pool *p);

/* pool_put takes back an object of this pool. */
void pool_put(struct pool *p, void *own_object);

/* pool_take_slab hands out one slab and its length, for putting it back where it came from; NULL:
 * none left. After the first call the pool's objects are gone, out or not. */
void *pool_take_slab(struct pool *p, size_t *out_len);

/* pool_fini gives every slab back to the `mem` they came from; an empty pool remains. */
void pool_fini(struct pool *p, struct mem *mem);

#endif
