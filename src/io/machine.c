#include "io/machine.h"

#include "base/text.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#define PATH_LEN 512

/* Reads a small file of the kernel's; nothing when it is not there. */
static struct slice slurp(const char *path, char *buf, size_t cap)
{
	int file = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = file < 0 ? 0 : read(file, buf, cap);
	if (file >= 0)
		close(file);
	return slice_of(buf, n > 0 ? (size_t)n : 0);
}

/* A line is ID:CONTROLLERS:PATH. */
struct slice machine_group(struct slice cgroup_file, const char *controller)
{
	while (cgroup_file.n) {
		struct slice line = slice_cut(&cgroup_file, '\n');
		(void)slice_cut(&line, ':');
		struct slice names = slice_cut(&line, ':');
		if (!*controller && names.n == 0)
			return line;
		while (*controller && names.n)
			if (slice_eq(slice_cut(&names, ','), slice_str(controller)))
				return line;
	}
	return SLICE_EMPTY;
}

static bool number(struct slice s, uint64_t *out)
{
	uint64_t v = 0;
	size_t n = 0;
	for (; n < s.n && s.p[n] >= '0' && s.p[n] <= '9'; n++)
		if (__builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(v, s.p[n] - '0', &v))
			return false;
	*out = v;
	return n > 0;
}

uint32_t machine_quota_cpus(struct slice cpu_max)
{
	uint64_t quota = 0, period = 0;
	struct slice first = slice_cut(&cpu_max, ' ');
	if (!number(first, &quota) || !number(cpu_max, &period) || quota == 0 || period == 0)
		return 0;
	uint64_t cpus = (quota + period - 1) / period;
	return cpus < UINT32_MAX ? (uint32_t)cpus : 0;
}

/* One bound of a group and of all around it. */
struct bound {
	const char *root, *controller, *file;
	void (*take)(struct slice content, uint64_t *io_least);
};

static void take_bytes(struct slice content, uint64_t *io_least)
{
	uint64_t v = 0;
	if (number(content, &v) && v > 0 && v < *io_least)
		*io_least = v;
}

static void take_cpus(struct slice content, uint64_t *io_least)
{
	uint32_t v = machine_quota_cpus(content);
	if (v > 0 && v < *io_least)
		*io_least = v;
}

/* In a container the group's own path often does not exist below the mount: then the mount's top
 * is the group, and the walk ends there anyway. */
static void walk(const struct bound *b, uint64_t *io_least)
{
	char buf[4096], path[PATH_LEN], content[128];
	struct slice group = machine_group(slurp("/proc/self/cgroup", buf, sizeof buf),
					   b->controller);
	for (;;) {
		struct text t = text_of(path, sizeof path);
		text_puts(&t, b->root);
		text_put_slice(&t, group);
		text_putf(&t, "/%s", b->file);
		b->take(slurp(path, content, sizeof content), io_least);
		if (group.n == 0)
			return;
		do {
			group.n--;
		} while (group.n && group.p[group.n] != '/');
	}
}

uint64_t machine_memory_bytes(void)
{
	static const struct bound bounds[] = {
		{ "/sys/fs/cgroup", "", "memory.max", take_bytes },
		{ "/sys/fs/cgroup/memory", "memory", "memory.limit_in_bytes", take_bytes },
	};
	uint64_t least = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
	for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++)
		walk(&bounds[i], &least);
	return least;
}

uint32_t machine_cpus(void)
{
	static const struct bound quota = { "/sys/fs/cgroup", "", "cpu.max", take_cpus };
	cpu_set_t set;
	uint64_t least = 1;
	if (sched_getaffinity(0, sizeof set, &set) == 0)
		least = (uint64_t)CPU_COUNT(&set);
	walk(&quota, &least);
	return least > 0 ? (uint32_t)least : 1;
}

void machine_raise_files(void)
{
	struct rlimit r;
	if (getrlimit(RLIMIT_NOFILE, &r) != 0 || r.rlim_cur == r.rlim_max)
		return;
	r.rlim_cur = r.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &r); /* refused: the soft limit stays, accept says when */
}
