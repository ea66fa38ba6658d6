/* flock -- message groups, while connections, processes and the power are lost.
 *
 *     sender --JMSXGroupID--> queue --> three takers, a few messages each
 *
 * What one taker has of a group keeps all others from it. A group comes to who has it, or says that
 * it is new to him; its messages come in their order; and nothing waits while all takers have room.
 * What a receipt was given for is never lost.
 */
#ifndef SIM_FLOCK_H
#define SIM_FLOCK_H
#include "sim/story.h"

/* flock_play plays a broker on a disk of its own, and tells the story what was wrong. */
void flock_play(struct story *story, uint64_t seed);
#endif
