#include "wire/mqtt/publish.h"

#include "wire/mqtt/for_tests.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#define BAD(version, z, fault) expect_fault(z, version, false, MQTT_FAULT_##fault, __LINE__)
#define BOTH(z, fault)            \
	do {                      \
		BAD(3, z, fault); \
		BAD(4, z, fault); \
	} while (0)

static void a_plain_message_is_read(void **s)
{
	(void)s;
	struct any got;
	must(decode(hex("30 08 0003'a/b' 'xyz'"), MQTT_V4, false, &got) == MQTT_FAULT_NONE);
	const struct mqtt_publish *p = &got.publish;
	must(p->qos == 0 && !p->dup && !p->retain && p->id == 0 && p->props.has == 0);
	must(slice_eq(p->topic, slice_str("a/b")) && slice_eq(p->payload, slice_str("xyz")));
	must(slice_eq(p->head, hex("30 08 0003'a/b'")));

	must(decode(hex("3d 09 0003'a/b' 1234 'xy'"), MQTT_V3, false, &got) == MQTT_FAULT_NONE);
	must(p->qos == 2 && p->dup && p->retain && p->id == 0x1234 && p->payload.n == 2);
	must(decode(hex("32 07 0003'a/b' 0001"), MQTT_V4, false, &got) == MQTT_FAULT_NONE);
	must(p->qos == 1 && !p->dup && p->id == 1 && p->payload.n == 0);
	must(slice_eq(p->head, hex("32 07 0003'a/b' 0001")));
}

static void a_message_with_properties_is_read(void **s)
{
	(void)s;
	struct any got;
	const char *z = "33 1a 0001't' 0007 13 01 01 02 0000003c 03 0001'c' 09 0002 00ff "
			"23 0005 '!'";
	must(decode(hex(z), MQTT_V5, false, &got) == MQTT_FAULT_NONE);
	const struct mqtt_publish *p = &got.publish;
	must(p->qos == 1 && p->retain && p->id == 7 && slice_eq(p->payload, slice_str("!")));
	must(p->props.payload_format == 1 && p->props.message_expiry_s == 60);
	must(slice_eq(p->props.content_type, slice_str("c")) && p->props.topic_alias == 5);
	must(slice_eq(p->props.correlation_data, hex("00ff")));
	must(p->head.n == got.packet.total - 1);
	expect_fault(z, MQTT_V5, false, MQTT_FAULT_NONE, __LINE__);
}

static void what_is_wrong_with_a_message_is_said(void **s)
{
	(void)s;
	BOTH("30 00", SHORT);
	BOTH("30 01 00", SHORT);
	BOTH("30 02 0001", SHORT);
	BOTH("32 04 0001't' 00", SHORT);
	BOTH("32 05 0001't' 0000", ID);
	BOTH("34 05 0001't' 0000", ID);
	BOTH("30 02 0000", TOPIC);
	BOTH("30 03 0001'+'", TOPIC);
	BOTH("30 05 0003'a/#'", TOPIC);
	BOTH("30 0c 000a'abcdefgh+i'", TOPIC);
	BOTH("30 03 0001 80", UTF8);
	BOTH("30 04 0002 c0 80", UTF8);
	BOTH("30 05 0003 ed a0 80", UTF8);
	BOTH("30 06 0004 f4 90 80 80", UTF8);
	BOTH("30 0c 000a'abcdefgh' ff'i'", UTF8);
	BOTH("30 03 0001 00", ZERO);
	BOTH("30 0c 000a'abcdefg' 00'hi'", ZERO);
	BAD(5, "32 06 0001't' 0000 00", ID);
	BAD(5, "30 03 0001't'", SHORT);
	BAD(5, "30 03 0000 00", NO_TOPIC);
	BAD(5, "30 06 0000 03 23 0001", NONE);
	BAD(5, "30 06 0000 03 23 0000", ALIAS);
	BAD(5, "30 04 0001'#' 00", TOPIC);
	BAD(5, "30 05 0001't' 0201", SHORT);
	BAD(5, "30 06 0001't' 02 0102", PROPERTY_VALUE);
	BAD(5, "30 06 0001't' 02 0b01", SUBSCRIPTION_ID);
	BAD(5, "30 05 0001't' 8000", LENGTH);
}

static void any_text_is_a_topic(void **s)
{
	(void)s;
	BOTH("30 05 0003 ef bb bf", NONE);    /* a mark of byte order is a character */
	BOTH("30 05 0003 ef bf bf", NONE);    /* and so is U+FFFF */
	BOTH("30 06 0004 01 7f c2 80", NONE); /* and control characters */
	BOTH("30 10 000e'/$SYS// b.*' c3a9 '!'", NONE);
}

static void a_server_may_send_subscription_ids(void **s)
{
	(void)s;
	struct any got;
	uint32_t id = 0;
	expect_fault("30 0b 0001't' 07 0b01 0b8001 0b02", MQTT_V5, true, MQTT_FAULT_NONE, __LINE__);
	expect_fault("30 0e 0001't' 08 0b01 0b8001 260000 0000", MQTT_V5, true, MQTT_FAULT_SHORT,
		     __LINE__);
	must(decode(hex("30 0f 0001't' 0a 0b01 26 0000 0000 0b8001 '!'"), MQTT_V5, true, &got) ==
	     MQTT_FAULT_NONE);
	struct rd r = rd_of(got.publish.props.block);
	must(mqtt_props_next_id(&r, &id) && id == 1);
	must(mqtt_props_next_id(&r, &id) && id == 128);
	must(!mqtt_props_next_id(&r, &id) && got.publish.props.user_property == 1);
}

