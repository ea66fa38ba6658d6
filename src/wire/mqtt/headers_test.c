#include "wire/mqtt/headers.h"

#include "wire/mqtt/for_tests.h"
#include "wire/mqtt/topic.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#define HEAD                                                                                \
	"33 ff7f 0003'a/b' 0007 2b 01 01 02 0000003c 03 0003'txt' 08 0003'r/t' 09 0001'k' " \
	"26 0001'n' 0001'1' 26 0001'm' 0000 26 0001'n' 0001'2'"

static void user_properties_are_the_headers(void **s)
{
	(void)s;
	struct header h;
	struct slice head = hex(HEAD);
	struct rd r = mqtt5_header_ops.begin(head);
	must(mqtt5_header_ops.next(&r, &h) && slice_eq(h.name, slice_str("n")));
	must(h.class == HEADER_TEXT && slice_eq(h.octets, slice_str("1")));
	must(mqtt5_header_ops.next(&r, &h) && slice_eq(h.name, slice_str("m")));
	must(h.octets.n == 0 && h.number == 0);
	must(mqtt5_header_ops.next(&r, &h) && slice_eq(h.octets, slice_str("2")));
	must(!mqtt5_header_ops.next(&r, &h));
	head = hex(HEAD " 0001020304050607");
	r = mqtt5_header_ops.begin(head);
	must(mqtt5_header_ops.next(&r, &h) && mqtt5_header_ops.next(&r, &h));
	must(mqtt5_header_ops.next(&r, &h) && !mqtt5_header_ops.next(&r, &h));
	must(header_find(&mqtt5_header_ops, head, slice_str("n"), &h) && h.octets.p[0] == '1');
}

static void properties_have_their_classes(void **s)
{
	(void)s;
	struct header h;
	struct slice head = hex(HEAD);
	must(mqtt5_header_ops.property(head, HEADER_CONTENT_TYPE, &h));
	must(h.class == HEADER_TEXT && slice_eq(h.octets, slice_str("txt")) && h.name.n == 0);
	must(mqtt5_header_ops.property(head, HEADER_CORRELATION_ID, &h));
	must(h.class == HEADER_TEXT && slice_eq(h.octets, slice_str("k")));
	must(mqtt5_header_ops.property(head, HEADER_REPLY_TO, &h));
	must(slice_eq(h.octets, slice_str("r/t")) && slice_eq(h.name, slice_str("/")));
	must(mqtt5_header_ops.property(head, HEADER_EXPIRATION, &h));
	must(h.class == HEADER_INT && h.number == 60000 && h.octets.n == 0);
	head = hex("30 09 0001't' 05 02 ffffffff");
	must(mqtt5_header_ops.property(head, HEADER_EXPIRATION, &h));
	must(h.number == UINT64_C(4294967295000));
	head = hex("30 09 0001't' 05 09 0002 ff00");
	must(mqtt5_header_ops.property(head, HEADER_CORRELATION_ID, &h));
	must(h.class == HEADER_BINARY && h.octets.n == 2);
}

static void who_is_to_be_retained_says_of_which_topic(void **s)
{
	(void)s;
	struct header h = { .number = 5 };
	must(!mqtt3_header_ops.property(hex("30 05 0003'a/b'"), HEADER_RETAIN, &h));
	must(mqtt3_header_ops.property(hex("31 05 0003'a/b'"), HEADER_RETAIN, &h));
	must(h.class == HEADER_INT && h.number == 0);
	must(mqtt3_header_ops.property(hex("31 05 0003'a.b'"), HEADER_RETAIN, &h));
	must(h.number > 0 && h.number <= HEADER_RETAIN_MAX);
	uint64_t number = h.number;
	must(mqtt5_header_ops.property(hex("31 06 0003'a.b' 00"), HEADER_RETAIN, &h));
	must(h.number == number && mqtt_topic_number(slice_str("a.b")) == number);
	must(mqtt3_header_ops.property(hex("31 05 0003'a.c'"), HEADER_RETAIN, &h));
	must(h.number != number);
}

static void what_a_message_does_not_have_is_not_given(void **s)
{
	(void)s;
	struct header h = { .number = 5 };
	struct slice bare = hex("30 04 0001't' 00"), full = hex(HEAD), old = hex("30 03 0001't'");
	for (unsigned which = 0; which < HEADER_PROPERTY_N; which++) {
		must(!mqtt5_header_ops.property(bare, which, &h));
		must(!mqtt3_header_ops.property(old, which, &h));
		bool has = which == HEADER_CONTENT_TYPE || which == HEADER_CORRELATION_ID ||
			   which == HEADER_REPLY_TO || which == HEADER_EXPIRATION ||
			   which == HEADER_RETAIN;
		struct header got;
		must(mqtt5_header_ops.property(full, which, &got) == has);
	}
	struct rd r = mqtt5_header_ops.begin(bare);
	must(!mqtt5_header_ops.next(&r, &h));
	r = mqtt3_header_ops.begin(old);
	must(!mqtt3_header_ops.next(&r, &h) && h.number == 5);
}

static void any_octets_can_be_asked(void **s)
{
	(void)s;
	struct header h;
	struct slice whole = hex(HEAD);
	for (size_t n = 0; n <= whole.n; n++) {
		for (size_t flip = 0; flip <= n; flip++) {
			struct slice part = exact(whole, n);
			if (flip < n)
				((uint8_t *)(uintptr_t)part.p)[flip] ^= 0x15;
			struct rd r = mqtt5_header_ops.begin(part);
			while (mqtt5_header_ops.next(&r, &h))
				must(h.class == HEADER_TEXT);
			for (unsigned which = 0; which < HEADER_PROPERTY_N; which++)
				(void)mqtt5_header_ops.property(part, which, &h);
			exact_free(part);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(user_properties_are_the_headers),
		cmocka_unit_test(properties_have_their_classes),
		cmocka_unit_test(who_is_to_be_retained_says_of_which_topic),
		cmocka_unit_test(what_a_message_does_not_have_is_not_given),
		cmocka_unit_test(any_octets_can_be_asked),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
