/* lanes -- which entries of a queue are ready, by priority.
 *
 * An entry stays where it was published. What is ready is found by priority, the highest first, and
 * within one by position: so an entry that was given back is at its old place. An entry above the
 * highest priority counts as that one.
 *
 * A chunk whose entries are all of one priority says which (`level`), and its `ready` serves. In
 * others lanes are bits beside the chunk's own:
 *
 *     chunk.ready      1 1 0 1 1 ...
 *     chunk.lane[0]    1 0 0 0 1 ...
 *     chunk.lane[1]    0 1 0 1 0 ...
 *                        ^cursor of lane 1: nothing of it is ready before
 *
 * A queue with a highest priority of its own (lanes_on) has lanes as long as it has that. One with
 * the 32 priorities of a quorum queue (lanes_rank) has them only while its entries differ: as long
 * as they do not, it is like one without.
 *
 * A queue's shard owns them. 64 bytes for each priority and chunk of several. Structure only;
 * deterministic.
 */
#ifndef CORE_LANES_H
#define CORE_LANES_H
#include "core/queue.h"

/* lanes_on gives `q` priorities from 0 to `max`, or another `max`; lanes_off takes them away. All
 * entries must be in memory. */
void lanes_on(struct queue *q, uint8_t max, struct mem *mem);
void lanes_off(struct queue *q, struct mem *mem);

/* lanes_rank gives `q` those from 0 to RANK_MAX, for good. Chunks that are cold must be of one
 * priority each. lanes_meet is told of rows before they become entries; lanes_idle that there is
 * no entry any more. */
void lanes_rank(struct queue *q, struct mem *mem);
void lanes_meet(struct queue *q, const struct add_row *row, uint32_t n, struct mem *mem);
void lanes_idle(struct queue *q, struct mem *mem);

/* lanes_add: the slots [from, from + n) of `k` are in use now. `q` must have priorities. */
void lanes_add(struct queue *q, struct chunk *k, uint32_t from, uint32_t n, struct mem *mem);
/* lanes_drop takes them from a chunk in which nothing is ready. */
void lanes_drop(struct chunk *k, struct mem *mem);
/* lanes_leave: nothing of `k`, of one priority, is ready from now on; its bits still say it is. */
void lanes_leave(struct queue *q, const struct chunk *k);

/* lanes_next finds the first ready entry of the highest priority; there must be one. */
struct chunk *lanes_next(struct queue *q, uint32_t *out_slot);

/* lanes_differ: does any of these rows have another priority than what is in `q`, which must have
 * ranks, or is that not known? */
bool lanes_differ(const struct queue *q, const struct add_row *row, uint32_t n);

uint8_t lanes_max(const struct queue *q); /* the highest priority */
void lanes_check(const struct queue *q);  /* must()s every invariant; of any queue */
#endif
