/* What expires and what is full, with every rule, and without those that it needs. A broker that
 * was killed leaves its memory as it was, so each look is a process of its own. */
#include "sim/lifetime.h"

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

#define SEEDS         60
#define SEEDS_ABLATED 200

enum { FINE, TOO_LATE, TOO_MANY, OTHERWISE_WRONG };

static uint64_t first = 1;

static int verdict(const struct story *s)
{
	if (strstr(s->wrong, "but was due at"))
		return TOO_LATE;
	return strstr(s->wrong, "messages, more than") ? TOO_MANY : OTHERWISE_WRONG;
}

/* Plays seeds until something is wrong. */
static int play(uint64_t seeds_n)
{
	struct story story;
	for (uint64_t seed = first; seed < first + seeds_n; seed++) {
		story_init(&story, false);
		lifetime_play(&story, seed);
		if (!story.is_wrong)
			continue;
		fprintf(stderr, "seed %llu: %s\n", (unsigned long long)seed, story.wrong);
		return verdict(&story);
	}
	return FINE;
}

static int is_same(uint64_t seeds_n)
{
	struct story a, b;
	must(seeds_n == 1);
	story_init(&a, false);
	story_init(&b, false);
	lifetime_play(&a, first);
	lifetime_play(&b, first);
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

static int without(enum ablate_rule rule)
{
	ablated[rule] = true;
	int found = in_a_process(play, SEEDS_ABLATED);
	ablated[rule] = false;
	return found;
}

static void times_and_limits_hold(void **state)
{
	(void)state;
	assert_int_equal(in_a_process(play, SEEDS), FINE);
}

static void the_same_seed_is_the_same_lifetime(void **state)
{
	(void)state;
	assert_int_equal(in_a_process(is_same, 1), FINE);
}

static void what_is_given_too_late_is_noticed(void **state)
{
	(void)state;
	assert_int_equal(without(ABLATE_expiry), TOO_LATE);
}

static void what_waits_for_the_log_must_count(void **state)
{
	(void)state;
	assert_int_equal(without(ABLATE_reserve), TOO_MANY);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(times_and_limits_hold),
		cmocka_unit_test(the_same_seed_is_the_same_lifetime),
		cmocka_unit_test(what_is_given_too_late_is_noticed),
		cmocka_unit_test(what_waits_for_the_log_must_count),
	};
	if (argc > 1)
		first = strtoull(argv[1], NULL, 10);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
