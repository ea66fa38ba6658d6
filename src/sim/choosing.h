/* choosing -- exchanges and queues that choose what goes where, and what goes in at all, while the
 * power goes and processes are killed.
 *
 *     by a hash, or by chance, local or not: each message comes to one of three queues; of a hash:
 *                               all of a key
 *     x-message-deduplication, exchange: of those with one number, one comes in each life
 *     x-message-deduplication, queue: never two with one number in the queue, held ones too
 *     x-recent-history: a new binding gets the latest, in their order, and none is missing
 *
 * What is confirmed comes, or one with its number was in the queue then.
 */
#ifndef SIM_CHOOSING_H
#define SIM_CHOOSING_H
#include "sim/story.h"

/* choosing_play plays a broker on a disk of its own, and tells the story what was wrong. */
void choosing_play(struct story *story, uint64_t seed);
#endif
