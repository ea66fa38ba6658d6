/* clock -- the monotonic clock, in nanoseconds. */
#ifndef APP_BENCH_CLOCK_H
#define APP_BENCH_CLOCK_H

#include <stdint.h>
#include <time.h>

/* clock_ns is the time since some moment in the past, the same for all processes. */
static inline uint64_t clock_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

#endif
