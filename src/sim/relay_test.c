#include "sim/relay.h"

#include "sim/play_for_tests.h"

static struct play_fix relay = { relay_play, 1, "" };

static void what_one_protocol_sends_comes_to_all(void **state)
{
	(void)state;
	play_is_good(relay, 60);
}

static void a_receipt_before_its_message_is_safe_is_noticed(void **state)
{
	(void)state;
	play_misses(relay, ABLATE_receipt, 100, "messages are lost on their way");
}

static void a_confirm_before_its_message_is_safe_is_noticed(void **state)
{
	(void)state;
	play_misses(relay, ABLATE_confirm_before_commit, 100, "messages are lost on their way");
}

static void what_comes_again_and_does_not_say_so_is_noticed(void **state)
{
	(void)state;
	play_misses(relay, ABLATE_redelivered, 100, "comes again, and does not say so");
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_one_protocol_sends_comes_to_all),
		cmocka_unit_test(a_receipt_before_its_message_is_safe_is_noticed),
		cmocka_unit_test(a_confirm_before_its_message_is_safe_is_noticed),
		cmocka_unit_test(what_comes_again_and_does_not_say_so_is_noticed),
	};
	if (argc > 1)
		relay.first = strtoull(argv[1], NULL, 10);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
