/* zone -- which time clocks on the wall show, where the broker stands. */
#ifndef PORT_ZONE_H
#define PORT_ZONE_H
#include <stdint.h>

struct zone {
	/* offset_s: seconds that they are ahead of UTC, at `utc_s` seconds since 1970. Any thread,
	 * never waits. */
	int32_t (*offset_s)(const struct zone *z, int64_t utc_s);
};
#endif
