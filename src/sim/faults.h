/* faults -- what goes wrong in a run, and how it goes on afterwards.
 *
 * A plan says after how many operations which fault comes. After a fault that ends the broker it is
 * started again, sometimes with another power cut in the middle of its recovery.
 */
#ifndef SIM_FAULTS_H
#define SIM_FAULTS_H
#include "sim/world.h"

enum fault {
#define FAULT(name, is_power, is_disk, prose) FAULT_##name,
#include "sim/fault.def"
#undef FAULT
	FAULT_N
};

#define PLAN_MAX 10
struct plan {
	struct {
		enum fault fault;
		uint64_t at;
	} row[PLAN_MAX];
	uint32_t n;
};

/* plan_make spreads faults over `ops` operations: 2 power cuts and 1 fault of the disk at least. */
struct plan plan_make(struct prng *r, uint64_t ops);

/* fault_happen lets it happen now, and the broker come back. False: something is wrong. */
bool fault_happen(struct world *w, enum fault f);

/* world_start opens the broker on the disk as it is; it must come up. False: it did not. */
bool world_start(struct world *w);
/* world_crash ends the broker without a word: the machine (is_power), or its process. */
void world_crash(struct world *w, bool is_power);
/* world_restart: world_crash, and world_start. */
bool world_restart(struct world *w, bool is_power);
/* world_stop ends it in good order and looks for leaks. False: something is wrong. */
bool world_stop(struct world *w);
#endif
