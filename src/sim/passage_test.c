#include "sim/passage.h"

#include "sim/play_for_tests.h"

static struct play_fix passage = { passage_play, 1, "" };

static void nothing_is_lost_between_queues(void **state)
{
	(void)state;
	play_is_good(passage, 40);
}

static void an_entry_settled_too_early_is_noticed(void **state)
{
	(void)state;
	play_misses(passage, ABLATE_dead_letter_order, 200, "are lost between queues");
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_lost_between_queues),
		cmocka_unit_test(an_entry_settled_too_early_is_noticed),
	};
	if (argc > 1)
		passage.first = strtoull(argv[1], NULL, 10);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
