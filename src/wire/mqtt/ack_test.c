#include "wire/mqtt/ack.h"

#include "wire/mqtt/for_tests.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#define CLIENT(version, z, fault) expect_fault(z, version, false, MQTT_FAULT_##fault, __LINE__)
#define SERVER(version, z, fault) expect_fault(z, version, true, MQTT_FAULT_##fault, __LINE__)

static void an_acknowledgement_may_be_short(void **s)
{
	(void)s;
	struct any got;
	must(decode(hex("40 02 0102"), MQTT_V5, false, &got) == MQTT_FAULT_NONE);
	must(got.ack.id == 258 && got.ack.reason == 0 && got.ack.props.has == 0);
	must(decode(hex("50 03 0102 87"), MQTT_V5, false, &got) == MQTT_FAULT_NONE);
	must(got.ack.reason == MQTT_REASON_NOT_AUTHORIZED);
	must(decode(hex("62 04 0102 92 00"), MQTT_V5, false, &got) == MQTT_FAULT_NONE);
	must(got.ack.reason == MQTT_REASON_ID_UNKNOWN);
	must(decode(hex("70 08 0102 92 04 1f 0001'x'"), MQTT_V5, false, &got) == MQTT_FAULT_NONE);
	must(slice_eq(got.ack.props.reason_string, slice_str("x")));
	CLIENT(5, "70 08 0102 92 04 1f 0001'x'", NONE);
}

static void what_is_wrong_with_an_acknowledgement_is_said(void **s)
{
	(void)s;
	CLIENT(3, "40 02 0000", ID);
	CLIENT(5, "62 02 0000", ID);
	CLIENT(4, "40 01 00", SHORT);
	CLIENT(4, "40 03 0001 00", LEFT_OVER);
	CLIENT(5, "40 05 0001 00 00 00", LEFT_OVER);
	CLIENT(5, "40 03 0001 10", REASON);
	CLIENT(5, "40 03 0001 92", REASON);
	CLIENT(5, "62 03 0001 80", REASON);
	SERVER(5, "40 03 0001 10", NONE);
	CLIENT(5, "40 06 0001 00 02 0101", PROPERTY);
	CLIENT(5, "40 0a 0001 00 06 1f0000 1f0000", PROPERTY_TWICE);
	CLIENT(5, "40 05 0001 00 01 1f", SHORT);
}

static void a_disconnect_says_why(void **s)
{
	(void)s;
	struct any got;
	CLIENT(3, "e0 00", NONE);
	CLIENT(4, "e0 00", NONE);
	CLIENT(4, "e0 01 00", LEFT_OVER);
	CLIENT(5, "e0 00", NONE);
	CLIENT(5, "e0 01 04", NONE);
	CLIENT(5, "e0 02 00 00", NONE);
	CLIENT(5, "e0 01 8e", REASON);
	CLIENT(5, "e0 01 01", REASON);
	SERVER(5, "e0 01 8e", NONE);
	SERVER(5, "e0 01 04", REASON);
	CLIENT(5, "e0 07 00 05 11 00000001", NONE);
	SERVER(5, "e0 07 81 05 11 00000001", PROPERTY);
	CLIENT(5, "e0 06 81 04 1c 0001'x'", PROPERTY);
	SERVER(5, "e0 06 9c 04 1c 0001'x'", NONE);
	must(decode(hex("e0 07 04 05 11 00000009"), MQTT_V5, false, &got) == MQTT_FAULT_NONE);
	must(got.ack.reason == MQTT_REASON_WITH_WILL && got.ack.props.session_expiry_s == 9);
	must(got.ack.id == 0);
}

