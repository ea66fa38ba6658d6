#include "sim/flock.h"

#include "sim/play_for_tests.h"

static struct play_fix flock = { flock_play, 1, "" };

static void a_group_is_never_in_two_hands(void **state)
{
	(void)state;
	play_is_good(flock, 60);
}

static void a_group_without_an_owner_is_noticed(void **state)
{
	(void)state;
	play_misses(flock, ABLATE_group_owner, 100, "comes to one");
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_group_is_never_in_two_hands),
		cmocka_unit_test(a_group_without_an_owner_is_noticed),
	};
	if (argc > 1)
		flock.first = strtoull(argv[1], NULL, 10);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
