/* clock -- what the world's clock shows at this moment, where that of the turn is not enough. */
#ifndef PORT_CLOCK_H
#define PORT_CLOCK_H
#include <stdint.h>

struct clock {
	/* late_ms: milliseconds since 1970, UTC, rounded up, so never before this moment; somebody
	 * may set it. Any thread, never waits. */
	uint64_t (*late_ms)(const struct clock *c);
};
#endif