static void an_auth_is_a_step(void **s)
{
	(void)s;
	struct any got;
	SERVER(5, "f0 00", NONE);
	CLIENT(5, "f0 00", REASON); /* success is the server's to say */
	CLIENT(5, "f0 01 19", NONE);
	SERVER(5, "f0 01 19", REASON);
	CLIENT(5, "f0 01 87", REASON);
	CLIENT(5, "f0 06 18 04 16 0001'd'", NO_METHOD);
	must(decode(hex("f0 0a 18 08 15 0001'm' 16 0001'd'"), MQTT_V5, false, &got) ==
	     MQTT_FAULT_NONE);
	must(slice_eq(got.ack.props.auth_method, slice_str("m")));
	must(slice_eq(got.ack.props.auth_data, slice_str("d")));
}

static void put(uint8_t version, uint8_t type, const struct mqtt_ack *a, const char *z, int line)
{
	struct slice room = exact(hex(z), hex(z).n);
	uint8_t *at = (uint8_t *)(uintptr_t)room.p;
	must(mqtt_ack_size(version, a) == room.n);
	expect_octets(at, mqtt_ack_put(at, version, type, a), z, line);
	exact_free(room);
}

static void the_shortest_form_is_written(void **s)
{
	(void)s;
	uint8_t short_one[4];
	struct mqtt_ack a = { .id = 258 };
	for (uint8_t version = MQTT_V3; version <= MQTT_V5; version++) {
		put(version, MQTT_PUBACK, &a, "40 02 0102", __LINE__);
		put(version, MQTT_PUBREL, &a, "62 02 0102", __LINE__);
	}
	a.reason = MQTT_REASON_NOBODY;
	put(MQTT_V5, MQTT_PUBREC, &a, "50 03 0102 10", __LINE__);
	put(MQTT_V4, MQTT_PUBREC, &a, "50 02 0102", __LINE__);
	a.reason = 0;
	a.props.has = MQTT_HAS(reason_string);
	a.props.reason_string = slice_str("why");
	put(MQTT_V5, MQTT_PUBCOMP, &a, "70 0a 0102 00 06 1f 0003'why'", __LINE__);
	put(MQTT_V4, MQTT_PUBCOMP, &a, "70 02 0102", __LINE__);
	a = (struct mqtt_ack){ .id = 0 };
	put(MQTT_V4, MQTT_DISCONNECT, &a, "e0 00", __LINE__);
	put(MQTT_V5, MQTT_AUTH, &a, "f0 00", __LINE__);
	a.reason = MQTT_REASON_TAKEN_OVER;
	put(MQTT_V5, MQTT_DISCONNECT, &a, "e0 01 8e", __LINE__);
	expect_octets(short_one, mqtt_short_ack_put(short_one, MQTT_PUBREL, 0xABCD), "62 02 abcd",
		      __LINE__);
	expect_octets(short_one, mqtt_short_ack_put(short_one, MQTT_PUBCOMP, 1), "70 02 0001",
		      __LINE__);
}

static void reasons_become_return_codes_of_old(void **s)
{
	(void)s;
	static const uint8_t rows[][2] = { { 0x00, 0 }, { 0x84, 1 }, { 0x85, 2 }, { 0x86, 4 },
					   { 0x87, 5 }, { 0x8A, 5 }, { 0x97, 5 }, { 0x88, 3 },
					   { 0x80, 3 }, { 0x95, 3 }, { 0x9F, 3 }, { 0xFF, 3 } };
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		must(mqtt_reason_v4(rows[i][0]) == rows[i][1]);
	must(strcmp(mqtt_reason_text(0x00), "normal disconnection") == 0);
	must(strcmp(mqtt_reason_text(0x8E), "session taken over") == 0);
	must(strcmp(mqtt_reason_text(0x42), "unknown reason") == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_acknowledgement_may_be_short),
		cmocka_unit_test(what_is_wrong_with_an_acknowledgement_is_said),
		cmocka_unit_test(a_disconnect_says_why),
		cmocka_unit_test(an_auth_is_a_step),
		cmocka_unit_test(the_shortest_form_is_written),
		cmocka_unit_test(reasons_become_return_codes_of_old),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
