/* godwit-sim: many runs of the broker in a simulated world, one process for each. */
#include "base/ablate.h"
#include "sim/run.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct options {
	uint64_t seeds_n, seed, ops;
	uint32_t loops;
	bool is_told, is_here, is_hash, is_on;
};

static const char usage[] =
	"usage: godwit-sim [--seeds N] [--seed S] [--ops N] [--loops N] [--ablate RULE]\n"
	"                  [--verbose] [--hash] [--keep-going] [--no-fork] [--rules]\n";

/* ---- one seed --------------------------------------------------------------------------- */

/* Shared with the child, so that a must() that fails there leaves a trace here. */
static struct run_result *result;

static void run_one(const struct options *o, uint64_t seed)
{
	struct run_options r = {
		.seed = seed, .ops = o->ops, .loops = o->loops, .is_told = o->is_told
	};
	run_seed(&r, result);
}

/* The child gives nothing back: a crashed broker has left its memory as it was. */
static bool run_forked(const struct options *o, uint64_t seed)
{
	int status = 0;
	fflush(NULL);
	pid_t child = fork();
	if (child == 0) {
		run_one(o, seed);
		fflush(NULL);
		_exit(0);
	}
	if (child < 0 || waitpid(child, &status, 0) != child) {
		perror("godwit-sim: fork");
		exit(2);
	}
	return status == 0;
}

static bool is_good(const struct options *o, uint64_t seed)
{
	memset(result, 0, sizeof *result);
	bool is_whole = true;
	if (o->is_here)
		run_one(o, seed);
	else
		is_whole = run_forked(o, seed);
	if (!is_whole)
		printf("seed %" PRIu64 ": the broker aborted, see above\n", seed);
	else if (result->is_wrong)
		printf("seed %" PRIu64 ", step %" PRIu64 ": %s\n", seed, result->step,
		       result->wrong);
	else if (o->is_hash)
		printf("seed %" PRIu64 ": %016" PRIx64 "\n", seed, result->hash);
	return is_whole && !result->is_wrong;
}

/* ---- options ---------------------------------------------------------------------------- */

static uint64_t number(const char *text, const char *option)
{
	char *end = NULL;
	uint64_t n = text ? strtoull(text, &end, 0) : 0;
	if (!text || end == text || *end) {
		fprintf(stderr, "godwit-sim: %s wants a number\n%s", option, usage);
		exit(2);
	}
	return n;
}

static void ablate(const char *name)
{
	enum ablate_rule rule = name ? ablate_find(slice_str(name)) : ABLATE_N;
	if (rule == ABLATE_N) {
		fprintf(stderr, "godwit-sim: no rule '%s'; see --rules\n", name ? name : "");
		exit(2);
	}
	ablated[rule] = true;
}

static void list_rules(void)
{
	for (int i = 0; i < ABLATE_N; i++)
		printf("%-24s%s\n", ablate_rows[i].name, ablate_rows[i].prose);
	exit(0);
}

static bool flag(struct options *o, const char *name)
{
	if (strcmp(name, "--verbose") == 0)
		o->is_told = true;
	else if (strcmp(name, "--hash") == 0)
		o->is_hash = true;
	else if (strcmp(name, "--no-fork") == 0)
		o->is_here = true;
	else if (strcmp(name, "--keep-going") == 0)
		o->is_on = true;
	else if (strcmp(name, "--rules") == 0)
		list_rules();
	else
		return false;
	return true;
}

static bool setting(struct options *o, const char *name, const char *value)
{
	if (strcmp(name, "--seeds") == 0)
		o->seeds_n = number(value, name);
	else if (strcmp(name, "--seed") == 0)
		o->seed = number(value, name);
	else if (strcmp(name, "--ops") == 0)
		o->ops = number(value, name);
	else if (strcmp(name, "--loops") == 0)
		o->loops = (uint32_t)number(value, name);
	else if (strcmp(name, "--ablate") == 0)
		ablate(value);
	else
		return false;
	return true;
}

static struct options options_of(int argc, char **argv)
{
	struct options o = { .seeds_n = 1, .seed = 1, .ops = 5000 };
	for (int i = 1; i < argc; i++) {
		if (flag(&o, argv[i]))
			continue;
		if (!setting(&o, argv[i], i + 1 < argc ? argv[i + 1] : NULL)) {
			fprintf(stderr, "godwit-sim: unknown option %s\n%s", argv[i], usage);
			exit(2);
		}
		i++;
	}
	return o;
}

static double seconds(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
	struct options o = options_of(argc, argv);
	uint64_t bad = 0, done = 0;
	double began = seconds();
	result = mmap(NULL, sizeof *result, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	if (result == MAP_FAILED) {
		perror("godwit-sim: mmap");
		return 2;
	}
	for (; done < o.seeds_n && (bad == 0 || o.is_on); done++)
		bad += !is_good(&o, o.seed + done);
	printf("%" PRIu64 " seeds from %" PRIu64 ", %" PRIu64 " with a fault, %.1f a second\n",
	       done, o.seed, bad, (double)done / (seconds() - began + 1e-9));
	return bad > 0;
}
