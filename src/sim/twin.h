/* twin -- recovery once more, from the checkpoint before the newest: restore(k - 1) and the longer
 * rest of the log must make the same state as restore(k) and the shorter one.
 *
 * The oldest checkpoint is none at all, so by and by each is compared with what the whole log
 * makes. It happens on a copy of the disk, and nothing of it is left.
 */
#ifndef SIM_TWIN_H
#define SIM_TWIN_H
#include "sim/host.h"

struct world;

/* twin_compare compares the broker, which has just started, with what the checkpoint before makes
 * of the disk that it was started on. No checkpoint before: nothing to compare. */
void twin_compare(struct world *w, struct sim_disk *own_before);

/* twin_start starts a machine like `h`, which must be up, on another disk, says what state that
 * makes, and ends it. On an error there is none, and `why` says why. */
enum err twin_start(const struct host *h, struct sim_disk *disk, struct digest_sum *out,
		    struct text *why);
#endif
