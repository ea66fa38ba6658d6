#include "sim/choosing.h"

#include "sim/play_for_tests.h"

static struct play_fix choosing = { choosing_play, 1, "" };

static void each_goes_where_it_belongs_and_nothing_twice(void **state)
{
	(void)state;
	play_is_good(choosing, 60);
}

static void what_goes_to_all_is_noticed(void **state)
{
	(void)state;
	play_misses(choosing, ABLATE_spread, 50, "came from two queues");
}

static void what_moves_when_another_goes_is_noticed(void **state)
{
	(void)state;
	play_misses(choosing, ABLATE_share, 50, "has kept its key");
}

static void what_no_alternate_takes_is_noticed(void **state)
{
	(void)state;
	play_misses(choosing, ABLATE_alternate, 50, "is missing in the history");
}

static void what_is_in_a_queue_twice_is_noticed(void **state)
{
	(void)state;
	play_misses(choosing, ABLATE_once, 50, "is in the queue with");
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_goes_where_it_belongs_and_nothing_twice),
		cmocka_unit_test(what_goes_to_all_is_noticed),
		cmocka_unit_test(what_moves_when_another_goes_is_noticed),
		cmocka_unit_test(what_no_alternate_takes_is_noticed),
		cmocka_unit_test(what_is_in_a_queue_twice_is_noticed),
	};
	if (argc > 1)
		choosing.first = strtoull(argv[1], NULL, 10);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
