/* score -- how often in a run each thing happened that it is about: faults that were only planned,
 * and checks that never had anything to check, would show nothing.
 */
#ifndef SIM_SCORE_H
#define SIM_SCORE_H
#include "sim/world.h"

enum score {
#define SCORE(name, least, from, prose) SCORE_##name,
#include "sim/score.def"
#undef SCORE
	SCORE_N
};

extern const struct score_row {
	const char *name, *prose;
} score_rows[SCORE_N];

/* score_of counts what has happened so far. */
void score_of(const struct world *w, uint64_t out[SCORE_N]);
/* score_disk_faults: of all kinds. */
uint64_t score_disk_faults(const struct world *w);
/* score_check says what there was too little of, in a run of so many operations. */
void score_check(struct world *w, uint64_t ops);
#endif
