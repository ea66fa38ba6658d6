#include "sim/pledge.h"

#include "sim/play_for_tests.h"

static struct play_fix pledge = { pledge_play, 1, "" };

static void what_mqtt_promises_is_kept(void **state)
{
	(void)state;
	play_is_good(pledge, 60);
}

static void a_pubrec_before_its_mark_is_noticed(void **state)
{
	(void)state;
	play_misses(pledge, ABLATE_qos2_received, 200, "are lost on their way");
}

static void a_pubrel_before_its_phase_is_noticed(void **state)
{
	(void)state;
	play_misses(pledge, ABLATE_qos2_released, 200, "of QoS 2 came twice");
}

static void packet_ids_that_change_are_noticed(void **state)
{
	(void)state;
	play_misses(pledge, ABLATE_packet_id, 200, "of QoS 2 came twice");
}

static void two_owners_of_a_client_id_are_noticed(void **state)
{
	(void)state;
	play_misses(pledge, ABLATE_claim, 200, "though its client was not lost");
}

static void a_will_after_a_goodbye_is_noticed(void **state)
{
	(void)state;
	play_misses(pledge, ABLATE_goodbye, 200, "though its client was not lost");
}

static void a_will_that_dies_with_the_broker_is_noticed(void **state)
{
	(void)state;
	play_misses(pledge, ABLATE_bequest, 200, "is lost");
}

static void a_publish_that_is_taken_while_memory_is_short_is_noticed(void **state)
{
	(void)state;
	play_misses(pledge, ABLATE_alarm, 100, "is taken, while publishers have to wait");
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_mqtt_promises_is_kept),
		cmocka_unit_test(a_pubrec_before_its_mark_is_noticed),
		cmocka_unit_test(a_pubrel_before_its_phase_is_noticed),
		cmocka_unit_test(packet_ids_that_change_are_noticed),
		cmocka_unit_test(two_owners_of_a_client_id_are_noticed),
		cmocka_unit_test(a_will_after_a_goodbye_is_noticed),
		cmocka_unit_test(a_will_that_dies_with_the_broker_is_noticed),
		cmocka_unit_test(a_publish_that_is_taken_while_memory_is_short_is_noticed),
	};
	if (argc > 1)
		pledge.first = strtoull(argv[1], NULL, 10);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
