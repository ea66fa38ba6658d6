#include "sim/keeping.h"

#include "sim/play_for_tests.h"

static struct play_fix keeping = { keeping_play, 1, "" };

static void the_last_message_of_each_key_is_found(void **state)
{
	(void)state;
	play_is_good(keeping, 40);
}

static void one_that_was_forgotten_and_comes_back_is_noticed(void **state)
{
	(void)state;
	play_misses(keeping, ABLATE_retain_forget, 50, "(which is gone)");
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_last_message_of_each_key_is_found),
		cmocka_unit_test(one_that_was_forgotten_and_comes_back_is_noticed),
	};
	if (argc > 1)
		keeping.first = strtoull(argv[1], NULL, 10);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
