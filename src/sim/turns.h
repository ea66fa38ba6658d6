/* turns -- whose turn it is: single active consumers and priorities, while the power goes.
 *
 * A few clients consume, hold, cancel, close their channel and are lost; one of them publishes to
 * two queues:
 *
 *     one   has a single active consumer: two that live have never both been given something, and
 *           whoever follows one that was lost begins with what that one held
 *     rank  has priorities: what is fetched while nobody else does anything is the oldest of the
 *           highest
 *
 * and what was confirmed is taken in the end.
 */
#ifndef SIM_TURNS_H
#define SIM_TURNS_H
#include "sim/story.h"

/* turns_play plays a broker on a disk of its own, and tells the story what was wrong. */
void turns_play(struct story *story, uint64_t seed);
#endif
