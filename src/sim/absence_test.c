#include "sim/absence.h"

#include "sim/play_for_tests.h"

static struct play_fix absence = { absence_play, 1, "" };

static void sessions_and_wills_end_in_time(void **state)
{
	(void)state;
	play_is_good(absence, 60);
}

static void time_that_does_not_pass_while_the_broker_is_down_is_noticed(void **state)
{
	(void)state;
	play_misses(absence, ABLATE_absence, 50, "has not come, and is due");
}

static void a_return_that_the_log_does_not_have_is_noticed(void **state)
{
	(void)state;
	play_misses(absence, ABLATE_presence, 50, "is gone after");
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sessions_and_wills_end_in_time),
		cmocka_unit_test(time_that_does_not_pass_while_the_broker_is_down_is_noticed),
		cmocka_unit_test(a_return_that_the_log_does_not_have_is_noticed),
	};
	if (argc > 1)
		absence.first = strtoull(argv[1], NULL, 10);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