static void put(const struct mqtt_publish_out *o, const char *z, int line)
{
	size_t n = mqtt_publish_head_size(o);
	struct slice room = exact(hex(z), hex(z).n);
	must(n == room.n && mqtt_publish_total(o) == n + o->payload_n);
	uint8_t *at = (uint8_t *)(uintptr_t)room.p;
	expect_octets(at, mqtt_publish_head_put(at, o), z, line);
	exact_free(room);
}

static void a_head_is_written_for_any_version(void **s)
{
	(void)s;
	uint32_t ids[] = { 3, 200 };
	struct mqtt_props props = { .has = MQTT_HAS(message_expiry_s) | MQTT_HAS(subscription_id),
				    .message_expiry_s = 9,
				    .subscription_id = 77 };
	struct mqtt_publish_out o = { .version = MQTT_V4,
				      .topic = slice_str("a/b"),
				      .payload_n = 200,
				      .props = &props,
				      .ids = ids,
				      .ids_n = 2 };
	put(&o, "30 cd01 0003'a/b'", __LINE__);
	o.qos = 2, o.dup = o.retain = true, o.id = 258, o.payload_n = 0;
	put(&o, "3d 07 0003'a/b' 0102", __LINE__);
	o.version = MQTT_V5;
	put(&o, "3d 12 0003'a/b' 0102 0a 02 00000009 0b03 0bc801", __LINE__);
	o.props = NULL, o.ids_n = 0;
	put(&o, "3d 08 0003'a/b' 0102 00", __LINE__);
}

static void a_head_that_was_kept_is_read_again(void **s)
{
	(void)s;
	struct mqtt_publish p;
	struct slice head = hex("33 aa02 0001't' 0007 07 02 00000001 0101");
	must(mqtt_publish_head_decode(head, MQTT_V5, &p) && p.props.payload_format == 1);
	must(!mqtt_publish_head_decode(slice_sub(head, 0, 2), MQTT_V5, &p));
	must(!mqtt_publish_head_decode(SLICE_EMPTY, MQTT_V5, &p));
	must(!mqtt_publish_head_decode(slice_sub(head, 0, head.n - 2), MQTT_V5, &p));
	head = hex("33 aa02 0001't' 0007 05 02 00000001");
	must(mqtt_publish_head_decode(head, MQTT_V5, &p));
	must(p.retain && p.qos == 1 && p.props.message_expiry_s == 1 && p.payload.n == 0);
	must(slice_eq(p.head, head));
	head = hex("33 aa02 0001't' 0007 05 02 00000001 'tail'");
	must(mqtt_publish_head_decode(head, MQTT_V5, &p) && p.payload.n == 4);
	must(mqtt_publish_head_decode(hex("30 05 0001't'"), MQTT_V3, &p) && p.topic.n == 1);
	must(!mqtt_publish_head_decode(hex("40 02 0001"), MQTT_V4, &p));
}

static void again(const char *z, uint16_t id, bool is_dup, bool is_retain, const char *want,
		  int line)
{
	struct mqtt_publish_peek p;
	struct slice head = exact(hex(z), hex(z).n), room = exact(hex(want), hex(want).n);
	uint8_t *at = (uint8_t *)(uintptr_t)room.p;
	must(mqtt_publish_head_peek(head, &p) && room.n == head.n);
	p.retain = is_retain;
	mqtt_publish_head_again(at, head, &p, id, is_dup);
	expect_octets(at, at + head.n, want, line);
	exact_free(head);
	exact_free(room);
}

static void a_head_that_was_kept_goes_out_with_another_id(void **s)
{
	(void)s;
	struct mqtt_publish_peek p;
	again("30 7f 0003'a/b'", 0, true, false, "30 7f 0003'a/b'", __LINE__);
	again("31 aa02 0003'a/b'", 0, false, true, "31 aa02 0003'a/b'", __LINE__);
	again("3b 7f 0003'a/b' 0007", 258, false, false, "32 7f 0003'a/b' 0102", __LINE__);
	again("34 ff808000 0000 0007", 9, true, true, "3d ff808000 0000 0009", __LINE__);
	struct slice head = hex("32 aa02 0003'a/b' 0007");
	for (size_t n = 0; n <= head.n; n++) {
		struct slice part = exact(head, n);
		must(mqtt_publish_head_peek(part, &p) == (n == head.n));
		exact_free(part);
	}
	must(mqtt_publish_head_peek(head, &p));
	must(p.qos == 1 && !p.retain && p.id_at == 8 && slice_eq(p.topic, slice_str("a/b")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_plain_message_is_read),
		cmocka_unit_test(a_message_with_properties_is_read),
		cmocka_unit_test(what_is_wrong_with_a_message_is_said),
		cmocka_unit_test(any_text_is_a_topic),
		cmocka_unit_test(a_server_may_send_subscription_ids),
		cmocka_unit_test(a_head_is_written_for_any_version),
		cmocka_unit_test(a_head_that_was_kept_is_read_again),
		cmocka_unit_test(a_head_that_was_kept_goes_out_with_another_id),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
