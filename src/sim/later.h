/* later -- messages that an exchange delays, while the power goes and processes are killed.
 *
 *     client --x-delay--> exchange ... when it is due --> queues --> client
 *
 * Time passes only while nobody has anything to do, so what comes has come at that moment: nothing
 * comes before it is due, and what was confirmed and is due has come, also when it was due while no
 * broker lived. After some lives of the broker, each ended in the middle, all has come; what lay
 * between exchange and queue at the end of a life may have come more than once.
 */
#ifndef SIM_LATER_H
#define SIM_LATER_H
#include "sim/story.h"

/* later_play plays a broker on a disk of its own, and tells the story what was wrong. */
void later_play(struct story *story, uint64_t seed);
#endif
