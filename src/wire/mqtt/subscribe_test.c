#include "wire/mqtt/subscribe.h"

#include "wire/mqtt/for_tests.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#define BAD(version, z, fault) expect_fault(z, version, false, MQTT_FAULT_##fault, __LINE__)

static void subscriptions_are_given_one_by_one(void **s)
{
	(void)s;
	struct any got;
	struct mqtt_subscription one;
	BAD(5, "82 19 0007 02 0b05 0003'a/#' 2d 000b'$share/g/a+' 02", FILTER);
	must(decode(hex("82 18 0007 02 0b05 0003'a/#' 1d 000a'$share/g/+' 02"), MQTT_V5, false,
		    &got) == MQTT_FAULT_NONE);
	must(got.subscribe.id == 7 && got.subscribe.filters_n == 2);
	must(got.subscribe.props.subscription_id == 5);
	struct rd r = rd_of(got.subscribe.list);
	must(mqtt_subscribe_next(&r, &one) && slice_eq(one.filter, slice_str("a/#")));
	must(one.qos == 1 && one.no_local && one.retain_as_published);
	must(one.retain_handling == MQTT_RETAIN_IF_NEW);
	must(mqtt_subscribe_next(&r, &one) && slice_eq(one.filter, slice_str("$share/g/+")));
	must(one.qos == 2 && !one.no_local && !one.retain_as_published && !one.retain_handling);
	must(!mqtt_subscribe_next(&r, &one));
}

static void filters_are_given_one_by_one(void **s)
{
	(void)s;
	struct any got;
	struct slice one;
	must(decode(hex("a2 08 0007 0001'a' 0001'b'"), MQTT_V4, false, &got) == MQTT_FAULT_NONE);
	struct rd r = rd_of(got.subscribe.list);
	must(got.subscribe.filters_n == 2);
	must(mqtt_unsubscribe_next(&r, &one) && slice_eq(one, slice_str("a")));
	must(mqtt_unsubscribe_next(&r, &one) && slice_eq(one, slice_str("b")));
	must(!mqtt_unsubscribe_next(&r, &one));
	BAD(5, "a2 06 0007 00 0001'a'", NONE);
	BAD(3, "aa 05 0007 0001'a'", NONE);
}

static void what_is_wrong_with_a_subscription_is_said(void **s)
{
	(void)s;
	for (uint8_t version = MQTT_V3; version <= MQTT_V4; version++) {
		BAD(version, "82 06 0000 0001'a' 00", ID);
		BAD(version, "82 02 0001", NO_FILTER);
		BAD(version, "a2 02 0001", NO_FILTER);
		BAD(version, "82 05 0001 0001'a'", SHORT);
		BAD(version, "82 06 0001 0001'a' 03", QOS);
		BAD(version, "82 06 0001 0001'a' 04", OPTIONS);
		BAD(version, "82 06 0001 0001'a' 80", OPTIONS);
		BAD(version, "82 05 0001 0000 00", FILTER);
		BAD(version, "82 07 0001 0002'a#' 00", FILTER);
		BAD(version, "82 07 0001 0002'a+' 00", FILTER);
		BAD(version, "82 0a 0001 0005'a/#/b' 00", FILTER);
		BAD(version, "82 06 0001 0001 ff 00", UTF8);
		BAD(version, "82 06 0001 0001 00 00", ZERO);
		BAD(version, "82 0e 0001 0009'$share//x' 00", SHARE);
		BAD(version, "82 0e 0001 0009'$share/g/' 00", SHARE);
		BAD(version, "82 07 0001 0001'a' 00 00", SHORT);
		BAD(version, "a2 04 0001 0000", FILTER);
		BAD(version, "a2 05 0001 0001 ff", UTF8);
	}
	BAD(5, "82 07 0000 00 0001'a' 00", ID);
	BAD(5, "82 03 0001 00", NO_FILTER);
	BAD(5, "a2 03 0001 00", NO_FILTER);
	BAD(5, "82 02 0001", SHORT);
	BAD(5, "82 07 0001 00 0001'a' 30", RETAIN_HANDLING);
	BAD(5, "82 07 0001 00 0001'a' 40", OPTIONS);
	BAD(5, "82 07 0001 00 0001'a' 80", OPTIONS);
	BAD(5, "82 07 0001 00 0001'a' 2e", NONE);
	BAD(5, "82 10 0001 00 000a'$share/g/x' 04", SHARE_NO_LOCAL);
	BAD(5, "82 10 0001 00 000a'$share/g/x' 08", NONE);
	BAD(5, "82 09 0001 02 0b00 0001'a' 00", PROPERTY_VALUE);
	BAD(5, "82 0b 0001 04 0b010b02 0001'a' 00", PROPERTY_TWICE);
	BAD(5, "a2 08 0001 02 0b01 0001'a'", PROPERTY);
}

