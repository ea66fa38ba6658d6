#include "sim/crew.h"

#include "sim/play_for_tests.h"

static struct play_fix crew = { crew_play, 1, "" };

static void what_a_group_is_promised_is_kept(void **state)
{
	(void)state;
	play_is_good(crew, 60);
}

static void what_a_dead_member_takes_along_is_noticed(void **state)
{
	(void)state;
	play_misses(crew, ABLATE_share_back, 200, "messages are lost");
}

static void a_time_that_is_not_counted_down_is_noticed(void **state)
{
	(void)state;
	play_misses(crew, ABLATE_countdown, 200, "s left, after");
}

static void what_another_one_gets_of_qos_2_is_noticed(void **state)
{
	(void)state;
	play_misses(crew, ABLATE_share_held, 200, "of QoS 2 came to member");
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_group_is_promised_is_kept),
		cmocka_unit_test(what_a_dead_member_takes_along_is_noticed),
		cmocka_unit_test(what_another_one_gets_of_qos_2_is_noticed),
		cmocka_unit_test(a_time_that_is_not_counted_down_is_noticed),
	};
	if (argc > 1)
		crew.first = strtoull(argv[1], NULL, 10);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
