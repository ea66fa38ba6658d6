#include "sim/picking.h"

#include "sim/play_for_tests.h"

static struct play_fix picking = { picking_play, 1, "" };

static void who_has_a_selector_gets_what_it_says(void **state)
{
	(void)state;
	play_is_good(picking, 60);
}

static void a_message_for_nobody_in_particular_is_noticed(void **state)
{
	(void)state;
	play_misses(picking, ABLATE_selector, 200, "is not what was asked for");
}

static void what_came_back_and_is_passed_over_is_noticed(void **state)
{
	(void)state;
	play_misses(picking, ABLATE_select_back, 200, "waits in vain for message");
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_has_a_selector_gets_what_it_says),
		cmocka_unit_test(a_message_for_nobody_in_particular_is_noticed),
		cmocka_unit_test(what_came_back_and_is_passed_over_is_noticed),
	};
	if (argc > 1)
		picking.first = strtoull(argv[1], NULL, 10);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
