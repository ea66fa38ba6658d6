#include "sim/turns.h"

#include "sim/play_for_tests.h"

static struct play_fix turns = { turns_play, 1, "" };

static void everybody_takes_turns(void **state)
{
	(void)state;
	play_is_good(turns, 60);
}

static void a_second_active_consumer_is_noticed(void **state)
{
	(void)state;
	play_misses(turns, ABLATE_sac_hand_over, 200, "two consumers are active");
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everybody_takes_turns),
		cmocka_unit_test(a_second_active_consumer_is_noticed),
	};
	if (argc > 1)
		turns.first = strtoull(argv[1], NULL, 10);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
