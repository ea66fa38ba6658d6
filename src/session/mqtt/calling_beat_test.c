/* What a bridge does when time passes: it pings, gives up, rests, and calls when enough waits. */
#include "session/mqtt/calling_for_tests.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

/* It is not read either, as there is no room for what would have to be said to it. */
static void who_takes_nothing_is_gone(void **s)
{
	(void)s;
	struct place p;
	place_open(&p, MQTT_V4);
	struct client *c = call(&p);
	say(c, CONNACK);
	p.w->is_not_reading = true;
	p.w->limits.output_bytes_max = 1;
	for (int i = 0; i < 3 && !c->is_closed; i++)
		assert_true(world_later(p.w, 60000));
	assert_true(c->is_closed);
	lose(c);
	world_free(p.w);
}

static void who_does_not_answer_a_ping_is_gone(void **s)
{
	(void)s;
	struct place p;
	place_open(&p, MQTT_V4);
	struct client *c = call(&p);
	say(c, CONNACK);
	forget_output(c);
	assert_true(world_later(p.w, 60000));
	assert_int_equal(heard_n(c, 0xc0), 1);
	say(c, "30 07"); /* half a packet is a word, too */
	assert_true(world_later(p.w, 60000));
	assert_false(c->is_closed);
	assert_true(world_later(p.w, 60000));
	(void)world_later(p.w, 0);
	assert_true(c->is_closed);
	lose(c);
	world_free(p.w);
}

static void who_says_no_connack_is_not_waited_for(void **s)
{
	(void)s;
	struct place p;
	place_open(&p, MQTT_V5);
	struct client *c = call(&p);
	say(c, "20 03 00 00");
	assert_false(c->is_closed);
	assert_true(world_later(p.w, 10000));
	(void)world_later(p.w, 0);
	assert_true(c->is_closed);
	lose(c);
	world_free(p.w);
}

static void pass(struct world *w, uint64_t ms)
{
	const uint64_t end_ms = w->sw.now_ms + ms;
	while (world_later(w, end_ms - w->sw.now_ms))
		must(w->sw.now_ms <= end_ms);
	w->sw.wall_ms += end_ms - w->sw.now_ms;
	w->sw.now_ms = end_ms;
}

/* All that it was sent of what publish says. */
static void acknowledge(struct client *c)
{
	struct mqtt_packet p;
	for (; c->out_read < c->out.n; c->out_read += p.total) {
		const uint8_t *one = c->out.p + c->out_read;
		must(mqtt_packet_read(slice_of(one, c->out.n - c->out_read), 0, 0, &p) ==
		     MQTT_FAULT_NONE);
		const uint8_t ack[] = { 0x40, 2, one[5], one[6] };
		if (one[0] == 0x32)
			client_write(c, ack, sizeof ack);
	}
	world_run(c->world);
}

static void publish(struct client *ours, int n)
{
	for (int i = 0; i < n; i++)
		say(ours, "32 06 0001'a' 0001 'm'");
}

/* The queue is there from the first moment on, and nothing is said before enough waits in it. */
static void who_is_lazy_calls_when_enough_waits(void **s)
{
	(void)s;
	struct place p;
	place_open(&p, MQTT_V4);
	p.bridge.threshold = 3;
	p.bridge.idle_s = 20;
	struct client *ours = client_of(p.w, &mqtt_session_ops, true);
	struct client *c = call(&p);
	say(ours, "10 0d 0004'MQTT' 04 02 0000 0001'c'");
	publish(ours, 2);
	pass(p.w, 30000);
	assert_int_equal(c->out.n, 0);
	publish(ours, 1);
	assert_int_equal(c->out.n, 0);
	pass(p.w, 1000);
	assert_int_equal(heard_n(c, 0x10), 1);
	say(c, CONNACK);
	assert_int_equal(heard_n(c, 0x32), 3);
	pass(p.w, 21000); /* nothing of it is acknowledged */
	assert_false(c->is_closed);
	acknowledge(c);
	pass(p.w, 19000);
	publish(ours, 1);
	assert_int_equal(heard_n(c, 0x32), 1);
	acknowledge(c);
	pass(p.w, 19000);
	assert_false(c->is_closed);
	pass(p.w, 1000);
	assert_true(c->is_closed);
	lose(c);
	c = call(&p); /* it begins anew: one that is enough waits no more */
	publish(ours, 2);
	pass(p.w, 5000);
	assert_int_equal(c->out.n, 0);
	lose(c);
	publish(ours, 1);
	c = call(&p); /* what has come meanwhile counts at once */
	assert_int_equal(heard_n(c, 0x10), 1);
	lose(c);
	lose(ours);
	world_free(p.w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_takes_nothing_is_gone),
		cmocka_unit_test(who_does_not_answer_a_ping_is_gone),
		cmocka_unit_test(who_says_no_connack_is_not_waited_for),
		cmocka_unit_test(who_is_lazy_calls_when_enough_waits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
