/* queue -- messages waiting for consumers, and those given out but not yet settled.
 *
 * One shard owns a queue and alone touches it. A queue is a row of chunks; an entry has a position
 * in it, rising from head to tail, which it keeps until it is gone: given and released again, it is
 * at its old place. Positions are volatile; persistent entries also have an id, and ids never fall
 * from head to tail.
 *
 *      add             give                    settle
 *   ----------> READY ------> GIVEN -------------------------> gone
 *                 ^              |        \--> SETTLING --log--^
 *                 +--------------+  release
 *
 *   chunks:  [first]  NULL  [number]  ...  [tail]      NULL: all its entries are gone
 *                        ^cursor: nothing is ready before it     ^tail_pos
 *
 * Here is the structure only; who is told, logged and counted is in core_*.c. Deterministic.
 */
#ifndef CORE_QUEUE_H
#define CORE_QUEUE_H
#include "base/deque.h"
#include "base/list.h"
#include "base/map.h"
#include "core/chunk.h"
#include "core/rules.h"

struct queue_count {
#define COUNT(name, prose) uint64_t name;
#include "core/count.def"
#undef COUNT
};

/* What a queue with rules has beside a plain one (core_rule.c). */
struct ruled {
	struct queue *queue;
	struct due due;     /* when it is deleted because nobody uses it */
	uint64_t unused_ms; /* nobody has used it since; 0: somebody does */
	uint64_t told_ms;   /* what of that the log has, or will have */
	uint64_t message_ttl_ms, expires_ms, max_length, max_length_bytes; /* RULE_NONE: none */
	uint64_t ready_bodies;   /* bytes: of ready messages, while there is a limit */
	uint64_t pending_bytes;  /* likewise, of the reservation queue.pending_n */
	uint64_t fan_bytes;      /* likewise, of queue.fan_n */
	uint64_t delivery_limit; /* RULE_NONE: none */
	struct map *once;        /* core_once.c: what is known; NULL: the queue takes all */
	struct bequest *bequest; /* core_bequest.c; NULL: what is left when it expires is lost */
	bool counts;             /* attempts that fail */
	bool logs_use;           /* the log has unused_ms */
	bool is_use_new;         /* it is to be told */
	uint8_t overflow;        /* enum overflow */
};

/* What only some queues have. */
struct special {
	struct single *single;    /* core_single.c; NULL: all consumers are active */
	struct retry *retry;      /* core_retry.c; NULL: what comes back is ready */
	struct delay *delay;      /* core_delay.c; NULL: nothing waits for a time */
	struct deque *cancels;    /* core_list.c; NULL: nobody waits for what is on its way */
	struct window *window;    /* what it has taken not long ago; NULL: no matter */
	struct lanes *lanes;      /* lanes.h; NULL: no priorities, or all have the same */
	struct selecting *select; /* core_select.c; NULL: all take everything */
	struct grouping *group;   /* core_group.c; NULL: it has met no message with a group */
	struct dead *dead;        /* core_dead.c; NULL: no dead letters */
	struct ruled *ruled;      /* NULL: no rules */
	struct streamed *stream;  /* core_stream.c; NULL: it has entries */
	struct retaining *retain; /* core_retain.c; NULL: likewise */
	struct shedding *shed;    /* core_shed.c; NULL: nobody is to hear that it has */
	uint64_t unused_ms;       /* the log has: nobody has used it since; 0: somebody does */
	uint64_t ready_pieces;    /* of large bodies that are ready and need not survive */
	uint64_t counting_n;      /* entries that are ready again when the log has their count */
};

/* What the queues of a shard have dropped and nobody has heard of yet (core_shed.c). */
struct sheds {
	struct list queues; /* struct shedding */
	struct due due;     /* when they may be told; not set: at once */
	bool is_due;
};

struct queue {
	uint64_t id;
	struct deque chunks; /* struct chunk *, by number from `first` on */
	uint64_t first;
	uint64_t tail_pos; /* where the next entry goes */
	uint64_t cursor;
	uint64_t fresh_pos; /* entries from here on have not met the cache's bound yet */
	uint64_t last_id;   /* of the newest persistent entry there ever was */

