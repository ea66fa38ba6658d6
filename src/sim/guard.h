/* guard -- patterns and passwords of a simulated loop: small expressions, and passwords that lie
 * open. Each is looked at a turn later than it was asked.
 */
#ifndef SIM_GUARD_H
#define SIM_GUARD_H
#include "port/pattern.h"
#include "port/secret.h"

#define GUARD_LATER_MAX 8u

struct guard_later {
	uint64_t ticket;
	bool is_right;
};

struct guard {
	struct patterns patterns;
	struct secrets secrets;
	struct guard_later later[GUARD_LATER_MAX];
	uint32_t n;
};

/* guard_init begins with nothing asked. */
void guard_init(struct guard *g);
#endif
