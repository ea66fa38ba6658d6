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
 * The first few entries lie in the chunk itself; with the next one it gets rows for all 512, so
 * that a short queue is small. 40 bytes an entry in all. One shard owns chunks and pool; a pool
 * keeps a few free chunks and rows, so that a queue that goes up and down asks for no memory.
 *
 *     [ bitmaps, numbers | few ]        [ bitmaps, numbers | few ]
 *       entry, loc --------^              entry, loc ---> rows
 *
 * A cold chunk (core_cold.c) is the head of one: bitmaps and numbers, and of its entries only what
 * `struct cold` says. loc and entry are NULL, and `few` is not there: nobody looks at them without
 * having asked is_cold.
 */
#ifndef CORE_CHUNK_H
#define CORE_CHUNK_H
#include "base/bits.h"
#include "base/digest.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/wheel.h"
#include "core/rows.h"

#define CHUNK_N     ((uint32_t)LIMIT_CHUNK_ENTRIES)
#define CHUNK_FEW   4u /* entries that need no rows */
#define CHUNK_WORDS (LIMIT_CHUNK_ENTRIES / 64)

struct entry {
	uint64_t id;        /* record index << 16 | ordinal; of a transient entry: the id of
				    the last persistent one before it */
	uint64_t mem;       /* owns one reference; 0: not in memory */
	uint64_t expiry_ms; /* as in rows.h: expiry_time 0: never */
	uint32_t bytes;
	uint16_t count; /* deliveries that failed */
	uint8_t flags;  /* ENTRY_PERSISTENT, BIG, REDELIVERED, SETTLING, AGAIN, RETURNED, SPILLED,
			   DEAD */
	uint8_t priority;
};

/* Waits in the core's wheel. */
enum due_kind { DUE_CHUNK, DUE_QUEUE, DUE_RETRY, DUE_DELAY, DUE_STREAM, DUE_RETAIN, DUE_SHED };
struct due {
	struct wheel_timer timer;
	uint8_t kind; /* enum due_kind: whose it is */
};

struct queue;

/* What is known of entries that are not in memory. All of them live, are persistent, lie in the
 * journal and nowhere else, and never expire. */
#define COLD_SPANS_MAX 32u
struct cold {
	uint64_t first_id, last_id; /* of the first and the last live one */
	uint64_t bytes;             /* of all */
	struct digest_sum sum;      /* chunk_sum */
	uint32_t spans_n;           /* there is memory for so many */
	bool differ;                /* they are of several priorities, up to RANK_MAX */
	uint8_t level;              /* or all of this one */
	struct cold_span {          /* where their messages lie: how many in which segment */
		uint32_t segment, n;
		uint64_t bytes;
	} span[COLD_SPANS_MAX];
};

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
	uint8_t level;         /* the priority of all its entries, if it has no lanes (lanes.h) */
	struct chunk *next;    /* in the pool */
	struct queue *queue;   /* that it is in */
	uint64_t expires_ms;   /* no ready entry expires before; 0: none expires */
	struct due due;        /* at that time */
	uint64_t *once;        /* of each slot's message, if it has one: core_once.c */
	uint32_t *bodies;      /* of each slot's message, if the queue has a limit for these */
	uint16_t *returned;    /* of each slot with ENTRY_RETURNED: how often (core_attempt.c) */
	struct list_node late; /* in core.late: an entry may not wait at all */
	struct chunk_select *select; /* what selectors know of it (core_select.c); NULL: nothing */
	uint64_t (*lane)[CHUNK_WORDS]; /* `ready` by priority (lanes.h), if it has several */
	uint16_t lanes_n;              /* of its queue; 0: it has none */
	uint16_t bodies_n, returned_n; /* slots that `bodies` and `returned` have room for */
	bool is_cold;
	bool is_wanted;          /* cold, and being read */
	struct entry *entry;     /* by slot: in `few`, or rows of all slots */
	uint64_t *loc;           /* likewise: where the stored message lies; 0: nowhere */
	struct chunk_rows *rows; /* NULL: all entries are in `few` */
	union {
		struct {
			struct entry entry[CHUNK_FEW];
			uint64_t loc[CHUNK_FEW];
		} few;
		struct cold cold;
	};
};

