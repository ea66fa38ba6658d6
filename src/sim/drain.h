/* drain -- takes everything out of the broker and compares it with what must be there. */
#ifndef SIM_DRAIN_H
#define SIM_DRAIN_H
#include "sim/world.h"

/* drain_all lets all clients go, takes every message out of every queue, in order, settles it, and
 * asks the oracle whether something is missing. False: something is wrong, or the broker died. */
bool drain_all(struct world *w);
/* drain_is_served: who has published nothing comes, asks for all queues, is answered, and goes; no
 * other client does anything meanwhile. False: likewise. */
bool drain_is_served(struct world *w);
#endif
