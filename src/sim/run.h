/* run -- one seed: clients work, things go wrong, and in the end everything must be accounted for.
 */
#ifndef SIM_RUN_H
#define SIM_RUN_H
#include "sim/score.h"

struct run_options {
	uint64_t seed, ops; /* operations of clients */
	uint32_t loops;     /* of the broker; 0: the seed says */
	bool is_told;       /* the whole story */
};

struct run_result {
	bool is_wrong;
	uint64_t score[SCORE_N]; /* what happened, and how often */
	uint64_t hash;           /* of the story: the same seed, the same hash */
	uint64_t steps_n, step;
	char wrong[512]; /* what is wrong, in one sentence */
};

/* run_seed plays one run. A broken must() of the broker aborts the process. */
void run_seed(const struct run_options *o, struct run_result *out);
#endif
