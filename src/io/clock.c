#include "io/clock.h"

#include "base/must.h"

#include <time.h>

static uint64_t clock_ms(clockid_t which)
{
	struct timespec t;
	clock_gettime(which, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

uint64_t clock_now_ms(void)
{
	return clock_ms(CLOCK_MONOTONIC);
}

uint64_t clock_wall_ms(void)
{
	return clock_ms(CLOCK_REALTIME);
}

static int32_t offset_s(const struct zone *z, int64_t utc_s)
{
	const time_t at = utc_s;
	struct tm t;
	must(z != NULL);
	return localtime_r(&at, &t) ? (int32_t)t.tm_gmtoff : 0;
}

const struct zone *clock_zone(void)
{
	static const struct zone zone = { .offset_s = offset_s };
	tzset(); /* localtime_r need not do it */
	must(zone.offset_s != NULL);
	return &zone;
}

static uint64_t late_ms(const struct clock *c)
{
	struct timespec t;
	must(c != NULL);
	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000 + ((uint64_t)t.tv_nsec + 999999) / 1000000;
}

const struct clock *clock_port(void)
{
	static const struct clock clock = { .late_ms = late_ms };
	return &clock;
}
