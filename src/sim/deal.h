/* deal -- transactions over many queues, while the power goes and processes are killed.
 *
 * Each of some clients takes a coin from a queue, and in one transaction gives it up and publishes
 * the deal's number to some queues, which lie on several shards. After some lives of the broker,
 * each ended in the middle, everything is taken: then a deal is in all of its queues or in none,
 * those that were committed are there, those that were rolled back are not, and each coin is there
 * or has become one deal.
 */
#ifndef SIM_DEAL_H
#define SIM_DEAL_H
#include "sim/story.h"

/* deal_play plays a broker on a disk of its own, and tells the story what was wrong. */
void deal_play(struct story *story, uint64_t seed);
#endif
