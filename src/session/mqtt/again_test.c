/* Packets that begin as the one before them. */
#include "session/mqtt/place_for_tests.h"

static void those_that_repeat_and_those_that_do_not_come_in_their_order(void **s)
{
	struct place *p = *s;
	struct client *a = subscriber(p, MQTT_V4, 'a', "#");
	const struct slice in = hex("30 06 0003'a/b' '1' 30 06 0003'a/b' '2' 30 07 0003'a/b' '34'"
				    "30 07 0003'a/c' '56' 30 07 0003'a/b' '78' 30 07 0003'a/b' '90'"
				    "30 05 0003'a/b' 30 05 0003'a/b'");
	say(p->from, in);
	hears(a, in);
	assert_int_equal(mqtt_of(p->from->s)->more->count.published, 8);
}

static void each_is_counted(void **s)
{
	struct place *p = *s;
	const uint64_t before[] = { sum(p, METER_messages_in), sum(p, METER_payload_in),
				    sum(p, METER_packets_in), sum(p, METER_bytes_in) };
	(void)subscriber(p, MQTT_V4, 'a', "#");
	const uint64_t subscribed[] = { sum(p, METER_packets_in), sum(p, METER_bytes_in) };
	say(p->from, hex("30 06 0003'a/b' '1' 30 06 0003'a/b' '2' 30 06 0003'a/b' '3'"));
	assert_int_equal(sum(p, METER_messages_in) - before[0], 3);
	assert_int_equal(sum(p, METER_payload_in) - before[1], 3);
	assert_int_equal(sum(p, METER_packets_in) - subscribed[0], 3);
	assert_int_equal(sum(p, METER_bytes_in) - subscribed[1], 24);
}

/* The head is there again, its payload is not yet. */
static void one_that_is_cut_waits_for_its_rest(void **s)
{
	struct place *p = *s;
	struct client *a = subscriber(p, MQTT_V4, 'a', "#");
	const struct slice in = hex("30 08 0003'a/b' 'one' 30 08 0003'a/b' 'two'");
	for (size_t cut = 1; cut < in.n; cut++) {
		say(p->from, slice_sub(in, 0, cut));
		say(p->from, slice_from(in, cut));
		hears(a, in);
	}
}

/* What another kind of packet changes is seen by those behind it. */
static void what_stands_between_is_heard_first(void **s)
{
	struct place *p = *s;
	p->from->out_read = p->from->out.n;
	say(p->from, hex("30 06 0003'a/b' '1' 30 06 0003'a/b' '2' c000 30 06 0003'a/b' '3'"));
	hears(p->from, hex("d000"));
	struct client *a = subscriber(p, MQTT_V4, 'a', "a/b");
	say(p->from, hex("30 06 0003'a/b' '4' 30 06 0003'a/b' '5' 31 06 0003'a/b' '6'"
			 "31 06 0003'a/b' '7' 30 06 0003'a/b' '8' 34 08 0003'a/b' 0001 '9'"
			 "34 08 0003'a/b' 0001 '9'"));
	hears(a, hex("30 06 0003'a/b' '4' 30 06 0003'a/b' '5' 30 06 0003'a/b' '6'"
		     "30 06 0003'a/b' '7' 30 06 0003'a/b' '8' 30 06 0003'a/b' '9'"));
}

/* Properties belong to the head; an alias has to be looked up, an expiry begins anew. */
static void version_five_may_repeat_itself_too(void **s)
{
	struct place *p = *s;
	struct client *five = client(p, MQTT_V5, '5'), *a = subscriber(p, MQTT_V5, 'a', "#");
	const struct slice in = hex("30 09 0003'a/b' 02 0101 '1' 30 09 0003'a/b' 02 0101 '2'"
				    "30 09 0003'a/b' 02 0100 '3' 30 07 0003'a/b' 00 '4'");
	say(five, in);
	hears(a, in);
	say(five, hex("30 0a 0003'a/b' 03 23 0001 '1' 30 07 0000 03 23 0001 '2'"
		      "30 07 0000 03 23 0001 '3'"));
	hears(a, hex("30 07 0003'a/b' 00 '1' 30 07 0003'a/b' 00 '2' 30 07 0003'a/b' 00 '3'"));
	say(five, hex("30 0c 0003'a/b' 05 02 0000003c '1' 30 0c 0003'a/b' 05 02 0000003c '2'"));
	hears(a, hex("30 0c 0003'a/b' 05 02 0000003c '1' 30 0c 0003'a/b' 05 02 0000003c '2'"));
}

/* It wants nothing of its own, however often it says it. */
static void no_local_holds_for_each(void **s)
{
	struct place *p = *s;
	struct client *five = client(p, MQTT_V5, '5'), *a = subscriber(p, MQTT_V5, 'a', "a/b");
	say(five, hex("82 09 0001 00 0003'a/b' 04"));
	five->out_read = five->out.n;
	const struct slice in = hex("30 07 0003'a/b' 00 '1' 30 07 0003'a/b' 00 '2'"
				    "30 07 0003'a/b' 00 '3'");
	say(five, in);
	hears(a, in);
	hears(five, SLICE_EMPTY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			those_that_repeat_and_those_that_do_not_come_in_their_order, begin, end),
		cmocka_unit_test_setup_teardown(each_is_counted, begin, end),
		cmocka_unit_test_setup_teardown(one_that_is_cut_waits_for_its_rest, begin, end),
		cmocka_unit_test_setup_teardown(what_stands_between_is_heard_first, begin, end),
		cmocka_unit_test_setup_teardown(version_five_may_repeat_itself_too, begin, end),
		cmocka_unit_test_setup_teardown(no_local_holds_for_each, begin, end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
