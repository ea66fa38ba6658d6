/* slab -- blocks of 64 KiB out of larger pieces, so that they do not fragment the heap.
 *
 * One loop owns a slab list: it alone takes and gives. A piece of SLAB_BYTES, aligned to itself,
 * has its header in its first block and gives out the others; it goes back to the process when all
 * of them are home and another piece has room.
 */
#ifndef NODE_SLAB_H
#define NODE_SLAB_H
#include "port/heap.h"

#include <stddef.h>
#include <stdint.h>

#define SLAB_BLOCK_BYTES ((size_t)65536)
#define SLAB_BYTES       ((size_t)2 << 20)

struct slab;
struct slabs {
	const struct heap *heap;   /* of the pieces */
	struct slab *with_room;    /* pieces that have a free block; full ones are in no list */
	uint32_t pieces_n, free_n; /* free_n: blocks in all pieces with room */
};

/* slabs_init: no piece yet. */
void slabs_init(struct slabs *s, const struct heap *heap);
/* slabs_take gives a block, not cleared; NULL: no memory. */
void *slabs_take(struct slabs *s);
/* slabs_give takes one back. */
void slabs_give(struct slabs *s, void *own_block);
/* slabs_fini gives all pieces back; all blocks must be home. */
void slabs_fini(struct slabs *s);
#endif
