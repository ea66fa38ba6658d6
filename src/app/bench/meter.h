/* meter -- what a process has used: CPU to the nanosecond, memory, how often it slept.
 *
 * CPU comes from the process's own CPU clock, so threads that have ended count too; how it splits
 * into user and system comes from /proc/PID/stat, which ticks in 10 ms. Reads /proc; any thread.
 */
#ifndef APP_BENCH_METER_H
#define APP_BENCH_METER_H

#include "base/err.h"

#include <stdint.h>
#include <sys/types.h>

struct meter {
	uint64_t cpu_ns;      /* user and system, all threads */
	uint64_t user_ns;     /* rough, see above */
	uint64_t system_ns;   /* rough */
	uint64_t sleeps;      /* voluntary context switches of the living threads */
	uint64_t resident_kb; /* VmRSS */
	uint64_t peak_kb;     /* VmHWM */
	uint64_t threads_n;
};

/* meter_read looks at a process. ERR_NOT_FOUND: there is none, or it may not be looked at. */
MUST_USE enum err meter_read(pid_t pid, struct meter *out);

/* meter_heaviest finds the process with the most memory in a process group: the broker behind the
 * scripts that started it. 0: there is none. */
pid_t meter_heaviest(pid_t group);

/* meter_since is what was used between two looks; memory and threads are the later look's. */
struct meter meter_since(const struct meter *before, const struct meter *after);

/* meter_split shares `cpu_ns` between user and system as the rough figures do. */
void meter_split(struct meter *m);

#endif
