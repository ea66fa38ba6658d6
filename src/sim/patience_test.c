#include "sim/patience.h"

#include "sim/play_for_tests.h"

static struct play_fix patience = { patience_play, 1, "" };

static void what_is_in_vain_waits_and_ends(void **state)
{
	(void)state;
	play_is_good(patience, 60);
}

static void attempts_that_a_crash_forgets_are_noticed(void **state)
{
	(void)state;
	play_misses(patience, ABLATE_attempts, 200, "in vain");
}

static void what_came_back_and_does_not_say_so_is_noticed(void **state)
{
	(void)state;
	play_misses(patience, ABLATE_returns, 200, "times unharmed, and says");
}

static void what_does_not_wait_is_noticed(void **state)
{
	(void)state;
	play_misses(patience, ABLATE_retry_wait, 200, "but was due at");
}

static void who_holds_for_ever_is_noticed(void **state)
{
	(void)state;
	play_misses(patience, ABLATE_consumer_timeout, 200, "may hold a message for");
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_in_vain_waits_and_ends),
		cmocka_unit_test(attempts_that_a_crash_forgets_are_noticed),
		cmocka_unit_test(what_came_back_and_does_not_say_so_is_noticed),
		cmocka_unit_test(what_does_not_wait_is_noticed),
		cmocka_unit_test(who_holds_for_ever_is_noticed),
	};
	if (argc > 1)
		patience.first = strtoull(argv[1], NULL, 10);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
