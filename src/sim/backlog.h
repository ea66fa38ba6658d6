/* backlog -- long queues of persistent messages whose entries leave memory and come back, with
 * crashes between: nothing is lost, nothing comes back, the order and the numbers hold.
 *
 * A small world of its own, beside the run of the same seed: one client after another, several
 * lives of the broker, next to no memory for entries, and many checkpoints.
 */
#ifndef SIM_BACKLOG_H
#define SIM_BACKLOG_H
#include "sim/story.h"

/* backlog_play plays a broker on a disk of its own, and tells the story what was wrong. */
void backlog_play(struct story *story, uint64_t seed);
#endif
