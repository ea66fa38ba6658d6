/* core_once -- queues that take nothing twice.
 *
 * Private to core*.c, the shard's. A message may say by a number (route_once_of) which one it is;
 * another with that number is passed over for as long as the first is in the queue.
 */
#ifndef CORE_CORE_ONCE_H
#define CORE_CORE_ONCE_H
#include "core/core_state.h"

/* core_once_rules follows the rules of a queue, behind core_rules; core_once_forget frees what
 * there is for it. */
void core_once_rules(struct core *c, struct queue *q, const struct queue_rules *rules);
void core_once_forget(struct core *c, struct queue *q);
/* core_once_of is the number of the only row of `cmd`, or of an outcome; 0: it has none, or the
 * queue takes all. core_once_has: it is in the queue, or on its way there. core_once_expect: it is
 * on its way from now on. */
uint64_t core_once_of(const struct queue *q, const struct run *cmd);
bool core_once_has(const struct queue *q, uint64_t number);
void core_once_expect(struct core *c, struct queue *q, uint64_t number);
/* core_once_add: the newest entry is what `o` has brought; core_once_passed: a consumer had it at
 * once. core_once_left: an entry has left the queue, whatever there is still to do with it (its
 * chunk must have `once`). core_once_drop: all of a chunk has. */
void core_once_add(struct core *c, struct queue *q, const struct run *o, bool is_expected);
void core_once_passed(struct queue *q, const struct run *o);
void core_once_left(struct queue *q, struct chunk *k, uint32_t slot);
void core_once_drop(struct core *c, struct chunk *k);
/* core_once_put writes the number of an entry, core_once_get takes one that was read. */
void core_once_put(const struct chunk *k, uint32_t slot, struct wr *w);
void core_once_get(struct core *c, struct chunk *k, uint32_t slot, uint64_t number);
void core_once_check(const struct queue *q);
#endif
