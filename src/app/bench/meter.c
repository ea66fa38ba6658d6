#include "app/bench/meter.h"

#include "base/must.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* slurp reads a small file of /proc as a C string; false when it is not there. */
static bool slurp(const char *path, char *buf, size_t cap)
{
	FILE *f = fopen(path, "re");
	if (!f)
		return false;
	size_t n = fread(buf, 1, cap - 1, f);
	buf[n] = '\0';
	fclose(f);
	return n > 0;
}

/* field reads the number behind "Name:" in a status file; 0 when it is not there. */
static uint64_t field(const char *status, const char *name)
{
	const char *at = strstr(status, name);
	return at ? strtoull(at + strlen(name), NULL, 10) : 0;
}

static bool read_stat(pid_t pid, struct meter *m)
{
	char path[64], buf[1024];
	unsigned long long user, system;
	snprintf(path, sizeof path, "/proc/%ld/stat", (long)pid);
	if (!slurp(path, buf, sizeof buf))
		return false;
	/* The name in brackets may hold blanks and brackets: count from the last one. */
	const char *at = strrchr(buf, ')');
	if (!at || sscanf(at + 1, " %*c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %llu %llu", &user,
			  &system) != 2)
		return false;
	uint64_t tick_ns = 1000000000u / (uint64_t)sysconf(_SC_CLK_TCK);
	m->user_ns = user * tick_ns;
	m->system_ns = system * tick_ns;
	return true;
}

static bool read_clock(pid_t pid, struct meter *m)
{
	clockid_t clock;
	struct timespec t;
	if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &t) != 0)
		return false;
	m->cpu_ns = (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
	return true;
}

static uint64_t sum_of_sleeps(pid_t pid)
{
	char path[400], buf[4096];
	uint64_t sum = 0;
	snprintf(path, sizeof path, "/proc/%ld/task", (long)pid);
	DIR *d = opendir(path);
	for (struct dirent *e; d && (e = readdir(d));) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof path, "/proc/%ld/task/%s/status", (long)pid, e->d_name);
		if (slurp(path, buf, sizeof buf))
			sum += field(buf, "\nvoluntary_ctxt_switches:");
	}
	if (d)
		closedir(d);
	return sum;
}

enum err meter_read(pid_t pid, struct meter *out)
{
	char path[64], buf[4096];
	struct meter m = { 0 };
	snprintf(path, sizeof path, "/proc/%ld/status", (long)pid);
	if (!slurp(path, buf, sizeof buf) || !read_stat(pid, &m) || !read_clock(pid, &m))
		return ERR_NOT_FOUND;
	m.resident_kb = field(buf, "\nVmRSS:");
	m.peak_kb = field(buf, "\nVmHWM:");
	m.threads_n = field(buf, "\nThreads:");
	m.sleeps = sum_of_sleeps(pid);
	*out = m;
	return ERR_OK;
}

pid_t meter_heaviest(pid_t group)
{
	pid_t heaviest = 0;
	uint64_t most_kb = 0;
	DIR *d = opendir("/proc");
	for (struct dirent *e; d && (e = readdir(d));) {
		struct meter m;
		pid_t pid = (pid_t)strtol(e->d_name, NULL, 10);
		if (pid <= 0 || getpgid(pid) != group || meter_read(pid, &m) != ERR_OK)
			continue;
		if (m.resident_kb >= most_kb) {
			most_kb = m.resident_kb;
			heaviest = pid;
		}
	}
	if (d)
		closedir(d);
	return heaviest;
}

struct meter meter_since(const struct meter *before, const struct meter *after)
{
	struct meter m = *after;
	must(after->cpu_ns >= before->cpu_ns);
	m.cpu_ns -= before->cpu_ns;
	m.user_ns -= before->user_ns;
	m.system_ns -= before->system_ns;
	m.sleeps = m.sleeps > before->sleeps ? m.sleeps - before->sleeps : 0;
	return m;
}

void meter_split(struct meter *m)
{
	uint64_t rough = m->user_ns + m->system_ns;
	if (rough == 0)
		return;
	m->user_ns = (uint64_t)((double)m->cpu_ns * (double)m->user_ns / (double)rough);
	m->system_ns = m->cpu_ns - m->user_ns;
}
