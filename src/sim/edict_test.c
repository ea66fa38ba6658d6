#include "sim/edict.h"

#include "sim/play_for_tests.h"

static struct play_fix edict = { edict_play, 1, "" };

static void what_is_ordered_holds(void **state)
{
	(void)state;
	play_is_good(edict, 60);
}

static void a_policy_that_old_queues_do_not_hear_of_is_noticed(void **state)
{
	(void)state;
	play_misses(edict, ABLATE_policy_live, 200, "messages, ");
}

static void rights_that_are_asked_once_are_noticed(void **state)
{
	(void)state;
	play_misses(edict, ABLATE_rights, 200, "may not publish, and his message is taken");
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_ordered_holds),
		cmocka_unit_test(a_policy_that_old_queues_do_not_hear_of_is_noticed),
		cmocka_unit_test(rights_that_are_asked_once_are_noticed),
	};
	if (argc > 1)
		edict.first = strtoull(argv[1], NULL, 10);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
