/* lanes -- which entries of a queue are ready, by priority: for queues with a highest priority.
 *
 * An entry stays where it was published; lanes are bits beside the chunks' own. What is ready is
 * found by priority, the highest first, and within one by position: so an entry that was given back
 * is at its old place. An entry above the highest priority counts as that one.
 *
 *     chunk.ready      1 1 0 1 1 ...
 *     chunk.lane[0]    1 0 0 0 1 ...
 *     chunk.lane[1]    0 1 0 1 0 ...
 *                        ^cursor of lane 1: nothing of it is ready before
 *
 * A queue's shard owns them. 64 bytes for each priority and chunk. Structure only; deterministic.
 */
#ifndef CORE_LANES_H
#define CORE_LANES_H
#include "core/queue.h"

/* lanes_on gives `q` priorities from 0 to `max`, or another `max`; lanes_off takes them away. */
void lanes_on(struct queue *q, uint8_t max, struct mem *mem);
void lanes_off(struct queue *q, struct mem *mem);

/* lanes_add: the slots [from, from + n) of `k` are in use now. `q` must have lanes. */
void lanes_add(struct queue *q, struct chunk *k, uint32_t from, uint32_t n, struct mem *mem);
/* lanes_drop takes them from a chunk in which nothing is ready. */
void lanes_drop(struct chunk *k, struct mem *mem);

/* lanes_next finds the first ready entry of the highest priority; there must be one. */
struct chunk *lanes_next(struct queue *q, uint32_t *out_slot);

uint8_t lanes_max(const struct queue *q); /* the highest priority */
void lanes_check(const struct queue *q);  /* must()s every invariant */
#endif