	uint64_t cold_n;  /* chunks whose entries are not in memory (core_cold.c) */
	uint64_t cool_at; /* the chunk from which on some may go there */

	uint64_t ready_n, live_n, durable_n;
	uint64_t pending_n; /* reservation: ADD rows in `later` */
	uint64_t ready_bytes, live_bytes;
	uint64_t passing_bytes; /* rule: from so many ready ones on it is shedding; RULE_NONE */
	uint64_t cached_bytes;  /* of entries with mem */

	uint64_t mark;           /* entries up to this id may have been given */
	uint64_t mark_at;        /* giving this id asks for the next mark; UINT64_MAX: asked */
	uint64_t mark_next_at;   /* mark_at when the mark asked for is applied */
	uint64_t redelivered_id; /* up to here an earlier leader may have given entries */

	struct list able, idle; /* consumers with and without credit */
	uint32_t consumers_n;
	uint16_t fan_n, fan_first, fan_last; /* core_publish: its rows in the run being admitted */
	uint8_t flags;                       /* QUEUE_... */
	uint8_t mark_doublings;    /* so much farther than the least its marks are ahead */
	bool is_closed : 1;        /* about to be dropped: gives nothing, takes nothing */
	bool is_held : 1;          /* by one exclusive consumer */
	bool is_lossy : 1;         /* its consumer can do without any message */
	bool is_logged : 1;        /* the log or a checkpoint knows of it, or soon will */
	bool is_stored : 1;        /* a checkpoint may hold a unit of it */
	bool is_mark_late : 1;     /* giving waits for the mark that was asked for */
	bool is_ranked : 1;        /* it has the priorities of a quorum queue (lanes.h) */
	bool is_rank_due : 1;      /* what waits for the log may have another one */
	uint8_t level;             /* that of all entries, while it is_ranked without lanes */
	const struct special *has; /* queue_special; never NULL */
	struct queue_count *count; /* NULL: it has counted nothing yet */

	uint64_t changed;        /* checkpoint epoch of the last change to marks; 0: never */
	uint64_t dirty_at;       /* of the last durable change of any kind */
	struct list_node active; /* in the shard's list of what core_give serves */
	struct list_node dirty;  /* in the shard's list of what changed since a checkpoint */
};

/* queue_init makes an empty queue; it must not be moved in memory. */
void queue_init(struct queue *q, uint64_t id, uint8_t flags);
/* queue_fini gives back all it has; it has no entries and is nothing special any more. */
void queue_fini(struct queue *q, struct mem *mem);

/* queue_special is where to write what the queue has: a plain one shares `has` with all others
 * until then. */
struct special *queue_special(struct queue *q, struct mem *mem);

/* queue_counting is where the queue counts: an idle one has no counters. queue_counted reads. */
struct queue_count *queue_count_new(struct queue *q, struct mem *mem);
static inline struct queue_count *queue_counting(struct queue *q, struct mem *mem)
{
	return q->count ? q->count : queue_count_new(q, mem);
}
const struct queue_count *queue_counted(const struct queue *q);

/* queue_chunk is the chunk with this number; NULL: gone, or not there yet. */
static inline struct chunk *queue_chunk(const struct queue *q, uint64_t number)
{
	uint64_t at = number - q->first;
	return at < q->chunks.n ? *(struct chunk **)deque_at(&q->chunks, at) : NULL;
}

/* queue_awaits_log: messages come to it when the log has them, or how often they failed. Who is to
 * know what is ready waits for that. */
static inline bool queue_awaits_log(const struct queue *q)
{
	return q->pending_n > 0 || q->has->counting_n > 0;
}

/* queue_sheds: too much is ready for it to take a message that need not survive, or none at all if
 * its consumer can do without. Large ones that need not survive count with their pieces. */
static inline bool queue_sheds(const struct queue *q)
{
	return q->ready_bytes + q->has->ready_pieces * LIMIT_CHUNK_BYTES >= q->passing_bytes;
}

/* queue_pieces: in so many pieces of LIMIT_CHUNK_BYTES lies the body of this entry, if it is large
 * and need not survive; else 0. It changes when the entry's message leaves memory. */
