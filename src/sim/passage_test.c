/* Dead letters with every rule, and without the one that they need. */
#include "sim/passage.h"

#include "base/ablate.h"
#include "base/must.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SEEDS         40
#define SEEDS_ABLATED 200

static uint64_t first = 1;

/* The first seed of some in which something is wrong; 0: none. */
static uint64_t wrong_seed(uint64_t seeds_n, struct story *out)
{
	for (uint64_t seed = first; seed < first + seeds_n; seed++) {
		story_init(out, false);
		passage_play(out, seed);
		if (out->is_wrong)
			return seed;
	}
	return 0;
}

static void nothing_is_lost_between_queues(void **state)
{
	(void)state;
	struct story story;
	uint64_t seed = wrong_seed(SEEDS, &story);
	if (seed)
		fprintf(stderr, "seed %llu: %s\n", (unsigned long long)seed, story.wrong);
	assert_int_equal(seed, 0);
}

static void the_same_seed_is_the_same_passage(void **state)
{
	(void)state;
	struct story a, b;
	story_init(&a, false);
	story_init(&b, false);
	passage_play(&a, first);
	passage_play(&b, first);
	assert_true(a.hash == b.hash);
}

static void an_entry_settled_too_early_is_noticed(void **state)
{
	(void)state;
	struct story story;
	ablated[ABLATE_dead_letter_order] = true;
	uint64_t seed = wrong_seed(SEEDS_ABLATED, &story);
	ablated[ABLATE_dead_letter_order] = false;
	fprintf(stderr, "seed %llu: %s\n", (unsigned long long)seed, story.wrong);
	assert_true(seed != 0 && strstr(story.wrong, "are lost between queues"));
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_lost_between_queues),
		cmocka_unit_test(the_same_seed_is_the_same_passage),
		cmocka_unit_test(an_entry_settled_too_early_is_noticed),
	};
	if (argc > 1)
		first = strtoull(argv[1], NULL, 10);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
