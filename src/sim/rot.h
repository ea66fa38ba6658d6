/* rot -- a bit flips on the disk while the broker is down.
 *
 * The start must find it and be refused, or the message must be reported when it is read; what is
 * delivered is always what was sent. Only in the newest commit a wrong bit cannot be told from a
 * torn write, so it is left alone.
 */
#ifndef SIM_ROT_H
#define SIM_ROT_H
#include "sim/host.h"

struct world;

/* rot_happen cuts the power, flips a bit in a segment and starts the broker; after a refusal the
 * bit is flipped back, and the run goes on. False: something is wrong. */
bool rot_happen(struct world *w);

/* rot_compare flips a bit of a commit that was surely durable, on a copy of the disk as it was
 * before `h` began, which must be up: a start on it is refused, or makes the same state. What is
 * wrong it tells `story`. False: there is no such commit. */
bool rot_compare(struct host *h, struct story *story, struct prng *r, struct sim_disk *own_before);
#endif