uint32_t queue_pieces(const struct entry *e);

/* queue_ids_end is not below any id in `k`, nor above any behind it. */
static inline uint64_t queue_ids_end(const struct chunk *k)
{
	if (k->is_cold)
		return k->cold.last_id;
	return k->used ? k->entry[k->used - 1].id : k->first_id;
}

/* What lanes.c does beside queue_on and queue_off. */
void queue_lane_on(struct queue *q, struct chunk *k, uint32_t slot);
void queue_lane_off(struct queue *q, struct chunk *k, uint32_t slot);

/* queue_pieces_on and queue_pieces_off are what queue_on and queue_off do for a large body. */
void queue_pieces_on(struct queue *q, const struct entry *e);
void queue_pieces_off(struct queue *q, const struct entry *e);

/* queue_on makes a live entry ready, queue_off takes that back; its message is still with it. */
static inline void queue_on(struct queue *q, struct chunk *k, uint32_t slot)
{
	bits_set(k->ready, slot);
	q->ready_n++;
	q->ready_bytes += k->entry[slot].bytes;
	if (k->entry[slot].flags & ENTRY_BIG)
		queue_pieces_on(q, &k->entry[slot]);
	if (k->bodies && q->has->ruled) /* rules may not have come yet */
		q->has->ruled->ready_bodies += k->bodies[slot];
	if (k->lanes_n)
		queue_lane_on(q, k, slot);
}
static inline void queue_off(struct queue *q, struct chunk *k, uint32_t slot)
{
	bits_clear(k->ready, slot);
	q->ready_n--;
	q->ready_bytes -= k->entry[slot].bytes;
	if (k->entry[slot].flags & ENTRY_BIG)
		queue_pieces_off(q, &k->entry[slot]);
	if (k->bodies && q->has->ruled)
		q->has->ruled->ready_bodies -= k->bodies[slot];
	if (k->lanes_n)
		queue_lane_off(q, k, slot);
}

static inline uint64_t queue_end(const struct queue *q)
{
	return q->first + q->chunks.n;
}

/* queue_tail is the last chunk, with at least one unused slot; a new one if need be. When the one
 * before it has no live entry any more it is handed out for release in *out_done, else NULL. */
struct chunk *queue_tail(struct queue *q, struct chunk_pool *p, struct chunk **out_done);

/* queue_place puts an empty chunk where its number belongs (restore: in any order). ERR_CORRUPT:
 * there is one already, or the numbers lie absurdly far apart; then nothing changed. */
MUST_USE enum err queue_place(struct queue *q, struct chunk *own_k, struct mem *mem);

/* queue_swap puts `k` where the one with its number is, which comes or goes cold. */
void queue_swap(struct queue *q, struct chunk *k);

/* queue_unlink takes a chunk without live entries out of the directory, for release. */
void queue_unlink(struct queue *q, struct chunk *k);

/* queue_next_ready finds the first ready entry, of the highest priority if there are these, and
 * moves the cursor to it; NULL: none. */
struct chunk *queue_next_ready(struct queue *q, uint32_t *out_slot);

/* queue_next_live: the first live entry at or after *io_pos; NULL: none. */
struct chunk *queue_next_live(const struct queue *q, uint64_t *io_pos);

/* queue_next_used: the first chunk with a number of at least `number`; NULL: none. */
struct chunk *queue_next_used(const struct queue *q, uint64_t number);

/* queue_find: the position of the first slot whose id is not below `id`, or tail_pos. Found by
 * bisection: for replay, restore and relocation; at run time positions travel. In a cold chunk:
 * the position of its first live entry. */
uint64_t queue_find(const struct queue *q, uint64_t id);

/* queue_cold_with: the cold chunk in which an entry with this id may be; NULL: none. */
struct chunk *queue_cold_with(const struct queue *q, uint64_t id);

/* queue_id_ahead: the id at the end of the chunk `number`; 0 if it is not there or the tail. */
uint64_t queue_id_ahead(const struct queue *q, uint64_t number);

void queue_check(const struct queue *q); /* must()s every invariant */
#endif
