/* edict -- an operator changes rules and rights while clients work and the power goes.
 *
 * Queues have limits by three policies, of which the one with the highest priority holds, and one
 * is the operator's own; a client called bob may publish, or not, or is no user any more. Whenever
 * nothing is under way, what was ordered last must hold:
 *
 *     no queue is longer than its limit, and one that refuses refuses exactly when it is full
 *     bob's message is taken, or his channel closed and the message never seen, or he is thrown out
 *
 * and so it must after the power went, from the first moment on. A queue that no policy fits loses
 * nothing.
 */
#ifndef SIM_EDICT_H
#define SIM_EDICT_H
#include "sim/story.h"

/* edict_play plays a broker on a disk of its own, and tells the story what was wrong. */
void edict_play(struct story *story, uint64_t seed);
#endif
