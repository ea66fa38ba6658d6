#include "sim/voucher.h"

#include "sim/play_for_tests.h"

static struct play_fix voucher = { voucher_play, 1, "" };

static void what_stomp_promises_is_kept(void **state)
{
	(void)state;
	play_is_good(voucher, 60);
}

/* He had said DISCONNECT, and somebody else had it meanwhile and took it. */
static void who_leaves_may_read_late_what_he_was_given(void **state)
{
	(void)state;
	play_is_good((struct play_fix){ voucher_play, 46991, "" }, 1);
}

static void a_receipt_before_its_message_is_safe_is_noticed(void **state)
{
	(void)state;
	play_misses(voucher, ABLATE_receipt, 200, "messages with a receipt are lost");
}

static void what_is_sent_before_its_commit_is_noticed(void **state)
{
	(void)state;
	play_misses(voucher, ABLATE_put_off, 200, "is of a transaction that was never committed");
}

static void half_a_commit_is_noticed(void **state)
{
	(void)state;
	play_misses(voucher, ABLATE_tx_atomicity, 200, "is torn");
}

static void a_send_that_is_taken_while_memory_is_short_is_noticed(void **state)
{
	(void)state;
	play_misses(voucher, ABLATE_alarm, 100, "is taken, while publishers have to wait");
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_stomp_promises_is_kept),
		cmocka_unit_test(who_leaves_may_read_late_what_he_was_given),
		cmocka_unit_test(a_receipt_before_its_message_is_safe_is_noticed),
		cmocka_unit_test(what_is_sent_before_its_commit_is_noticed),
		cmocka_unit_test(half_a_commit_is_noticed),
		cmocka_unit_test(a_send_that_is_taken_while_memory_is_short_is_noticed),
	};
	if (argc > 1)
		voucher.first = strtoull(argv[1], NULL, 10);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
