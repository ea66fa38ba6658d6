#include "sim/replica.h"

#include "base/ablate.h"
#include "base/must.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define SEEDS 200u

/* play gives what was wrong with a run; "" if nothing was. */
static struct story play(uint64_t seed)
{
	struct story s;
	story_init(&s, false);
	replica_play(&s, seed);
	return s;
}

static void what_a_leader_cuts_stays_cut_and_what_is_committed_stays(void **state)
{
	(void)state;
	uint64_t cuts_n = 0;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct story s = play(seed);
		assert_string_equal(s.wrong, "");
		cuts_n += s.told_n[STORY_cut];
	}
	must(cuts_n > SEEDS);
}

static void the_same_seed_is_the_same_life(void **state)
{
	(void)state;
	struct story a = play(7), b = play(7), c = play(8);
	must(a.hash == b.hash && a.hash != c.hash);
}

/* Where others came in the place of what was cut, they do not fit; elsewhere it is just back. */
static void a_tail_that_is_not_cut_comes_back(void **state)
{
	(void)state;
	uint32_t misfits = 0, back = 0;
	ablated[ABLATE_truncate] = true;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct story s = play(seed);
		misfits += strstr(s.wrong, "does not follow the one before") != NULL;
		back += strstr(s.wrong, "was cut, and is back") != NULL;
	}
	ablated[ABLATE_truncate] = false;
	assert_in_range(misfits, 1, SEEDS);
	assert_in_range(back, 1, SEEDS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_leader_cuts_stays_cut_and_what_is_committed_stays),
		cmocka_unit_test(the_same_seed_is_the_same_life),
		cmocka_unit_test(a_tail_that_is_not_cut_comes_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
