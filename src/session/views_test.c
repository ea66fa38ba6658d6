#include "session/views.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

/* A header table of one entry, {"a": true}, behind nothing else. */
static const uint8_t props[] = { 0x20, 0, 0, 0, 0, 4, 1, 'a', 't', 1 };

static void a_message_is_read_by_the_codec_of_its_protocol(void **state)
{
	struct header h;
	(void)state;
	for (int i = 0; i < 2; i++) {
		const struct msg m = { .proto = i ? MSG_CHUNKS : MSG_AMQP091,
				       .flags = msg_inner(MSG_AMQP091) | MSG_PERSISTENT };
		assert_true(header_find(views_of(&m), slice_of(props, sizeof props), slice_str("a"),
					&h));
		assert_int_equal(h.class, HEADER_BOOL);
	}
	for (uint8_t proto = MSG_AMQP091; proto <= MSG_STOMP; proto++) {
		const struct msg big = { .proto = MSG_CHUNKS,
					 .flags = msg_inner(proto) | MSG_DEAD };
		const struct msg small = { .proto = proto, .flags = MSG_DEAD };
		assert_int_equal(msg_encoding(&big), proto);
		assert_ptr_equal(views_of(&big), views_of(&small));
	}
}

/* A PUBLISH of version 5 to t with one user property, a. */
static const uint8_t head[] = { 0x30, 11, 0, 1, 't', 7, 0x26, 0, 1, 'a', 0, 1, 'x' };

static void a_message_of_mqtt_has_user_properties(void **state)
{
	struct header h;
	(void)state;
	const struct header_ops *ops = header_ops_of(MSG_MQTT5);
	assert_true(header_find(ops, slice_of(head, sizeof head), slice_str("a"), &h));
	assert_int_equal(h.class, HEADER_TEXT);
	ops = header_ops_of(MSG_MQTT3);
	assert_false(header_find(ops, slice_of(head, sizeof head), slice_str("a"), &h));
}

static void what_nobody_can_read_has_no_properties(void **state)
{
	struct header h;
	(void)state;
	for (int proto = 0; proto <= UINT8_MAX; proto++) { /* each has an answer */
		const struct header_ops *ops = header_ops_of((uint8_t)proto);
		assert_non_null(ops);
		if (proto < MSG_CHUNK)
			continue;
		assert_false(header_find(ops, slice_of(props, sizeof props), slice_str("a"), &h));
		for (int i = 0; i < HEADER_PROPERTY_N; i++)
			assert_false(ops->property(slice_of(props, sizeof props),
						   (enum header_property)i, &h));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_message_is_read_by_the_codec_of_its_protocol),
		cmocka_unit_test(a_message_of_mqtt_has_user_properties),
		cmocka_unit_test(what_nobody_can_read_has_no_properties),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
