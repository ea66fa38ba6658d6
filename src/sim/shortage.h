/* shortage -- the disk or the memory gets short for a while: publishers must wait, nobody else.
 *
 * Memory is short when the watermark falls, far below what is used or near it. Far below, nothing
 * that is published meanwhile may be taken, whoever waits must have been told, and who publishes
 * nothing is served. Afterwards all goes on, and nobody is still told to wait.
 */
#ifndef SIM_SHORTAGE_H
#define SIM_SHORTAGE_H
#include "sim/world.h"

/* shortage_of_disk leaves `room` bytes for a while; 0: none at all, and nobody looks before it is
 * too late. False: something is wrong. */
bool shortage_of_disk(struct world *w, uint64_t room);
/* shortage_of_memory: likewise. */
bool shortage_of_memory(struct world *w);
/* shortage_is_over says who waits although nothing is short any more. */
void shortage_is_over(struct world *w);
#endif
