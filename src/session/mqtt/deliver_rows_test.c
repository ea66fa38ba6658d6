/* Messages of QoS 0 that go out side by side, as they came. */
#include "session/mqtt/place_for_tests.h"

static void all_get_what_came(void **s)
{
	struct place *p = *s;
	struct client *a = subscriber(p, MQTT_V4, 'a', "a/b"),
		      *b = subscriber(p, MQTT_V4, 'b', "a/#"),
		      *c = subscriber(p, MQTT_V4, 'c', "+/b");
	const struct slice in = hex("30 08 0003'a/b' 'one' 30 08 0003'a/b' 'two' 30 05 0003'a/b'"
				    "30 0a 0003'a/b' 'three'");
	say(p->from, in);
	hears(a, in);
	hears(b, in);
	hears(c, in);
	assert_int_equal(mqtt_of(b->s)->more->count.delivered, 4);
	say(p->from, in);
	hears(c, in);
}

static void each_gets_what_it_wants(void **s)
{
	struct place *p = *s;
	struct client *a = subscriber(p, MQTT_V4, 'a', "a/b"),
		      *b = subscriber(p, MQTT_V4, 'b', "a/#"),
		      *c = subscriber(p, MQTT_V4, 'c', "+/b");
	say(p->from, hex("30 06 0003'a/b' '1' 30 06 0003'a/c' '2' 30 06 0003'a/b' '3'"
			 "30 06 0003'x/b' '4' 30 06 0003'x/b' '5' 30 06 0003'a/b' '6'"));
	hears(a, hex("30 06 0003'a/b' '1' 30 06 0003'a/b' '3' 30 06 0003'a/b' '6'"));
	hears(b, hex("30 06 0003'a/b' '1' 30 06 0003'a/c' '2' 30 06 0003'a/b' '3'"
		     "30 06 0003'a/b' '6'"));
	hears(c, hex("30 06 0003'a/b' '1' 30 06 0003'a/b' '3' 30 06 0003'x/b' '4'"
		     "30 06 0003'x/b' '5' 30 06 0003'a/b' '6'"));
}

/* RETAIN goes before it goes out, QoS is lowered, and version 5 has properties. */
static void what_changes_on_its_way_keeps_its_place(void **s)
{
	struct place *p = *s;
	struct client *a = subscriber(p, MQTT_V4, 'a', "a/b"),
		      *b = subscriber(p, MQTT_V4, 'b', "a/b"),
		      *c = subscriber(p, MQTT_V5, 'c', "a/b");
	say(p->from, hex("30 06 0003'a/b' '1' 31 06 0003'a/b' '2' 30 06 0003'a/b' '3'"
			 "32 08 0003'a/b' 0007 '4' 30 06 0003'a/b' '5'"));
	const struct slice want = hex("30 06 0003'a/b' '1' 30 06 0003'a/b' '2' 30 06 0003'a/b' '3'"
				      "30 06 0003'a/b' '4' 30 06 0003'a/b' '5'");
	hears(a, want);
	hears(b, want);
	hears(c, hex("30 07 0003'a/b' 00 '1' 30 07 0003'a/b' 00 '2' 30 07 0003'a/b' 00 '3'"
		     "30 07 0003'a/b' 00 '4' 30 07 0003'a/b' 00 '5'"));
}

/* Written from where they lie, beyond the bound of what may wait for a client. */
static void many_bytes_are_whole_and_counted(void **s)
{
	enum { N = 60, BODY = 1000 };
	static uint8_t all[N * (BODY + 8)];
	struct place *p = *s;
	p->w->limits.output_bytes_max = 20000;
	struct client *a = subscriber(p, MQTT_V4, 'a', "a/b"),
		      *b = subscriber(p, MQTT_V4, 'b', "+/b");
	struct slice head = hex("30 ed07 0003'a/b'");
	uint64_t before[] = { sum(p, METER_messages_out), sum(p, METER_payload_out),
			      sum(p, METER_packets_out), sum(p, METER_bytes_out) };
	assert_int_equal(head.n, 8);
	for (size_t i = 0; i < N; i++) {
		memcpy(all + i * (BODY + 8), head.p, 8);
		memset(all + i * (BODY + 8) + 8, 'a' + (int)i % 26, BODY);
	}
	say(p->from, slice_of(all, sizeof all));
	hears(a, slice_of(all, sizeof all));
	hears(b, slice_of(all, sizeof all));
	assert_int_equal(sum(p, METER_messages_out) - before[0], 2 * N);
	assert_int_equal(sum(p, METER_payload_out) - before[1], 2 * N * BODY);
	assert_int_equal(sum(p, METER_packets_out) - before[2], 2 * N);
	assert_int_equal(sum(p, METER_bytes_out) - before[3], 2 * sizeof all);
}

