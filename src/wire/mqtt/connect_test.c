#include "wire/mqtt/connect.h"

#include "wire/mqtt/for_tests.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

static enum mqtt_fault connect_of(const char *z, struct any *got)
{
	return decode(hex(z), 0, false, got);
}

/* A refused CONNECT: which fault, and in which version's form the answer is. */
static void refused(const char *z, enum mqtt_fault want, uint8_t version, bool has_answer, int line)
{
	struct any got = { .connect = { .version = 99 } };
	struct slice in = hex(z), block = exact(in, in.n);
	enum mqtt_fault f = decode(block, 0, false, &got);
	exact_free(block);
	bool answer = mqtt_connect_has_answer(got.connect.version, f);
	if (f == want && got.connect.version == version && answer == has_answer)
		return;
	fprintf(stderr, "line %d: %s\n want %s, %u\n got  %s, %u\n", line, z,
		mqtt_faults[want].text, version, mqtt_faults[f].text, got.connect.version);
	abort();
}
#define REFUSED(z, fault, version, has_answer) \
	refused(z, MQTT_FAULT_##fault, version, has_answer, __LINE__)
#define TAKEN(z) expect_fault(z, 0, false, MQTT_FAULT_NONE, __LINE__)

static void the_least_connect_of_each_version_is_read(void **s)
{
	(void)s;
	struct any got;
	must(connect_of("10 0f 0006'MQIsdp' 03 02 003c 0001'c'", &got) == MQTT_FAULT_NONE);
	const struct mqtt_connect *c = &got.connect;
	must(c->version == MQTT_V3 && c->clean_start && c->keep_alive_s == 60 && !c->is_bridge);
	must(connect_of("10 0d 0004'MQTT' 04 00 0000 0001'c'", &got) == MQTT_FAULT_NONE);
	must(c->version == MQTT_V4 && !c->clean_start && slice_eq(c->client_id, slice_str("c")));
	must(!c->has_will && !c->has_user && !c->has_password);
	must(connect_of("10 0e 0004'MQTT' 05 02 0000 00 0001'c'", &got) == MQTT_FAULT_NONE);
	must(c->version == MQTT_V5 && c->props.has == 0);
}

static void everything_in_a_connect_is_read(void **s)
{
	(void)s;
	struct any got;
	must(connect_of("10 34 0004'MQTT' 05 f6 000a 0f 11 ffffffff 21 0014 22 000a 19 01 17 00 "
			"0001'c' 05 18 00000007 0003'w/t' 0003 00ff01 0001'u' 0002 ff00",
			&got) == MQTT_FAULT_NONE);
	const struct mqtt_connect *c = &got.connect;
	must(c->clean_start && c->has_will && c->will_qos == 2 && c->will_retain);
	must(slice_eq(c->will_topic, slice_str("w/t")) && slice_eq(c->will_payload, hex("00ff01")));
	must(slice_eq(c->user, slice_str("u")) && slice_eq(c->password, hex("ff00")));
	must(c->props.session_expiry_s == UINT32_MAX && c->props.receive_maximum == 20);
	must(c->props.topic_alias_maximum == 10 && c->props.request_response_info == 1);
	must((c->props.has & MQTT_HAS(request_problem_info)) && !c->props.request_problem_info);
	must(c->will_props.will_delay_s == 7);
}

static void what_is_not_mqtt_gets_no_answer(void **s)
{
	(void)s;
	REFUSED("10 0d 0004'HTTP' 04 02 0000 0001'c'", NAME, 0, false);
	REFUSED("10 0d 0004'mqtt' 04 02 0000 0001'c'", NAME, 0, false);
	REFUSED("10 0c 0003'MQT' 04 02 0000 0001'c'", NAME, 0, false);
	REFUSED("10 0e 0005'MQTTX' 04 02 0000 0001'c'", NAME, 0, false);
	REFUSED("10 0b 0000 04 02 0000 0003'abc'", NAME, 0, false);
	REFUSED("10 00", SHORT, 0, false);
	REFUSED("10 06 0004'MQTT'", SHORT, 0, false);
}

static void a_level_that_is_not_known_is_answered(void **s)
{
	(void)s;
	REFUSED("10 0d 0004'MQTT' 03 02 0000 0001'c'", LEVEL, MQTT_V4, true);
	REFUSED("10 0d 0004'MQTT' 00 02 0000 0001'c'", LEVEL, MQTT_V4, true);
	REFUSED("10 07 0004'MQTT' 02", LEVEL, MQTT_V4, true);
	REFUSED("10 07 0004'MQTT' 06", LEVEL, MQTT_V5, true);
	REFUSED("10 07 0004'MQTT' 7f", LEVEL, MQTT_V5, true);
	REFUSED("10 07 0004'MQTT' 85", LEVEL, MQTT_V5, true);
	REFUSED("10 07 0004'MQTT' 83", LEVEL, MQTT_V4, true);
	REFUSED("10 09 0006'MQIsdp' 04", LEVEL, MQTT_V4, true);
}

static void a_bridge_marks_its_level(void **s)
{
	(void)s;
	struct any got;
	must(connect_of("10 0d 0004'MQTT' 84 02 0000 0001'c'", &got) == MQTT_FAULT_NONE);
	must(got.connect.is_bridge && got.connect.version == MQTT_V4);
	must(connect_of("10 0f 0006'MQIsdp' 83 02 0000 0001'c'", &got) == MQTT_FAULT_NONE);
	must(got.connect.is_bridge && got.connect.version == MQTT_V3);
}

static void flags_that_contradict_each_other_are_malformed(void **s)
{
	(void)s;
	REFUSED("10 0d 0004'MQTT' 04 03 0000 0001'c'", CONNECT_FLAGS, MQTT_V4, false);
	REFUSED("10 0e 0004'MQTT' 05 03 0000 00 0001'c'", CONNECT_FLAGS, MQTT_V5, true);
	TAKEN("10 0f 0006'MQIsdp' 03 03 003c 0001'c'");
	REFUSED("10 0d 0004'MQTT' 04 0a 0000 0001'c'", CONNECT_FLAGS, MQTT_V4, false);
	REFUSED("10 0d 0004'MQTT' 04 22 0000 0001'c'", CONNECT_FLAGS, MQTT_V4, false);
	REFUSED("10 12 0004'MQTT' 04 1e 0000 0001'c' 0001't' 0000", QOS, MQTT_V4, false);
	REFUSED("10 10 0004'MQTT' 04 42 0000 0001'c' 0001'p'", CONNECT_FLAGS, MQTT_V4, false);
	TAKEN("10 11 0004'MQTT' 05 42 0000 00 0001'c' 0001'p'");
}

static void a_login_of_3_1_may_be_cut_off(void **s)
{
	(void)s;
	struct any got;
	must(connect_of("10 0f 0006'MQIsdp' 03 c2 003c 0001'c'", &got) == MQTT_FAULT_NONE);
	must(!got.connect.has_user && !got.connect.has_password);
	must(connect_of("10 12 0006'MQIsdp' 03 c2 003c 0001'c' 0001'u'", &got) == MQTT_FAULT_NONE);
	must(got.connect.has_user && !got.connect.has_password);
	REFUSED("10 11 0006'MQIsdp' 03 c2 003c 0001'c' 0001", SHORT, MQTT_V3, false);
	REFUSED("10 0d 0004'MQTT' 04 82 0000 0001'c'", SHORT, MQTT_V4, false);
}

static void a_client_without_a_name_is_taken_by_some_versions(void **s)
{
	(void)s;
	REFUSED("10 0e 0006'MQIsdp' 03 02 003c 0000", CLIENT_ID, MQTT_V3, true);
	REFUSED("10 0c 0004'MQTT' 04 00 003c 0000", CLIENT_ID, MQTT_V4, true);
	TAKEN("10 0c 0004'MQTT' 04 02 003c 0000");
	TAKEN("10 0d 0004'MQTT' 05 00 003c 00 0000");
}

static void a_will_has_a_topic_without_wildcards(void **s)
{
	(void)s;
	REFUSED("10 11 0004'MQTT' 04 06 0000 0001'c' 0000 0000", TOPIC, MQTT_V4, false);
	REFUSED("10 12 0004'MQTT' 04 06 0000 0001'c' 0001'#' 0000", TOPIC, MQTT_V4, false);
	REFUSED("10 14 0004'MQTT' 05 06 0000 00 0001'c' 00 0001'+' 0000", TOPIC, MQTT_V5, true);
	REFUSED("10 0f 0004'MQTT' 04 06 0000 0001'c' 0001", SHORT, MQTT_V4, false);
	TAKEN("10 12 0004'MQTT' 04 06 0000 0001'c' 0001't' 0000");
}

static void malformed_strings_and_properties_are_refused(void **s)
{
	(void)s;
	REFUSED("10 0d 0004'MQTT' 04 02 0000 0001 ff", UTF8, MQTT_V4, false);
	REFUSED("10 0d 0004'MQTT' 04 02 0000 0001 00", ZERO, MQTT_V4, false);
	REFUSED("10 10 0004'MQTT' 04 82 0000 0001'c' 0001 ff", UTF8, MQTT_V4, false);
	REFUSED("10 0e 0004'MQTT' 04 02 0000 0001'c' 00", LEFT_OVER, MQTT_V4, false);
	REFUSED("10 11 0004'MQTT' 05 02 0000 03 210000 0001'c'", PROPERTY_VALUE, MQTT_V5, true);
	REFUSED("10 13 0004'MQTT' 05 02 0000 05 2700000000 0001'c'", PROPERTY_VALUE, MQTT_V5, true);
	REFUSED("10 12 0004'MQTT' 05 02 0000 04 16 0001'd' 0001'c'", NO_METHOD, MQTT_V5, true);
	REFUSED("10 10 0004'MQTT' 05 02 0000 02 0101 0001'c'", PROPERTY, MQTT_V5, true);
	REFUSED("10 0f 0004'MQTT' 05 02 0000 02 1901 0001", SHORT, MQTT_V5, true);
}

static void put(const struct mqtt_connect *c, const char *z, int line)
{
	struct slice room = exact(hex(z), hex(z).n);
	uint8_t *at = (uint8_t *)(uintptr_t)room.p;
	must(mqtt_connect_size(c) == room.n);
	expect_octets(at, mqtt_connect_put(at, c), z, line);
	exact_free(room);
	expect_fault(z, 0, false, MQTT_FAULT_NONE, line);
}

static void a_connect_is_written_as_it_is_read(void **s)
{
	(void)s;
	struct mqtt_connect c = { .version = MQTT_V3,
				  .client_id = slice_str("c"),
				  .keep_alive_s = 60,
				  .is_bridge = true };
	put(&c, "10 0f 0006'MQIsdp' 83 00 003c 0001'c'", __LINE__);
	c = (struct mqtt_connect){ .version = MQTT_V5,
				   .clean_start = true,
				   .has_will = true,
				   .will_qos = 1,
				   .will_retain = true,
				   .has_user = true,
				   .has_password = true,
				   .will_topic = slice_str("t"),
				   .user = slice_str("u"),
				   .password = slice_str("p") };
	c.props.has = MQTT_HAS(session_expiry_s);
	c.props.session_expiry_s = 1;
	c.will_props.has = MQTT_HAS(payload_format);
	put(&c,
	    "10 20 0004'MQTT' 05 ee 0000 05 1100000001 0000 02 0100 0001't' 0000 0001'u' 0001'p'",
	    __LINE__);
}

static void connack(uint8_t version, const struct mqtt_connack *c, const char *z, int line)
{
	struct slice room = exact(hex(z), hex(z).n);
	uint8_t *at = (uint8_t *)(uintptr_t)room.p;
	must(mqtt_connack_size(version, c) == room.n);
	expect_octets(at, mqtt_connack_put(at, version, c), z, line);
	exact_free(room);
	expect_fault(z, version, true, MQTT_FAULT_NONE, line);
}

static void a_connack_has_the_form_of_its_version(void **s)
{
	(void)s;
	struct mqtt_connack c = { .session_present = true };
	connack(MQTT_V3, &c, "20 02 00 00", __LINE__);
	connack(MQTT_V4, &c, "20 02 01 00", __LINE__);
	connack(MQTT_V5, &c, "20 03 01 00 00", __LINE__);
	c.reason = MQTT_REASON_NOT_AUTHORIZED;
	connack(MQTT_V3, &c, "20 02 00 05", __LINE__);
	connack(MQTT_V4, &c, "20 02 00 05", __LINE__);
	connack(MQTT_V5, &c, "20 03 00 87 00", __LINE__);
	c.reason = MQTT_REASON_BAD_VERSION;
	connack(MQTT_V4, &c, "20 02 00 01", __LINE__);
	c = (struct mqtt_connack){ .props = { .has = MQTT_HAS(assigned_client_id) |
						     MQTT_HAS(topic_alias_maximum),
					      .assigned_client_id = slice_str("id"),
					      .topic_alias_maximum = 10 } };
	connack(MQTT_V5, &c, "20 0b 00 00 08 12 0002'id' 22 000a", __LINE__);
	connack(MQTT_V4, &c, "20 02 00 00", __LINE__);
	expect_fault("20 02 02 00", MQTT_V4, true, MQTT_FAULT_ACK_FLAGS, __LINE__);
	expect_fault("20 03 00 04 00", MQTT_V5, true, MQTT_FAULT_REASON, __LINE__);
	expect_fault("20 02 00 00", MQTT_V5, true, MQTT_FAULT_SHORT, __LINE__);
	expect_fault("20 03 00 00 00", MQTT_V4, true, MQTT_FAULT_LEFT_OVER, __LINE__);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_least_connect_of_each_version_is_read),
		cmocka_unit_test(everything_in_a_connect_is_read),
		cmocka_unit_test(what_is_not_mqtt_gets_no_answer),
		cmocka_unit_test(a_level_that_is_not_known_is_answered),
		cmocka_unit_test(a_bridge_marks_its_level),
		cmocka_unit_test(flags_that_contradict_each_other_are_malformed),
		cmocka_unit_test(a_login_of_3_1_may_be_cut_off),
		cmocka_unit_test(a_client_without_a_name_is_taken_by_some_versions),
		cmocka_unit_test(a_will_has_a_topic_without_wildcards),
		cmocka_unit_test(malformed_strings_and_properties_are_refused),
		cmocka_unit_test(a_connect_is_written_as_it_is_read),
		cmocka_unit_test(a_connack_has_the_form_of_its_version),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
