/* run -- how commands and effects travel: a header and rows for consecutive messages.
 *
 * A run is one header and `n` rows of one kind, at most 32 bytes each, all of one session and
 * channel and (where the kind says so) of one queue and one consumer. Commands go to the loop of
 * a shard, effects to the loop of a session; both in batches, which a mailbox carries whole.
 *
 *   batch: | run: header row row row tail | run: header row | ...
 *
 * Pure data: no pointers but `mem` (msg.h), which owns a reference as long as the row exists.
 * Rows are made by cmd.def, fx.def and outcome.def.
 */
#ifndef CORE_RUN_H
#define CORE_RUN_H
#include "base/limits.h"
#include "base/must.h"
#include "base/slice.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct run {
	uint32_t len;      /* header + rows + tail + padding, a multiple of 8 */
	uint32_t tail_len; /* bytes behind the rows */
	uint16_t n;        /* rows */
	uint8_t kind;      /* enum cmd, enum fx or enum outcome */
	uint8_t flags;     /* per kind */
	uint8_t row_bytes;
	uint8_t pad;
	uint16_t channel;
	uint64_t session; /* who asks (command) or is told (effect); 0 = nobody */
	uint16_t shard;   /* commands: to; effects: from */
	uint16_t vhost;
	uint32_t pad2;
	uint64_t queue; /* queue id where the kind has one, else 0 */
	uint64_t arg;   /* sequence of the first row, consumer, ticket: as the kind says */
};

/* Session handle: which loop, which slot, which generation of the slot. */
static inline uint64_t session_handle(uint32_t loop, uint32_t slot, uint32_t gen)
{
	return (uint64_t)(loop + 1) << 56 | (uint64_t)(gen & 0xffffff) << 32 | slot;
}
/* The slot of sessions that are the broker's own; no connection ever has it. */
#define SESSION_SLOT_INSIDE UINT32_MAX
static inline uint32_t session_loop(uint64_t s)
{
	return (uint32_t)(s >> 56) - 1;
}
static inline uint32_t session_slot(uint64_t s)
{
	return (uint32_t)s;
}

#include "core/rows.h"

#define BATCH_BYTES 32768u

/* A batch belongs to the loop that fills it, then to the mailbox, then to the loop that reads it,
 * and goes back to the first. */
struct batch {
	struct batch *next;
	uint32_t len, cap; /* bytes in use, room */
	uint32_t last;     /* offset of the last run; BATCH_NONE: empty */
	uint16_t from, to; /* loops */
	_Alignas(8) uint8_t at[];
};
#define BATCH_NONE UINT32_MAX

/* struct post is where everybody puts runs: the open batch of each loop, and where shards live. */

#define SHARDS_MAX (1 + LIMIT_SHARD_DATA_N + LIMIT_LOOPS_MAX)

struct post {
	uint32_t loop; /* whose post this is */
	uint32_t loops_n;
	struct batch *open[LIMIT_LOOPS_MAX]; /* being filled; NULL: none */
	struct batch *full[LIMIT_LOOPS_MAX]; /* oldest first, linked by next */
	struct batch **full_tail[LIMIT_LOOPS_MAX];
	struct batch *spare;     /* empty batches */
	uint32_t spare_n, out_n; /* out_n: batches that are not spare */
	struct mem *mem;         /* where further batches come from */
	uint8_t loop_of_shard[SHARDS_MAX];
};

/* post_init makes an empty post of loop `loop`; shards are placed by the caller afterwards. */
void post_init(struct post *p, uint32_t loop, uint32_t loops_n, struct mem *mem);

/* post_fini gives all batches back to mem; runs in them are dropped as they are. */
void post_fini(struct post *p);

/* post_run begins a run to `loop` as a copy of *head (len and n are set here) with `tail_len`
 * bytes of tail (copied from tail; may be 0) and the rows given (rows, row_bytes, n). Without any
 * there is room for the first, which follows by post_row; a run with a tail can have no others.
 * The run stays valid until the next post_* call. Memory for batches is never refused (mem's bound
 * is the node's budget, and the node stops reading sockets long before); NULL from mem is a
 * must(). */
