#include "sim/later.h"

#include "sim/play_for_tests.h"

static struct play_fix later = { later_play, 1, "" };

static void nothing_is_early_or_late_or_lost(void **state)
{
	(void)state;
	play_is_good(later, 40);
}

static void what_does_not_wait_is_noticed(void **state)
{
	(void)state;
	play_misses(later, ABLATE_delay, 50, "but is due at");
}

static void an_entry_settled_too_early_is_noticed(void **state)
{
	(void)state;
	play_misses(later, ABLATE_dead_letter_order, 400, "was due at");
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_early_or_late_or_lost),
		cmocka_unit_test(what_does_not_wait_is_noticed),
		cmocka_unit_test(an_entry_settled_too_early_is_noticed),
	};
	if (argc > 1)
		later.first = strtoull(argv[1], NULL, 10);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
