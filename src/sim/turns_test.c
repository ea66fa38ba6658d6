/* Whose turn it is, with every rule, and without the one that it needs. A broker that was killed
 * leaves its memory as it was, so each run is a process of its own. */
#include "sim/turns.h"

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

enum { FINE, OTHERWISE_WRONG, TWO_ACTIVE }; /* a sanitizer ends a process with 1 */

static uint64_t first = 1;

static int play(uint64_t seed)
{
	struct story story;
	story_init(&story, false);
	turns_play(&story, seed);
	if (!story.is_wrong)
		return FINE;
	fprintf(stderr, "seed %llu: %s\n", (unsigned long long)seed, story.wrong);
	return strstr(story.wrong, "two consumers are active") ? TWO_ACTIVE : OTHERWISE_WRONG;
}

static int is_same(uint64_t seed)
{
	struct story a, b;
	story_init(&a, false);
	story_init(&b, false);
	turns_play(&a, seed);
	turns_play(&b, seed);
	return a.hash == b.hash ? FINE : OTHERWISE_WRONG;
}

static int in_a_process(int (*look)(uint64_t seed), uint64_t seed)
{
	fflush(NULL);
	pid_t child = fork();
	must(child >= 0);
	if (child == 0)
		_exit(look(seed));
	int status;
	pid_t done = waitpid(child, &status, 0);
	must(done == child);
	return WIFEXITED(status) ? WEXITSTATUS(status) : OTHERWISE_WRONG;
}

/* Plays seeds until something is wrong: what one run leaves behind is gone before the next. */
static int play_all(uint64_t seeds_n)
{
	int found = FINE;
	for (uint64_t seed = first; seed < first + seeds_n && found == FINE; seed++)
		found = in_a_process(play, seed);
	return found;
}

static void everybody_takes_turns(void **state)
{
	(void)state;
	assert_int_equal(play_all(SEEDS), FINE);
}

static void the_same_seed_is_the_same_turns(void **state)
{
	(void)state;
	assert_int_equal(in_a_process(is_same, first), FINE);
}

static void a_second_active_consumer_is_noticed(void **state)
{
	(void)state;
	ablated[ABLATE_sac_hand_over] = true;
	int found = play_all(SEEDS_ABLATED);
	ablated[ABLATE_sac_hand_over] = false;
	assert_int_equal(found, TWO_ACTIVE);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everybody_takes_turns),
		cmocka_unit_test(the_same_seed_is_the_same_turns),
		cmocka_unit_test(a_second_active_consumer_is_noticed),
	};
	if (argc > 1)
		first = strtoull(argv[1], NULL, 10);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
