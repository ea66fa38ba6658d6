/* world -- one run: the broker on its machine, its clients, the oracle, and whose turn it is.
 *
 * world_step is the only place where anything happens: it throws a die among all who could do
 * something now, the broker's loops and journal threads and the clients, and lets one of them. When
 * nobody can, time passes. Everything else (faults.c, drain.c, run.c) is written as plain sequences
 * of steps.
 */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H
#include "sim/operator.h"
#include "sim/workload.h"

#define WORLD_DRAINER PLACE_CLIENTS

struct world {
	struct story story;
	struct prng prng;
	struct host host;
	struct oracle oracle;
	struct client client[ORACLE_CLIENTS];
	struct operator operator;
	struct temper temper;
	uint64_t ops_n; /* done by clients so far */
	uint64_t quiet_step, beat_ms;
	uint64_t bounds_n; /* looks at the broker's memory */
	uint32_t heartbeat_s;
	uint64_t unreadable_n; /* messages that the broker could not read */
	bool is_rotten;        /* a bit has flipped on the disk */
	bool is_working;       /* clients go on */
	bool is_patient;       /* the disk is slow or full: waiting is no fault */
};

/* world_init makes everything that the seed decides; the broker is still down (world_start).
 * loops_n 0: the seed says. */
void world_init(struct world *w, uint64_t seed, uint32_t loops_n, bool is_told);
void world_fini(struct world *w);

/* world_step lets one actor do something. False: something is wrong, or the broker has died. */
bool world_step(struct world *w);
/* world_work goes on until clients have done `ops` in all. False: as world_step. */
bool world_work(struct world *w, uint64_t ops);
/* world_settle lets the broker and the sockets come to rest; clients only take what comes. */
bool world_settle(struct world *w);
/* world_rest says goodbye for all clients, one way or the other, and settles. */
bool world_rest(struct world *w);
#endif
