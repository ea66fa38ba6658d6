/* Whose turn it is, with every rule, and without the one that it needs. */
#include "sim/turns.h"

#include "base/ablate.h"
#include "base/must.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SEEDS         60
#define SEEDS_ABLATED 200

static uint64_t first = 1;

/* The first seed of some in which something is wrong; 0: none. */
static uint64_t wrong_seed(uint64_t seeds_n, struct story *out)
{
	for (uint64_t seed = first; seed < first + seeds_n; seed++) {
		story_init(out, false);
		turns_play(out, seed);
		if (out->is_wrong)
			return seed;
	}
	return 0;
}

static void everybody_takes_turns(void **state)
{
	(void)state;
	struct story story;
	uint64_t seed = wrong_seed(SEEDS, &story);
	if (seed)
		fprintf(stderr, "seed %llu: %s\n", (unsigned long long)seed, story.wrong);
	assert_int_equal(seed, 0);
}

static void the_same_seed_is_the_same_turns(void **state)
{
	(void)state;
	struct story a, b;
	story_init(&a, false);
	story_init(&b, false);
	turns_play(&a, first);
	turns_play(&b, first);
	assert_true(a.hash == b.hash);
}

static void is_noticed(enum ablate_rule rule, const char *as)
{
	struct story story;
	ablated[rule] = true;
	uint64_t seed = wrong_seed(SEEDS_ABLATED, &story);
	ablated[rule] = false;
	fprintf(stderr, "seed %llu: %s\n", (unsigned long long)seed, story.wrong);
	assert_true(seed != 0 && strstr(story.wrong, as));
}

static void a_second_active_consumer_is_noticed(void **state)
{
	(void)state;
	is_noticed(ABLATE_sac_hand_over, "two consumers are active");
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