static void a_subscribe_is_written_as_it_is_read(void **s)
{
	(void)s;
	uint8_t list[64], out[64];
	struct mqtt_subscription one = { .filter = slice_str("a/+"),
					 .qos = 2,
					 .no_local = true,
					 .retain_as_published = true,
					 .retain_handling = 2 };
	struct mqtt_subscription again = { .filter = one.filter };
	uint8_t *end = mqtt_subscription_put(list, &one);
	mqtt_subscription_set(&again, mqtt_subscription_options(&one));
	must(again.qos == 2 && again.no_local && again.retain_as_published);
	must(again.retain_handling == 2);
	struct mqtt_subscribe sub = { .id = 9,
				      .list = slice_of(list, (size_t)(end - list)),
				      .props = { .has = MQTT_HAS(subscription_id),
						 .subscription_id = 300 } };
	must(mqtt_subscribe_size(MQTT_V5, &sub) == 14);
	expect_octets(out, mqtt_subscribe_put(out, MQTT_V5, MQTT_SUBSCRIBE, &sub),
		      "82 0c 0009 03 0bac02 0003'a/+' 2e", __LINE__);
	sub.list = hex("0001'a'");
	must(mqtt_subscribe_size(MQTT_V4, &sub) == 7);
	expect_octets(out, mqtt_subscribe_put(out, MQTT_V4, MQTT_UNSUBSCRIBE, &sub),
		      "a2 05 0009 0001'a'", __LINE__);
}

static void suback(uint8_t version, uint8_t type, const struct mqtt_suback *s, const char *z,
		   int line)
{
	struct slice room = exact(hex(z), hex(z).n);
	uint8_t *at = (uint8_t *)(uintptr_t)room.p;
	must(mqtt_suback_size(version, type, s) == room.n);
	expect_octets(at, mqtt_suback_put(at, version, type, s), z, line);
	exact_free(room);
	expect_fault(z, version, true, MQTT_FAULT_NONE, line);
}

static void answers_have_the_form_of_their_version(void **s)
{
	(void)s;
	struct mqtt_suback a = { .id = 3, .reasons = hex("00 01 02 87") };
	suback(MQTT_V5, MQTT_SUBACK, &a, "90 07 0003 00 00010287", __LINE__);
	suback(MQTT_V4, MQTT_SUBACK, &a, "90 06 0003 00010280", __LINE__);
	suback(MQTT_V3, MQTT_SUBACK, &a, "90 06 0003 00010200", __LINE__);
	a.reasons = hex("00 11");
	suback(MQTT_V5, MQTT_UNSUBACK, &a, "b0 05 0003 00 0011", __LINE__);
	suback(MQTT_V4, MQTT_UNSUBACK, &a, "b0 02 0003", __LINE__);
	suback(MQTT_V3, MQTT_UNSUBACK, &a, "b0 02 0003", __LINE__);
	expect_fault("90 03 0003 11", MQTT_V4, true, MQTT_FAULT_REASON, __LINE__);
	expect_fault("b0 03 0003 00", MQTT_V4, true, MQTT_FAULT_LEFT_OVER, __LINE__);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(subscriptions_are_given_one_by_one),
		cmocka_unit_test(filters_are_given_one_by_one),
		cmocka_unit_test(what_is_wrong_with_a_subscription_is_said),
		cmocka_unit_test(a_subscribe_is_written_as_it_is_read),
		cmocka_unit_test(answers_have_the_form_of_their_version),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
