/* ablate -- switches that turn one safety rule off, in the simulator only.
 *
 *	if (!ABLATED(sync))
 *		TRY(disk_sync(...));
 *
 * In godwitd ABLATED() is the constant 0: the compiler removes the question, no variable is asked.
 * godwit-sim compiles the same rooms with GODWIT_SIM; its main sets the switches before it starts.
 */
#ifndef BASE_ABLATE_H
#define BASE_ABLATE_H

#include "base/slice.h"

enum ablate_rule {
#define ABLATE(rule, prose) ABLATE_##rule,
#include "base/ablate.def"
#undef ABLATE
	ABLATE_N
};

struct ablate_row {
	const char *name, *prose;
};

extern const struct ablate_row ablate_rows[ABLATE_N];

#ifdef GODWIT_SIM
extern bool ablated[ABLATE_N]; /* zero: every rule holds */
#define ABLATED(rule) (ablated[ABLATE_##rule])
#else
#define ABLATED(rule) (ABLATE_##rule == ABLATE_N) /* 0, and an unknown rule does not compile */
#endif

/* ablate_find gives the rule called `name`, or ABLATE_N. */
enum ablate_rule ablate_find(struct slice name);

#endif
