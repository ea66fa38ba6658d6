#include "session/owned.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static void a_queue_is_somebodys_by_its_name(void **state)
{
	(void)state;
	assert_true(owned_is(slice_str("mqtt-subscription-mequos1")));
	assert_true(owned_is(slice_str("mqtt-shared-group/filter")));
	assert_true(owned_is(slice_str("stomp-subscription-abc")));
	assert_true(owned_is(slice_str("activemq-durable/me/news")));
	assert_true(owned_is(slice_str("amq.gen-abc")));
}

static void others_are_common(void **state)
{
	(void)state;
	assert_false(owned_is(slice_str("mqtt")));
	assert_false(owned_is(slice_str("orders.mqtt-shared-x")));
	assert_false(owned_is(slice_str("amq")));
	assert_false(owned_is(slice_str("ActiveMQ.DLQ")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_queue_is_somebodys_by_its_name),
		cmocka_unit_test(others_are_common),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
