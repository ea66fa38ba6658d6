#include "sim/deal.h"

#include "sim/play_for_tests.h"

static struct play_fix deal = { deal_play, 1, "" };

static void a_transaction_is_all_or_nothing(void **state)
{
	(void)state;
	play_is_good(deal, 40);
}

static void half_a_transaction_is_noticed(void **state)
{
	(void)state;
	play_misses(deal, ABLATE_tx_atomicity, 200, "is torn");
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_transaction_is_all_or_nothing),
		cmocka_unit_test(half_a_transaction_is_noticed),
	};
	if (argc > 1)
		deal.first = strtoull(argv[1], NULL, 10);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
