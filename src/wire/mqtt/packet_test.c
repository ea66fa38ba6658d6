#include "wire/mqtt/packet.h"

#include "wire/mqtt/for_tests.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

static enum mqtt_fault read_head(const char *z, size_t packet_max, uint8_t version)
{
	struct mqtt_packet p;
	struct slice in = hex(z), block = exact(in, in.n);
	enum mqtt_fault f = mqtt_packet_read(block, packet_max, version, &p);
	exact_free(block);
	return f;
}

static void a_length_of_every_size_is_read(void **s)
{
	(void)s;
	static const struct {
		const char *head;
		size_t total;
	} rows[] = {
		{ "d0 00", 2 },
		{ "30 7f", 2 + 127 },
		{ "30 80 01", 3 + 128 },
		{ "30 ff 7f", 3 + 16383 },
		{ "30 80 80 01", 4 + 16384 },
		{ "30 ff ff 7f", 4 + 2097151 },
		{ "30 80 80 80 01", 5 + 2097152 },
		{ "30 ff ff ff 7f", 5 + MQTT_LENGTH_MAX },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct slice head = hex(rows[i].head);
		uint8_t again[MQTT_HEAD_MAX];
		size_t body_n = rows[i].total - head.n;
		must(mqtt_packet_need(head) == rows[i].total);
		must(mqtt_packet_size(body_n) == rows[i].total);
		uint8_t *end = mqtt_head_put(again, head.p[0] >> 4, 0, body_n);
		expect_octets(again, end, rows[i].head, __LINE__);
	}
}

static void what_is_not_there_yet_is_asked_for(void **s)
{
	(void)s;
	must(mqtt_packet_need(hex("")) == 2 && mqtt_packet_need(hex("30")) == 2);
	must(mqtt_packet_need(hex("30 80")) == 3 && mqtt_packet_need(hex("30 80 80")) == 4);
	must(read_head("", 0, 0) == MQTT_FAULT_MORE);
	must(read_head("30", 0, MQTT_V5) == MQTT_FAULT_MORE);
	must(read_head("30 80 80 80", 0, MQTT_V4) == MQTT_FAULT_MORE);
	must(read_head("30 03 00 01", 0, MQTT_V4) == MQTT_FAULT_MORE);
}

static void a_fifth_octet_of_length_is_refused(void **s)
{
	(void)s;
	for (uint8_t version = 0; version <= MQTT_V5; version++) {
		must(read_head("30 80 80 80 80", 0, version) == MQTT_FAULT_LENGTH);
		must(read_head("30 ff ff ff ff 01", 0, version) == MQTT_FAULT_LENGTH);
	}
}

static void padding_of_the_length_is_refused_by_version_5_alone(void **s)
{
	(void)s;
	struct mqtt_packet p;
	for (uint8_t version = 0; version < MQTT_V5; version++) {
		must(mqtt_packet_read(hex("c0 80 00"), 0, version, &p) == MQTT_FAULT_NONE);
		must(p.is_padded && p.total == 3 && p.body.n == 0);
		must(mqtt_packet_read(hex("c0 80 80 80 00"), 0, version, &p) == MQTT_FAULT_NONE);
		must(p.total == 5);
	}
	must(read_head("c0 80 00", 0, MQTT_V5) == MQTT_FAULT_LENGTH);
	expect_fault("10 8d 00 0004'MQTT' 05 02 000a 00 0000", 0, false, MQTT_FAULT_LENGTH,
		     __LINE__);
	expect_fault("10 8c 00 0004'MQTT' 04 02 000a 0000", 0, false, MQTT_FAULT_NONE, __LINE__);
}

static void too_large_is_said_by_the_first_octets(void **s)
{
	(void)s;
	must(read_head("30 ff ff ff 7f", 1000, MQTT_V5) == MQTT_FAULT_TOO_LARGE);
	must(read_head("30 7f", 128, MQTT_V4) == MQTT_FAULT_TOO_LARGE);
	must(read_head("30 7f", 129, MQTT_V4) == MQTT_FAULT_MORE);
	must(read_head("c0 00", 2, MQTT_V4) == MQTT_FAULT_NONE);
}

/* The flags that each type may have; the others are malformed in one octet already. */
static void flags_are_those_of_the_type(void **s)
{
	(void)s;
	static const uint8_t want[16] = {
		[MQTT_PUBREL] = 2, [MQTT_SUBSCRIBE] = 2, [MQTT_UNSUBSCRIBE] = 2
	};
	for (unsigned first = 0; first < 256; first++) {
		uint8_t type = (uint8_t)(first >> 4), flags = first & 0x0F, octet = (uint8_t)first;
		struct mqtt_packet p;
		if (type == 0 || type == MQTT_PUBLISH)
			continue;
		enum mqtt_fault f = mqtt_packet_read(slice_of(&octet, 1), 0, MQTT_V5, &p);
		must(f == (flags == want[type] ? MQTT_FAULT_MORE : MQTT_FAULT_FLAGS));
		f = mqtt_packet_read(slice_of(&octet, 1), 0, MQTT_V3, &p);
		bool is_dup = want[type] == 2 && flags == 10;
		if (type != MQTT_AUTH)
			must(f ==
			     (flags == want[type] || is_dup ? MQTT_FAULT_MORE : MQTT_FAULT_FLAGS));
	}
}

