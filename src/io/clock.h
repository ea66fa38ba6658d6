/* clock -- the two clocks of the machine. Any thread. */
#ifndef IO_CLOCK_H
#define IO_CLOCK_H
#include "port/clock.h"
#include "port/zone.h"

#include <stdint.h>

/* clock_now_ms never runs back and means nothing by itself; the same scale as libuv's. */
uint64_t clock_now_ms(void);
/* clock_wall_ms: since 1970, UTC; somebody may set it. */
uint64_t clock_wall_ms(void);
/* clock_zone: that of TZ, or of /etc/localtime; as they were when it was asked first. */
const struct zone *clock_zone(void);
/* clock_port is clock_wall_ms for rooms that cannot ask it. */
const struct clock *clock_port(void);
#endif