struct chunk_rows {
	struct chunk_rows *next; /* in the pool */
	struct entry entry[CHUNK_N];
	uint64_t loc[CHUNK_N];
};

static inline size_t chunk_cold_bytes(const struct cold *c)
{
	return offsetof(struct chunk, cold.span) + c->spans_n * sizeof c->span[0];
}

_Static_assert(sizeof(struct entry) == 32, "an entry is half a cache line");
/* What a chunk with rows takes; one without: offsetof(struct chunk, few) and them. */
#define CHUNK_SMALL_BYTES (offsetof(struct chunk, few) + sizeof((struct chunk){ 0 }.few))
#define CHUNK_FULL_BYTES  (CHUNK_SMALL_BYTES + sizeof(struct chunk_rows))
_Static_assert(CHUNK_FULL_BYTES <= CHUNK_N * 41, "40 bytes an entry, with all tables");

struct chunk_pool {
	struct mem *mem;
	struct chunk *free;
	struct chunk_rows *free_rows;
	uint32_t free_n, free_rows_n;
	uint64_t out_n;  /* chunks in queues */
	uint64_t full_n; /* of them, with rows */
	uint64_t cold_n; /* of them, cold */
	uint64_t cold_bytes;
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

/* chunk_room sees to it that there are entries for the slots below `n`. No memory is a must(). */
void chunk_rows_get(struct chunk_pool *p, struct chunk *k);
static inline void chunk_room(struct chunk_pool *p, struct chunk *k, uint32_t n)
{
	must(n <= CHUNK_N && !k->is_cold);
	if (n > CHUNK_FEW && !k->rows)
		chunk_rows_get(p, k);
}

/* chunk_pool_bytes is the memory of all chunks in queues that are not cold. */
uint64_t chunk_pool_bytes(const struct chunk_pool *p);

/* chunk_use makes slots [used, used + n) live and ready; the caller has filled them. */
void chunk_use(struct chunk *k, uint32_t n);

static inline bool chunk_is_given(const struct chunk *k, uint32_t slot)
{
	return bits_test(k->live, slot) && !bits_test(k->ready, slot) &&
	       !(k->entry[slot].flags & (ENTRY_SETTLING | ENTRY_DEAD));
}

/* chunk_returned: how often the entry came back and had not failed. */
static inline uint16_t chunk_returned(const struct chunk *k, uint32_t slot)
{
	return k->entry[slot].flags & ENTRY_RETURNED ? k->returned[slot] : 0;
}

/* chunk_weigh says what of `k` would be known if it were cold. False: it may not be: it has entries
 * of another kind, or lies in too many segments. */
bool chunk_weigh(const struct chunk *k, struct cold *out);
/* chunk_cool gives the memory of a chunk's entries back; all of them are ready. The chunk is
 * another one then, in no queue yet. NULL: no memory; nothing changed. */
struct chunk *chunk_cool(struct chunk_pool *p, struct chunk *own_k, const struct cold *cold);
/* chunk_warm makes a chunk from a cold one and the entries that were read: `own_hot` has these, its
 * bitmaps and nothing else. `k` is gone. */
void chunk_warm(struct chunk_pool *p, struct chunk *own_k, struct chunk *hot);
/* chunk_sum stands for the durable entries of a chunk: sums may be added up. */
struct digest_sum chunk_sum(const struct chunk *k);

/* chunk_find is the first slot whose id is not below `id`, or `used`. Of a cold one: no slot behind
 * it, and the first live one if that is not below. */
uint32_t chunk_find(const struct chunk *k, uint64_t id);

void chunk_check(const struct chunk *k); /* must()s every invariant */
#endif