static void types_that_do_not_exist_are_refused(void **s)
{
	(void)s;
	for (uint8_t version = 0; version <= MQTT_V5; version++)
		must(read_head("00 00", 0, version) == MQTT_FAULT_TYPE);
	must(read_head("f0 00", 0, MQTT_V3) == MQTT_FAULT_TYPE);
	must(read_head("f0 00", 0, MQTT_V4) == MQTT_FAULT_TYPE);
	must(read_head("f0 00", 0, MQTT_V5) == MQTT_FAULT_NONE);
}

static void a_publish_of_qos_3_or_repeated_at_qos_0_is_refused(void **s)
{
	(void)s;
	must(read_head("36", 0, MQTT_V4) == MQTT_FAULT_QOS);
	must(read_head("3f", 0, MQTT_V5) == MQTT_FAULT_QOS);
	must(read_head("38", 0, MQTT_V4) == MQTT_FAULT_DUP);
	must(read_head("39", 0, MQTT_V3) == MQTT_FAULT_DUP);
	must(read_head("3b", 0, MQTT_V4) == MQTT_FAULT_MORE);
	must(read_head("3d", 0, MQTT_V4) == MQTT_FAULT_MORE);
}

static enum mqtt_fault sender(uint8_t type, uint8_t version, bool from_server)
{
	struct mqtt_packet p = { .type = type, .version = version, .from_server = from_server };
	return mqtt_packet_check_sender(&p);
}

static void each_side_sends_what_is_its(void **s)
{
	(void)s;
	static const uint8_t server_only[] = { MQTT_CONNACK, MQTT_SUBACK, MQTT_UNSUBACK,
					       MQTT_PINGRESP };
	static const uint8_t client_only[] = { MQTT_CONNECT, MQTT_SUBSCRIBE, MQTT_UNSUBSCRIBE,
					       MQTT_PINGREQ };
	for (uint8_t version = MQTT_V3; version <= MQTT_V5; version++) {
		for (size_t i = 0; i < 4; i++) {
			must(sender(server_only[i], version, false) == MQTT_FAULT_SENDER);
			must(sender(server_only[i], version, true) == MQTT_FAULT_NONE);
			must(sender(client_only[i], version, true) == MQTT_FAULT_SENDER);
			must(sender(client_only[i], version, false) == MQTT_FAULT_NONE);
		}
		for (uint8_t type = MQTT_PUBLISH; type <= MQTT_PUBCOMP; type++) {
			must(sender(type, version, false) == MQTT_FAULT_NONE);
			must(sender(type, version, true) == MQTT_FAULT_NONE);
		}
		must(sender(MQTT_DISCONNECT, version, false) == MQTT_FAULT_NONE);
	}
	must(sender(MQTT_DISCONNECT, MQTT_V4, true) == MQTT_FAULT_SENDER);
	must(sender(MQTT_DISCONNECT, MQTT_V5, true) == MQTT_FAULT_NONE);
	must(sender(MQTT_CONNECT, 0, false) == MQTT_FAULT_NONE);
}

static enum mqtt_fault ping(uint8_t type, const char *body)
{
	struct mqtt_packet p = { .type = type, .body = slice_str(body) };
	return mqtt_ping_check(&p);
}

static void pings_have_no_body(void **s)
{
	(void)s;
	must(ping(MQTT_PINGREQ, "") == MQTT_FAULT_NONE);
	must(ping(MQTT_PINGRESP, "") == MQTT_FAULT_NONE);
	must(ping(MQTT_PINGREQ, "x") == MQTT_FAULT_LEFT_OVER);
	must(ping(MQTT_PINGRESP, "x") == MQTT_FAULT_LEFT_OVER);
}

static void packets_have_names_and_pings_are_constants(void **s)
{
	(void)s;
	must(strcmp(mqtt_packet_name(MQTT_PUBLISH), "PUBLISH") == 0);
	must(strcmp(mqtt_packet_name(MQTT_AUTH), "AUTH") == 0);
	must(strcmp(mqtt_packet_name(0), "?") == 0);
	expect_octets(mqtt_pingreq_octets, mqtt_pingreq_octets + 2, "c0 00", __LINE__);
	expect_octets(mqtt_pingresp_octets, mqtt_pingresp_octets + 2, "d0 00", __LINE__);
}

static void every_fault_has_a_text_and_a_reason(void **s)
{
	(void)s;
	for (unsigned f = MQTT_FAULT_MORE + 1; f < MQTT_FAULT_N; f++) {
		uint8_t reason = mqtt_faults[f].reason;
		must(strlen(mqtt_faults[f].text) > 0);
		must(mqtt_reason_fits(reason, MQTT_DISCONNECT, true) ||
		     mqtt_reason_fits(reason, MQTT_CONNACK, true));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_length_of_every_size_is_read),
		cmocka_unit_test(what_is_not_there_yet_is_asked_for),
		cmocka_unit_test(a_fifth_octet_of_length_is_refused),
		cmocka_unit_test(padding_of_the_length_is_refused_by_version_5_alone),
		cmocka_unit_test(too_large_is_said_by_the_first_octets),
		cmocka_unit_test(flags_are_those_of_the_type),
		cmocka_unit_test(types_that_do_not_exist_are_refused),
		cmocka_unit_test(a_publish_of_qos_3_or_repeated_at_qos_0_is_refused),
		cmocka_unit_test(each_side_sends_what_is_its),
		cmocka_unit_test(pings_have_no_body),
		cmocka_unit_test(packets_have_names_and_pings_are_constants),
		cmocka_unit_test(every_fault_has_a_text_and_a_reason),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
