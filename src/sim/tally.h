/* tally -- how often in a run each thing happened that it is about: faults that were only planned,
 * and checks that never had anything to check, would show nothing.
 */
#ifndef SIM_TALLY_H
#define SIM_TALLY_H
#include "sim/world.h"

enum tally {
#define TALLY(name, least, from, prose) TALLY_##name,
#include "sim/tally.def"
#undef TALLY
	TALLY_N
};

extern const struct tally_row {
	const char *name, *prose;
} tally_rows[TALLY_N];

/* tally_of counts what has happened so far. */
void tally_of(const struct world *w, uint64_t out[TALLY_N]);
/* tally_disk_faults: of all kinds. */
uint64_t tally_disk_faults(const struct world *w);
/* tally_check says what there was too little of, in a run of so many operations. */
void tally_check(struct world *w, uint64_t ops);
#endif
