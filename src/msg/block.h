/* block -- reference-counted memory in which bytes from a socket land and messages live.
 *
 * A block is BLOCK_ALIGN-aligned, so that any pointer into its first BLOCK_ALIGN bytes finds it.
 * Bytes are filled upwards from the front by one loop (its owner); message headers (struct msg)
 * are taken downwards from its end; in a large block (more than BLOCK_ALIGN bytes) from the end of
 * a small room in front of the bytes. Both are written once, before the message is handed to
 * anybody, and never changed afterwards: readers need no lock.
 *
 *          | struct block | bytes -> ...                  <- msg msg msg |
 *   large: | struct block | <- msg | bytes -> ...                        | ... |
 *          ^ aligned                                                     ^ BLOCK_ALIGN
 *
 * References: the owner holds one big share (BLOCK_SHARE) while it fills the block, and counts in
 * `given` what it hands out; block_close gives the rest back in one atomic step. So filling and
 * handing out cost no atomic operation. Everybody else drops references with block_unref, in
 * counts; the last one to drop sends the block home. Any thread may drop; a home's owner collects.
 */
#ifndef MSG_BLOCK_H
#define MSG_BLOCK_H
#include "base/limits.h"
#include "base/mem.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define BLOCK_ALIGN         ((uint32_t)LIMIT_BLOCK_BYTES)
#define BLOCK_SHARE         (1 << 30)
#define BLOCK_HEADER_ROOM   64u  /* one message header, aligned */
#define BLOCK_LARGE_HEADERS 256u /* room for headers in a large block */
#define BLOCK_COMMON_MAX    (BLOCK_ALIGN / 4)

struct block_home;

struct block {
	_Atomic int64_t refs;
	int64_t given; /* owner only: references handed out while filling */
	struct block_home *home;
	struct block *next; /* in the home's free or returned list */
	uint32_t bytes;     /* of the whole block, a multiple of BLOCK_ALIGN */
	uint32_t fill;      /* owner only: end of the bytes in use */
	uint32_t msg_floor; /* owner only: the lowest message header */
	uint32_t noted;     /* filler: where the message is whose end is noted; 0: none */
	_Alignas(8) uint8_t at[];
};

/* A home owns blocks: one per loop. Taking is for the owner only; returning is for everybody. */
struct block_home {
	struct mem *mem;
	struct block *free; /* of BLOCK_ALIGN bytes */
	uint32_t free_n, free_max;
	_Atomic(struct block *) returned; /* pushed by any thread, taken whole by the owner */
	struct block *ended;              /* owner only: noted ones that came home */
	struct block *common;             /* owner only: block_for's; NULL: none yet */
	uint64_t out_bytes;               /* owner only: blocks not in `free`, in bytes */
};

/* block_home_init makes an empty home; at most `free_max` blocks are kept for reuse. */
void block_home_init(struct block_home *h, struct mem *mem, uint32_t free_max);

/* block_home_fini gives every kept block back to mem. All blocks must have come home. */
void block_home_fini(struct block_home *h);

/* block_take gives an empty block with room for at least `bytes` of payload beside one message
 * header; 0 asks for the usual BLOCK_ALIGN. The caller is its filler until block_close.
 * NULL: the home's memory is used up. */
struct block *block_take(struct block_home *h, uint32_t bytes);

/* block_for gives a block with room for one message of `bytes` and its header: up to
 * BLOCK_COMMON_MAX the home's common one, in which such messages of everybody lie, else one of its
 * own. A small message alone would keep a whole block. block_filled ends the filling of it. NULL:
 * the home's memory is used up. */
struct block *block_for(struct block_home *h, uint32_t bytes);
void block_filled(struct block *b);

/* block_collect takes back what other threads have returned; called by the owner, at both
 * ends of a turn. */
void block_collect(struct block_home *h);

/* block_is_returned: has anybody sent a block home that block_collect has not met? Any thread. */
static inline bool block_is_returned(const struct block_home *h)
{
	return atomic_load(&h->returned) != NULL;
}

/* block_note asks, while the block is filled, that its home hears when nobody holds it any more:
 * who refers to the block holds what its message `off` bytes into it stands for. block_ended gives
 * the owner the next such block that block_collect has found, its bytes as they were; NULL: none.
 * block_forget ends it. */
static inline void block_note(struct block *b, uint32_t off)
{
	b->noted = off;
}
struct block *block_ended(struct block_home *h);
static inline bool block_has_ended(const struct block_home *h)
{
	return h->ended != NULL;
}
void block_forget(struct block_home *h, struct block *own_b);

/* block_close ends the filling: the owner's share is dropped. The block may be gone afterwards. */
void block_close(struct block *b);

/* block_ref adds `n` references; the caller must hold one (or be the filler: use block_give). */
static inline void block_ref(struct block *b, int64_t n)
{
	atomic_fetch_add_explicit(&b->refs, n, memory_order_relaxed);
}

/* block_give notes that the filler hands out `n` references of its share. */
static inline void block_give(struct block *b, int64_t n)
{
	b->given += n;
}

/* block_unref drops `n` references; the last one sends the block home. Any thread. */
void block_unref(struct block *b, int64_t n);

/* block_of finds the block of a message header or of a byte in the first BLOCK_ALIGN bytes. */
static inline struct block *block_of(const void *p)
{
	return (struct block *)((uintptr_t)p & ~(uintptr_t)(BLOCK_ALIGN - 1));
}

static inline bool block_is_large(const struct block *b)
{
	return b->bytes > BLOCK_ALIGN;
}

/* block_end: where bytes must stop, before the message headers or at the block's end.
 * block_room: bytes that can still be filled before it. */
static inline uint32_t block_end(const struct block *b)
{
	return block_is_large(b) ? b->bytes : b->msg_floor;
}
static inline uint32_t block_room(const struct block *b)
{
	return block_end(b) - b->fill;
}
#endif
