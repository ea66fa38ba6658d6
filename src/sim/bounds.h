/* bounds -- how much memory the broker may have: so much for itself and for each loop, so much for
 * each connection as it was told, and what the messages need that it was given and has not lost.
 *
 * Twice what runs have been seen to need: it is to find what grows without end.
 */
#ifndef SIM_BOUNDS_H
#define SIM_BOUNDS_H
#include "sim/world.h"

/* bounds_bytes is the bound as of now, of all but blocks; bounds_check compares both. Only while a
 * broker runs. */
uint64_t bounds_bytes(const struct world *w);
void bounds_check(struct world *w);
#endif
