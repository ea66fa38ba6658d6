/* godwit-sim: many runs of the broker in a simulated world. */
#include "base/ablate.h"
#include "sim/run.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define EXIT_USAGE      2
#define HEAP_KEPT_BYTES (64 << 20)
#define WORKER_SEEDS    50

struct options {
	uint64_t seeds_n, seed, ops;
	uint32_t loops;
	bool is_told, is_here, is_hash, is_on, is_counted;
};

static const struct option options[] = {
	{ "seeds", required_argument, NULL, 'n' },  { "seed", required_argument, NULL, 's' },
	{ "ops", required_argument, NULL, 'o' },    { "loops", required_argument, NULL, 'l' },
	{ "ablate", required_argument, NULL, 'a' }, { "verbose", no_argument, NULL, 'v' },
	{ "counts", no_argument, NULL, 'c' },       { "hash", no_argument, NULL, 'x' },
	{ "keep-going", no_argument, NULL, 'k' },   { "no-fork", no_argument, NULL, 'f' },
	{ "rules", no_argument, NULL, 'r' },        { "version", no_argument, NULL, 'V' },
	{ "help", no_argument, NULL, 'h' },         { 0 },
};

static const char help[] =
	"usage: godwit-sim [OPTION]...\n"
	"\n"
	"Runs the broker in a simulated world that crashes, tears writes and drops connections, "
	"and\n"
	"looks for messages that are lost, invented, given twice or given out of order. A seed\n"
	"decides everything that happens in a run.\n"
	"\n"
	"  --seeds N       how many runs (1)\n"
	"  --seed S        the seed of the first; the next has one more (1)\n"
	"  --ops N         operations of clients in a run (5000)\n"
	"  --loops N       loops of the broker, 1 to 4 (as the seed says)\n"
	"  --ablate RULE   switch off a rule that keeps messages safe; may be said again\n"
	"  --rules         list these rules\n"
	"  --verbose       tell each run as it happens, and count\n"
	"  --counts        count what happened in all runs\n"
	"  --hash          print a number for each run: the same run, the same number\n"
	"  --keep-going    do not stop at the first run that went wrong\n"
	"  --no-fork       run in this process, for a debugger\n"
	"  --version       print the version\n"
	"  --help          print this\n";

/* ---- seeds ------------------------------------------------------------------------------ */

/* Shared with the workers, so that one in which a must() fails leaves behind how far it came. */
static struct progress {
	uint64_t done, bad;
	uint64_t sum[SCORE_N];
} * progress;

static bool is_more(const struct options *o)
{
	return progress->done < o->seeds_n && (progress->bad == 0 || o->is_on);
}

static void run_one(const struct options *o)
{
	struct run_result result;
	struct run_options r = {
		.seed = o->seed + progress->done,
		.ops = o->ops,
		.loops = o->loops,
		.is_told = o->is_told,
	};
	run_seed(&r, &result);
	if (result.is_wrong)
		printf("seed %" PRIu64 ", step %" PRIu64 ": %s\n", r.seed, result.step,
		       result.wrong);
	else if (o->is_hash)
		printf("seed %" PRIu64 ": %016" PRIx64 "\n", r.seed, result.hash);
	fflush(stdout);
	for (int i = 0; i < SCORE_N; i++)
		progress->sum[i] += result.score[i];
	progress->bad += result.is_wrong;
	progress->done++;
}

/* What one seed leaves behind is nothing; but what its memory was like may be in the next one's, so
 * a worker does not live for ever. */
static void run_some(const struct options *o)
{
	for (int i = 0; i < WORKER_SEEDS && is_more(o); i++)
		run_one(o);
}

static void run_forked(const struct options *o)
{
	int status = 0;
	fflush(NULL);
	pid_t child = fork();
	if (child == 0) {
		run_some(o);
		_exit(0);
	}
	if (child < 0 || waitpid(child, &status, 0) != child) {
		perror("godwit-sim: fork");
		exit(EXIT_USAGE);
	}
	if (status == 0)
		return;
	printf("seed %" PRIu64 ": the broker aborted, see above\n", o->seed + progress->done);
	progress->bad++;
	progress->done++;
}

/* ---- options ---------------------------------------------------------------------------- */

