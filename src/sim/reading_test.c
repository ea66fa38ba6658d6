#include "sim/reading.h"

#include "sim/play_for_tests.h"

static struct play_fix reading = { reading_play, 1, "" };

static void nothing_is_lost_in_streams(void **state)
{
	(void)state;
	play_is_good(reading, 40);
}

static void a_page_that_is_not_written_anew_is_noticed(void **state)
{
	(void)state;
	play_misses(reading, ABLATE_stream_page, 200, "is missing, and messages are in it");
}

static void what_a_filter_does_not_ask_for_is_noticed(void **state)
{
	(void)state;
	play_misses(reading, ABLATE_filter, 50, "which the filter does not ask for");
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_lost_in_streams),
		cmocka_unit_test(a_page_that_is_not_written_anew_is_noticed),
		cmocka_unit_test(what_a_filter_does_not_ask_for_is_noticed),
	};
	if (argc > 1)
		reading.first = strtoull(argv[1], NULL, 10);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
