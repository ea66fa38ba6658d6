/* chunk -- 512 entries of a queue side by side, and the pool that chunks come from.
 *
 * A slot is used once in a chunk's life, from the first on. Two bitmaps say what has become of
 * the entry in it; a slot that is not live keeps its bytes, and its id still is in order:
 *
 *     live  ready
 *      0     0     not used yet, or gone
 *      1     1     waits for a consumer
 *      1     0     given (or settled, with the removal on its way: ENTRY_SETTLING; or a dead
 *                  letter on its way: ENTRY_DEAD)
 *
 * 40 bytes an entry in all. One shard owns chunks and pool; a pool keeps a few free chunks, so that
 * a queue that goes up and down does not ask for memory.
 */
#ifndef CORE_CHUNK_H
#define CORE_CHUNK_H
#include "base/bits.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/wheel.h"
#include "core/rows.h"

#define CHUNK_N     ((uint32_t)LIMIT_CHUNK_ENTRIES)
#define CHUNK_WORDS (LIMIT_CHUNK_ENTRIES / 64)

struct entry {
	uint64_t id;        /* record index << 16 | ordinal; of a transient entry: the id of
				    the last persistent one before it */
	uint64_t mem;       /* owns one reference; 0: not in memory */
	uint64_t expiry_ms; /* 0: never */
	uint32_t bytes;
	uint16_t count; /* deliveries that count */
	uint8_t flags;  /* ENTRY_PERSISTENT, BIG, REDELIVERED, SETTLING, SPILLED, DEAD */
	uint8_t priority;
};

/* Waits in the core's wheel. */
enum due_kind { DUE_CHUNK, DUE_QUEUE, DUE_RETRY, DUE_DELAY, DUE_STREAM };
struct due {
	struct wheel_timer timer;
	uint8_t kind; /* enum due_kind: whose it is */
};

struct queue;

struct chunk {
	uint64_t live[CHUNK_WORDS];
	uint64_t ready[CHUNK_WORDS];
	uint64_t number;   /* of all chunks that its queue has had */
	uint64_t changed;  /* checkpoint epoch of the last durable change; 0: never */
	uint64_t first_id; /* not above any id in it, not below any before it */
	uint32_t used;     /* slots that were ever used: [0, used) */
	uint32_t live_n;
	uint32_t durable_n;    /* live and persistent */
	bool is_stored;        /* a checkpoint may hold a unit of it */
	struct chunk *next;    /* in the pool */
	struct queue *queue;   /* that it is in */
	uint64_t expires_ms;   /* no ready entry expires before; 0: none expires */
	struct due due;        /* at that time */
	uint32_t *bodies;      /* of each slot's message, if the queue has a limit for these */
	struct list_node late; /* in core.late: an entry may not wait at all */
	uint64_t (*lane)[CHUNK_WORDS]; /* `ready` by priority (lanes.h), if the queue has these */
	uint16_t lanes_n;
	uint64_t loc[CHUNK_N]; /* where the stored message lies; 0: nowhere */
	struct entry entry[CHUNK_N];
};

_Static_assert(sizeof(struct entry) == 32, "an entry is half a cache line");
_Static_assert(sizeof(struct chunk) <= CHUNK_N * 41, "40 bytes an entry, with all tables");

struct chunk_pool {
	struct mem *mem;
	struct chunk *free;
	uint32_t free_n;
	uint64_t out_n; /* chunks in queues */
};

/* A position is the place of an entry in its queue: chunk number and slot. Never 0. */
static inline uint64_t pos_of(uint64_t number, uint32_t slot)
{
	return number * CHUNK_N + slot;
}
static inline uint64_t pos_chunk(uint64_t pos)
{
	return pos / CHUNK_N;
}
static inline uint32_t pos_slot(uint64_t pos)
{
	return (uint32_t)(pos % CHUNK_N);
}

/* chunk_pool_init makes a pool without chunks. */
void chunk_pool_init(struct chunk_pool *p, struct mem *mem);
/* chunk_pool_fini gives the free chunks back; all others must have come home. */
void chunk_pool_fini(struct chunk_pool *p);

/* chunk_take gives an empty chunk. No memory is a must(): the node stops reading publishers long
 * before its budget is used up. */
struct chunk *chunk_take(struct chunk_pool *p, uint64_t number);
void chunk_put(struct chunk_pool *p, struct chunk *own_k);

/* chunk_use makes slots [used, used + n) live and ready; the caller has filled them. */
void chunk_use(struct chunk *k, uint32_t n);

static inline bool chunk_is_given(const struct chunk *k, uint32_t slot)
{
	return bits_test(k->live, slot) && !bits_test(k->ready, slot) &&
	       !(k->entry[slot].flags & (ENTRY_SETTLING | ENTRY_DEAD));
}

/* chunk_find is the first slot whose id is not below `id`, or `used`. */
uint32_t chunk_find(const struct chunk *k, uint64_t id);

void chunk_check(const struct chunk *k); /* must()s every invariant */
#endif