static int usage(const char *what, const char *word)
{
	fprintf(stderr, "godwit-sim: %s%s%s; see godwit-sim --help\n", what, word ? " " : "",
		word ? word : "");
	return EXIT_USAGE;
}

/* Gives -1 to go on, or the exit code. */
static int number(const char *text, uint64_t least, uint64_t most, uint64_t *out)
{
	char *end = NULL;
	errno = 0;
	uint64_t n = strtoull(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || errno)
		return usage("this is no number:", text);
	if (n < least || n > most)
		return usage("this number is too small or too large:", text);
	*out = n;
	return -1;
}

static int ablate(const char *name)
{
	enum ablate_rule rule = ablate_find(slice_str(name));
	if (rule == ABLATE_N) {
		fprintf(stderr, "godwit-sim: there is no rule %s; see godwit-sim --rules\n", name);
		return EXIT_USAGE;
	}
	ablated[rule] = true;
	return -1;
}

static int list_rules(void)
{
	for (int i = 0; i < ABLATE_N; i++)
		printf("%-24s%s\n", ablate_rows[i].name, ablate_rows[i].prose);
	return 0;
}

static int take_number(struct options *o, int c)
{
	uint64_t loops = 0;
	int code = -1;
	switch (c) {
	case 'n': return number(optarg, 1, UINT32_MAX, &o->seeds_n);
	case 's': return number(optarg, 0, UINT64_MAX / 2, &o->seed);
	case 'o': return number(optarg, 1, UINT32_MAX, &o->ops);
	default: code = number(optarg, 1, HOST_LOOPS_MAX, &loops);
	}
	o->loops = (uint32_t)loops;
	return code;
}

/* Gives -1 to go on, or the exit code. */
static int take_option(struct options *o, int c)
{
	switch (c) {
	case 'n':
	case 's':
	case 'o':
	case 'l': return take_number(o, c);
	case 'a': return ablate(optarg);
	case 'v': o->is_told = o->is_counted = true; return -1;
	case 'c': o->is_counted = true; return -1;
	case 'x': o->is_hash = true; return -1;
	case 'k': o->is_on = true; return -1;
	case 'f': o->is_here = true; return -1;
	case 'r': return list_rules();
	case 'V': puts("godwit-sim " GODWIT_VERSION); return 0;
	case 'h': fputs(help, stdout); return 0;
	default: return EXIT_USAGE; /* getopt has said why */
	}
}

static int parse(struct options *o, int argc, char **argv)
{
	int c, code = -1;
	*o = (struct options){ .seeds_n = 1, .seed = 1, .ops = 5000 };
	while (code < 0 && (c = getopt_long(argc, argv, "", options, NULL)) != -1)
		code = take_option(o, c);
	if (code < 0 && optind < argc)
		return usage("this is no option:", argv[optind]);
	return code;
}

/* ---- all seeds -------------------------------------------------------------------------- */

static void print_counts(const uint64_t sum[SCORE_N])
{
	for (int i = 0; i < SCORE_N; i++)
		printf("%12" PRIu64 "  %-16s%s\n", sum[i], score_rows[i].name, score_rows[i].prose);
}

static double seconds(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
	struct options o;
	int code = parse(&o, argc, argv);
	if (code >= 0)
		return code;
	/* A run takes and gives back much: most of its time would go into fresh pages. */
	(void)mallopt(M_MMAP_THRESHOLD, HEAP_KEPT_BYTES);
	(void)mallopt(M_TRIM_THRESHOLD, HEAP_KEPT_BYTES);
	double began = seconds();
	progress = mmap(NULL, sizeof *progress, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			-1, 0);
	if (progress == MAP_FAILED) {
		perror("godwit-sim: mmap");
		return EXIT_USAGE;
	}
	while (is_more(&o))
		if (o.is_here)
			run_some(&o);
		else
			run_forked(&o);
	if (o.is_counted)
		print_counts(progress->sum);
	printf("%" PRIu64 " seeds from %" PRIu64 ", %" PRIu64 " with a fault, %.1f a second\n",
	       progress->done, o.seed, progress->bad,
	       (double)progress->done / (seconds() - began + 1e-9));
	return progress->bad > 0;
}
