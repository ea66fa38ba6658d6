/* plight -- whose turn it is in the machine of a side play, and what that machine suffers.
 *
 * Now and then one of the journal's threads waits for a slow disk, or the disk gets full, or memory
 * gets short. No time passes for it: it lasts for so many turns of the broker, and ends when the
 * broker has nothing else to do. So whoever lets everything come to rest finds none of it.
 *
 *     plight_step ... (slow, full, short) ... plight_is_idle
 *
 * Deterministic by its seed; one thread.
 */
#ifndef SIM_PLIGHT_H
#define SIM_PLIGHT_H
#include "sim/host.h"

enum plight_kind { PLIGHT_NONE, PLIGHT_SLOW, PLIGHT_DISK, PLIGHT_MEMORY, PLIGHT_KINDS };

struct plight {
	struct prng prng;
	enum plight_kind kind;
	uint32_t turns_left;      /* of the broker, until it is over */
	uint32_t waiting;         /* actors that get no turn, a bit for each */
	bool is_ending;           /* there is room on the disk, and the broker is about to see it */
	bool is_known;            /* publishers have to wait, and all loops know it */
	uint64_t n[PLIGHT_KINDS]; /* how often there was each */
};

/* plight_init: nothing is slow, full or short. */
void plight_init(struct plight *p, uint64_t seed);

/* plight_step: by the dice of `r`, one of the broker's threads takes a turn. False: none would. */
bool plight_step(struct plight *p, struct host *h, struct prng *r);
/* plight_is_idle: the broker is (host_is_idle), and nothing is slow, full or short. */
bool plight_is_idle(const struct plight *p, const struct host *h);
/* plight_over: the broker is no more, and its disk has room. */
void plight_over(struct plight *p, struct host *h);
#endif
