#include "sim/parley.h"

#include "sim/play_for_tests.h"

static struct play_fix parley = { parley_play, 1, "" };

static void clients_are_what_they_say_and_no_more_than_may_be(void **state)
{
	(void)state;
	play_is_good(parley, 60);
}

static void who_is_beyond_a_limit_is_noticed(void **state)
{
	(void)state;
	play_misses(parley, ABLATE_limits, 50, "a third client is let in");
}

static void a_queue_too_many_is_noticed(void **state)
{
	(void)state;
	play_misses(parley, ABLATE_full_vhost, 50, "there are");
}

static void who_speaks_for_another_is_noticed(void **state)
{
	(void)state;
	play_misses(parley, ABLATE_user_id, 50, "names another user");
}

static void a_reply_to_the_next_in_his_place_is_noticed(void **state)
{
	(void)state;
	play_misses(parley, ABLATE_reply_key, 100, "came to a connection that has not asked");
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(clients_are_what_they_say_and_no_more_than_may_be),
		cmocka_unit_test(who_is_beyond_a_limit_is_noticed),
		cmocka_unit_test(a_queue_too_many_is_noticed),
		cmocka_unit_test(who_speaks_for_another_is_noticed),
		cmocka_unit_test(a_reply_to_the_next_in_his_place_is_noticed),
	};
	if (argc > 1)
		parley.first = strtoull(argv[1], NULL, 10);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
