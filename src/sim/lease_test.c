#include "sim/lease.h"

#include "sim/play_for_tests.h"

static struct play_fix lease = { lease_play, 1, "" };

static void queues_live_as_long_as_they_are_used(void **state)
{
	(void)state;
	play_is_good(lease, 80);
}

static void a_queue_that_goes_though_it_is_used_is_noticed(void **state)
{
	(void)state;
	play_misses(lease, ABLATE_lease, 50, "the queue has");
}

static void a_queue_that_stays_is_noticed(void **state)
{
	(void)state;
	play_misses(lease, ABLATE_unused, 50, "the queue is there, unused for");
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(queues_live_as_long_as_they_are_used),
		cmocka_unit_test(a_queue_that_goes_though_it_is_used_is_noticed),
		cmocka_unit_test(a_queue_that_stays_is_noticed),
	};
	if (argc > 1)
		lease.first = strtoull(argv[1], NULL, 10);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
