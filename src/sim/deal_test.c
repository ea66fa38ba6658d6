/* Transactions with every rule, and without the one that they need. A broker that was killed leaves
 * its memory as it was, so each look is a process of its own. */
#include "sim/deal.h"

#include "base/ablate.h"
#include "base/must.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define SEEDS         40
#define SEEDS_ABLATED 200

enum { FINE, TORN, OTHERWISE_WRONG };

static uint64_t first = 1;

/* Plays seeds until something is wrong. */
static int play(uint64_t seeds_n)
{
	struct story story;
	for (uint64_t seed = first; seed < first + seeds_n; seed++) {
		story_init(&story, false);
		deal_play(&story, seed);
		if (!story.is_wrong)
			continue;
		fprintf(stderr, "seed %llu: %s\n", (unsigned long long)seed, story.wrong);
		bool is_torn = strstr(story.wrong, "is in queues") || strstr(story.wrong, "coin");
		return is_torn ? TORN : OTHERWISE_WRONG;
	}
	return FINE;
}

static int is_same(uint64_t seeds_n)
{
	struct story a, b;
	must(seeds_n == 1);
	story_init(&a, false);
	story_init(&b, false);
	deal_play(&a, first);
	deal_play(&b, first);
	return a.hash == b.hash ? FINE : OTHERWISE_WRONG;
}

static int in_a_process(int (*look)(uint64_t seeds_n), uint64_t seeds_n)
{
	fflush(NULL);
	pid_t child = fork();
	must(child >= 0);
	if (child == 0)
		_exit(look(seeds_n));
	int status;
	pid_t done = waitpid(child, &status, 0);
	must(done == child);
	return WIFEXITED(status) ? WEXITSTATUS(status) : OTHERWISE_WRONG;
}

static void a_transaction_is_all_or_nothing(void **state)
{
	(void)state;
	assert_int_equal(in_a_process(play, SEEDS), FINE);
}

static void the_same_seed_is_the_same_deal(void **state)
{
	(void)state;
	assert_int_equal(in_a_process(is_same, 1), FINE);
}

static void half_a_transaction_is_noticed(void **state)
{
	(void)state;
	ablated[ABLATE_tx_atomicity] = true;
	int found = in_a_process(play, SEEDS_ABLATED);
	ablated[ABLATE_tx_atomicity] = false;
	assert_int_equal(found, TORN);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_transaction_is_all_or_nothing),
		cmocka_unit_test(the_same_seed_is_the_same_deal),
		cmocka_unit_test(half_a_transaction_is_noticed),
	};
	if (argc > 1)
		first = strtoull(argv[1], NULL, 10);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
