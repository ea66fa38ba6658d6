/* machine -- what this process may use of the machine: memory, processors, open files.
 *
 * The container's bounds (cgroup, version 2 or 1) count as the machine's. Asked once at start.
 */
#ifndef IO_MACHINE_H
#define IO_MACHINE_H
#include "base/slice.h"

#include <stdint.h>

/* machine_memory_bytes: of the machine or of the tightest group around this process. */
uint64_t machine_memory_bytes(void);

/* machine_cpus: how many processors this process may run on, at least 1; a group that may use two
 * and a half has 3. */
uint32_t machine_cpus(void);

/* machine_raise_files allows this process as many open files as its hard limit says. */
void machine_raise_files(void);

/* machine_group gives the path of this process in the hierarchy of `controller` ("" is version
 * 2's) as /proc/self/cgroup says it, or nothing. */
struct slice machine_group(struct slice cgroup_file, const char *controller);

/* machine_quota_cpus reads "QUOTA PERIOD" of cpu.max; 0: no bound. */
uint32_t machine_quota_cpus(struct slice cpu_max);
#endif
