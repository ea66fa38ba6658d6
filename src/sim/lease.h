/* lease -- a queue that expires when nobody uses it (x-expires), over crashes.
 *
 * One client declares it, publishes to it, fetches, consumes, or lets time pass. A queue that was
 * declared or fetched from, or had a consumer, less than its time ago is there with all that it
 * must have; one that nobody has used for so long is gone, and what was in it never comes again. A
 * start of the broker begins its time anew.
 */
#ifndef SIM_LEASE_H
#define SIM_LEASE_H
#include "sim/story.h"

/* lease_play runs it with a broker and a disk of its own; what is wrong it tells `story`. */
void lease_play(struct story *story, uint64_t seed);
#endif
