#include "sim/backlog.h"

#include "sim/play_for_tests.h"

static struct play_fix backlog = { backlog_play, 1, "" };

static void nothing_is_lost_and_nothing_comes_back(void **state)
{
	(void)state;
	play_is_good(backlog, 60);
}

static void what_leaves_memory_must_be_in_the_checkpoint(void **state)
{
	(void)state;
	play_misses(backlog, ABLATE_cold_clean, 200, "of a backlog are lost");
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_lost_and_nothing_comes_back),
		cmocka_unit_test(what_leaves_memory_must_be_in_the_checkpoint),
	};
	if (argc > 1)
		backlog.first = strtoull(argv[1], NULL, 10);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
