#include "wire/amqp091/frame.h"

#include "wire/amqp091/for_tests.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#define FRAME "\3\1\2\0\0\0\5hello\xCE"

static void a_frame_is_read_when_all_of_it_is_there(void **s)
{
	(void)s;
	struct slice whole = bytes_of(FRAME "\10\0\0\0\0\0\0\xCE");
	for (size_t n = 0; n <= whole.n; n++) {
		struct slice in = exact(whole, n);
		struct amqp091_frame f = { .type = 77 };
		enum err e = amqp091_frame_read(in, 4096, &f);
		if (n < sizeof FRAME - 1) {
			must(e == ERR_MORE && f.type == 77);
			must(amqp091_frame_need(in) == (n < 7 ? 7 : sizeof FRAME - 1));
		} else {
			must(e == ERR_OK && f.type == AMQP091_FRAME_BODY && f.channel == 0x102);
			must(slice_eq(f.payload, slice_str("hello")));
			must(f.total == sizeof FRAME - 1);
			must(amqp091_frame_need(in) == f.total);
		}
		exact_free(in);
	}
}

static void a_frame_too_large_is_refused_by_its_head(void **s)
{
	(void)s;
	struct amqp091_frame f;
	struct slice head = exact(bytes_of("\3\0\1\0\0\20\1"), 7); /* 4097 octets */
	must(amqp091_frame_read(head, 4096, &f) == ERR_FRAME_ERROR);
	must(amqp091_frame_read(head, 4097, &f) == ERR_MORE);
	must(amqp091_frame_read(head, 0, &f) == ERR_MORE);
	must(amqp091_frame_need(head) == 4097 + 8);
	exact_free(head);
	must(amqp091_frame_read(bytes_of("\3\0\1\xFF\xFF\xFF\xFF"), 0, &f) == ERR_MORE);
}

static void the_end_octet_is_looked_at(void **s)
{
	(void)s;
	struct amqp091_frame f = { .type = 77 };
	must(amqp091_frame_read(bytes_of("\1\0\1\0\0\0\1x\xCF"), 4096, &f) == ERR_FRAME_ERROR);
	must(f.type == 77);
}

static enum err check(uint8_t type, uint16_t channel, size_t payload_n)
{
	static const uint8_t payload[32];
	return amqp091_frame_check(&(struct amqp091_frame){
		.type = type, .channel = channel, .payload = slice_of(payload, payload_n) });
}

static void type_channel_and_length_belong_together(void **s)
{
	(void)s;
	must(check(AMQP091_FRAME_METHOD, 0, 4) == ERR_OK);
	must(check(AMQP091_FRAME_METHOD, 1, 3) == ERR_FRAME_ERROR);
	must(check(AMQP091_FRAME_HEADER, 1, 14) == ERR_OK);
	must(check(AMQP091_FRAME_HEADER, 1, 11) == ERR_FRAME_ERROR);
	must(check(AMQP091_FRAME_HEADER, 0, 14) == ERR_UNEXPECTED_FRAME);
	must(check(AMQP091_FRAME_BODY, 1, 0) == ERR_OK);
	must(check(AMQP091_FRAME_BODY, 0, 1) == ERR_UNEXPECTED_FRAME);
	must(check(AMQP091_FRAME_HEARTBEAT, 0, 0) == ERR_OK);
	must(check(AMQP091_FRAME_HEARTBEAT, 1, 0) == ERR_UNEXPECTED_FRAME);
	must(check(AMQP091_FRAME_HEARTBEAT, 0, 1) == ERR_FRAME_ERROR);
	for (int type = 0; type < 256; type++)
		if (type != 1 && type != 2 && type != 3 && type != 8)
			must(check((uint8_t)type, 1, 20) == ERR_FRAME_ERROR);
}

static void our_own_octets_are_good(void **s)
{
	(void)s;
	struct amqp091_frame f;
	struct slice heartbeat = slice_of(amqp091_heartbeat_octets, AMQP091_FRAME_OVERHEAD);
	must(amqp091_frame_read(heartbeat, 4096, &f) == ERR_OK);
	must(amqp091_frame_check(&f) == ERR_OK && f.type == AMQP091_FRAME_HEARTBEAT);

	enum amqp091_greeting g;
	struct slice greeting = slice_of(amqp091_greeting_octets, AMQP091_GREETING_LEN);
	must(amqp091_greeting_read(greeting, &g) == ERR_OK && g == AMQP091_GREETING_AMQP_0_9_1);
}

static enum amqp091_greeting greeting(struct slice in)
{
	enum amqp091_greeting g = AMQP091_GREETING_UNKNOWN;
	for (size_t n = 0; n < in.n; n++) {
		struct slice part = exact(in, n);
		must(amqp091_greeting_read(part, &g) == ERR_MORE);
		exact_free(part);
	}
	must(amqp091_greeting_read(in, &g) == ERR_OK);
	return g;
}

static void every_greeting_is_known_by_its_eight_octets(void **s)
{
	(void)s;
#define GREETING(name, octets, prose) must(greeting(bytes_of(octets)) == AMQP091_GREETING_##name);
#include "wire/amqp091/greetings.def"
#undef GREETING
}

static void strangers_are_known_as_early_as_can_be(void **s)
{
	(void)s;
	enum amqp091_greeting g = AMQP091_GREETING_AMQP_0_9_1;
	must(amqp091_greeting_read(bytes_of("G"), &g) == ERR_OK && g == AMQP091_GREETING_UNKNOWN);
	must(amqp091_greeting_read(bytes_of("\x16\3\1"), &g) == ERR_OK);
	must(g == AMQP091_GREETING_UNKNOWN);
	must(amqp091_greeting_read(bytes_of("AMQP\0\0\11\2"), &g) == ERR_OK);
	must(g == AMQP091_GREETING_UNKNOWN);
	must(amqp091_greeting_read(bytes_of("AMQP\0\0\11\1and more"), &g) == ERR_OK);
	must(g == AMQP091_GREETING_AMQP_0_9_1);
}

static void a_content_header_is_split(void **s)
{
	(void)s;
	struct slice whole = bytes_of("\0\74\0\0\0\0\0\0\0\0\1\2\20\0\2");
	struct amqp091_header h = { .class_id = 77 };
	for (size_t n = 0; n < 14; n++) {
		struct slice part = exact(whole, n);
		must(amqp091_header_decode(part, &h) == ERR_MALFORMED && h.class_id == 77);
		exact_free(part);
	}
	must(amqp091_header_decode(whole, &h) == ERR_OK);
	must(h.class_id == 60 && h.body_bytes == 0x102);
	must(slice_eq(h.props, bytes_of("\20\0\2")));
	must(amqp091_header_decode(bytes_of("\0\74\0\1\0\0\0\0\0\0\1\2\0\0"), &h) == ERR_MALFORMED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_frame_is_read_when_all_of_it_is_there),
		cmocka_unit_test(a_frame_too_large_is_refused_by_its_head),
		cmocka_unit_test(the_end_octet_is_looked_at),
		cmocka_unit_test(type_channel_and_length_belong_together),
		cmocka_unit_test(our_own_octets_are_good),
		cmocka_unit_test(every_greeting_is_known_by_its_eight_octets),
		cmocka_unit_test(strangers_are_known_as_early_as_can_be),
		cmocka_unit_test(a_content_header_is_split),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
