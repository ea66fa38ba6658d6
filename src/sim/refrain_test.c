#include "sim/refrain.h"

#include "sim/play_for_tests.h"

static struct play_fix refrain = { refrain_play, 1, "" };

static void what_goes_again_goes_as_often_as_it_is_to(void **state)
{
	(void)state;
	play_is_good(refrain, 40);
}

static void what_is_not_logged_goes_too_often(void **state)
{
	(void)state;
	play_misses(refrain, ABLATE_again, 60, "times, and was to go");
}

static void what_does_not_wait_is_noticed(void **state)
{
	(void)state;
	play_misses(refrain, ABLATE_delay, 50, "and is due at");
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_goes_again_goes_as_often_as_it_is_to),
		cmocka_unit_test(what_is_not_logged_goes_too_often),
		cmocka_unit_test(what_does_not_wait_is_noticed),
	};
	if (argc > 1)
		refrain.first = strtoull(argv[1], NULL, 10);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
