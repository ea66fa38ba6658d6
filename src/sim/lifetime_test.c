#include "sim/lifetime.h"

#include "sim/play_for_tests.h"

static struct play_fix lifetime = { lifetime_play, 1, "" };

static void times_and_limits_hold(void **state)
{
	(void)state;
	play_is_good(lifetime, 60);
}

static void what_is_given_too_late_is_noticed(void **state)
{
	(void)state;
	play_misses(lifetime, ABLATE_expiry, 200, "but was due at");
}

static void what_waits_for_the_log_must_count(void **state)
{
	(void)state;
	play_misses(lifetime, ABLATE_reserve, 200, "messages, more than");
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(times_and_limits_hold),
		cmocka_unit_test(what_is_given_too_late_is_noticed),
		cmocka_unit_test(what_waits_for_the_log_must_count),
	};
	if (argc > 1)
		lifetime.first = strtoull(argv[1], NULL, 10);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