struct run *post_run(struct post *p, uint32_t loop, const struct run *head, const void *rows,
		     uint32_t row_bytes, uint32_t n, struct slice tail);

/* run_round: runs lie at multiples of 8 bytes. */
static inline uint32_t run_round(uint32_t n)
{
	return (n + 7u) & ~7u;
}

/* post_last is the last run to `loop` that is still in the open batch and may take one more row
 * of row_bytes; NULL if none. */
static inline struct run *post_last(const struct post *p, uint32_t loop, uint32_t row_bytes)
{
	struct batch *b = p->open[loop];
	if (!b || b->last == BATCH_NONE || b->cap - b->len < row_bytes + 8)
		return NULL;
	struct run *r = (struct run *)(void *)(b->at + b->last);
	bool has_room = r->row_bytes == row_bytes && r->tail_len == 0 && r->n < LIMIT_RUN_ROWS_MAX;
	return has_room ? r : NULL;
}

/* post_fits: how many more rows `r` may take; it is what post_last or post_run gave just now. */
static inline uint32_t post_fits(const struct post *p, uint32_t loop, const struct run *r,
				 uint32_t row_bytes)
{
	const struct batch *b = p->open[loop];
	uint32_t n = (b->cap - b->last - (uint32_t)sizeof *r) / row_bytes;
	n = n < LIMIT_RUN_ROWS_MAX ? n : LIMIT_RUN_ROWS_MAX;
	must(n >= r->n && row_bytes % 8 == 0);
	return n - r->n;
}

/* post_rows appends `n` rows to `r`, which must be what post_last or post_run gave just now;
 * post_row one, which fits into what post_last gave. */
static inline void *post_rows(const struct post *p, uint32_t loop, struct run *r,
			      uint32_t row_bytes, uint32_t n)
{
	struct batch *b = p->open[loop];
	must(b && (uint8_t *)r == b->at + b->last && r->row_bytes == row_bytes);
	uint32_t at = (uint32_t)sizeof *r + r->n * row_bytes;
	uint32_t len = run_round(at + n * row_bytes);
	must(b->last + len <= b->cap);
	r->n = (uint16_t)(r->n + n);
	r->len = len;
	b->len = b->last + len;
	return (uint8_t *)r + at;
}
static inline void *post_row(const struct post *p, uint32_t loop, struct run *r, uint32_t row_bytes)
{
	return post_rows(p, loop, r, row_bytes, 1);
}

/* post_take closes the open batch to `loop` and hands out all batches to it, oldest first. */
struct batch *post_take(struct post *p, uint32_t loop);

/* post_give_back returns an emptied batch for reuse. */
void post_give_back(struct post *p, struct batch *own_b);

/* batch_first / batch_next walk the runs of a batch; NULL at the end. */
static inline struct run *batch_first(struct batch *b)
{
	return b->len ? (struct run *)(void *)b->at : NULL;
}
static inline struct run *batch_next(struct batch *b, struct run *r)
{
	uint8_t *p = (uint8_t *)r + r->len;
	return p < b->at + b->len ? (struct run *)(void *)p : NULL;
}
static inline void *run_rows(struct run *r)
{
	return r + 1;
}
/* run_is_effect: effects are numbered from 129 on (fx.def), commands below. */
static inline bool run_is_effect(const struct run *r)
{
	return r->kind > 128;
}
static inline struct slice run_tail(const struct run *r)
{
	return (struct slice){ (const uint8_t *)(r + 1) + (uint32_t)r->n * r->row_bytes,
			       r->tail_len };
}

/* run_same: may a row for `head` go into `r`? Compares everything but len, n and arg. */
static inline bool run_same(const struct run *r, const struct run *head)
{
	return r->kind == head->kind && r->flags == head->flags && r->session == head->session &&
	       r->channel == head->channel && r->shard == head->shard && r->queue == head->queue;
}
#endif