/* What is published before the subscription is not for it, what comes behind it is. */
static void what_stands_between_messages_stays_between_them(void **s)
{
	struct place *p = *s;
	struct client *a = subscriber(p, MQTT_V4, 'a', "a/b"),
		      *b = subscriber(p, MQTT_V4, 'b', "a/b");
	p->from->out_read = p->from->out.n;
	say(p->from, hex("30 06 0003'a/b' '1' 30 06 0003'a/b' '2' 82 08 0002 0003'a/b' 00"
			 "30 06 0003'a/b' '3' 30 06 0003'a/b' '4'"));
	const struct slice want = hex("30 06 0003'a/b' '1' 30 06 0003'a/b' '2' 30 06 0003'a/b' '3'"
				      "30 06 0003'a/b' '4'");
	hears(a, want);
	hears(b, want);
	hears(p->from, hex("90 03 0002 00 30 06 0003'a/b' '3' 30 06 0003'a/b' '4'"));
}

/* Who says goodbye has published what he said before. */
static void what_came_before_the_end_goes_out(void **s)
{
	struct place *p = *s;
	struct client *a = subscriber(p, MQTT_V4, 'a', "a/#"),
		      *b = subscriber(p, MQTT_V4, 'b', "a/#");
	const struct slice in = hex(
		"30 06 0003'a/b' '1' 30 06 0003'a/c' '2' 30 06 0003'a/c' '3' e000");
	say(p->from, in);
	hears(a, slice_sub(in, 0, in.n - 2));
	hears(b, slice_sub(in, 0, in.n - 2));
	assert_true(p->from->is_closed);
}

/* More than a shard gives without hearing that some are written. */
static void they_go_on_and_on(void **s)
{
	struct place *p = *s;
	struct client *a = subscriber(p, MQTT_V4, 'a', "a/b");
	const struct slice in = hex(
		"30 05 0003'a/b' 30 05 0003'a/b' 30 05 0003'a/b' 30 05 0003'a/b'");
	for (uint32_t i = 0; i < LIMIT_DELIVER_WINDOW_MESSAGES; i++) {
		say(p->from, in);
		hears(a, in);
	}
}

static void a_subscription_that_is_gone_gets_no_more(void **s)
{
	struct place *p = *s;
	struct client *a = subscriber(p, MQTT_V4, 'a', "a/b"),
		      *b = subscriber(p, MQTT_V4, 'b', "a/b");
	say(b, hex("a2 07 0002 0003'a/b'"));
	b->out_read = b->out.n;
	const struct slice in = hex("30 06 0003'a/b' '1' 30 06 0003'a/b' '2'");
	say(p->from, in);
	hears(a, in);
	hears(b, SLICE_EMPTY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(all_get_what_came, begin, end),
		cmocka_unit_test_setup_teardown(each_gets_what_it_wants, begin, end),
		cmocka_unit_test_setup_teardown(what_changes_on_its_way_keeps_its_place, begin,
						end),
		cmocka_unit_test_setup_teardown(many_bytes_are_whole_and_counted, begin, end),
		cmocka_unit_test_setup_teardown(what_stands_between_messages_stays_between_them,
						begin, end),
		cmocka_unit_test_setup_teardown(what_came_before_the_end_goes_out, begin, end),
		cmocka_unit_test_setup_teardown(they_go_on_and_on, begin, end),
		cmocka_unit_test_setup_teardown(a_subscription_that_is_gone_gets_no_more, begin,
						end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
