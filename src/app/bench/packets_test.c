#include "app/bench/packets.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static struct client client_with(uint8_t *bytes, size_t n, struct text *why)
{
	return (struct client){ .fd = -1, .in = bytes, .in_n = n, .in_cap = 1024, .why = why };
}

static void a_publish_has_its_id_before_its_body(void **s)
{
	uint8_t buf[64];
	size_t body_at;
	struct wr w = wr_of(buf, sizeof buf);
	(void)s;
	packets_publish(&w, "a/b", 1, 4, &body_at);
	static const uint8_t expected[] = { 0x32, 11, 0, 3, 'a', '/', 'b', 0, 1, 0, 0, 0, 0 };
	assert_true(wr_ok(&w));
	assert_int_equal(w.n, sizeof expected);
	assert_memory_equal(buf, expected, sizeof expected);
	assert_int_equal(body_at, 9);
	assert_int_equal(packets_publish_bytes("a/b", 1, 4), w.n);
}

static void lengths_take_as_many_octets_as_they_need(void **s)
{
	(void)s;
	assert_int_equal(packets_publish_bytes("t", 0, 124), 2 + 127);
	assert_int_equal(packets_publish_bytes("t", 0, 125), 3 + 128);
	assert_int_equal(packets_publish_bytes("t", 0, 16380), 3 + 16383);
	assert_int_equal(packets_publish_bytes("t", 0, 16381), 4 + 16384);
}

static void a_packet_is_taken_when_it_is_whole(void **s)
{
	uint8_t bytes[1024];
	char buf[64];
	struct text why = text_of(buf, sizeof buf);
	struct packets_packet p;
	struct wr w = wr_of(bytes, sizeof bytes);
	(void)s;
	packets_answer(&w, PACKETS_PUBREL, 0x1234);
	size_t first = w.n, body_at;
	packets_publish(&w, "t", 0, 200, &body_at);
	for (size_t n = 0; n < first; n++) {
		struct client c = client_with(bytes, n, &why);
		assert_int_equal(packets_next(&c, &p), ERR_MORE);
	}
	for (size_t n = first; n < w.n; n++) {
		struct client c = client_with(bytes, n, &why);
		assert_int_equal(packets_next(&c, &p), ERR_OK);
		assert_int_equal(p.type, PACKETS_PUBREL);
		assert_int_equal(p.flags, 2);
		assert_int_equal(packets_next(&c, &p), ERR_MORE);
	}
	struct client c = client_with(bytes, w.n, &why);
	assert_int_equal(packets_next(&c, &p), ERR_OK);
	assert_int_equal(packets_next(&c, &p), ERR_OK);
	assert_int_equal(p.body.n, 2 + 1 + 200);
	assert_int_equal(why.n, 0);
}

static void a_length_without_end_is_no_packet(void **s)
{
	uint8_t bytes[] = { 0x30, 0x80, 0x80, 0x80, 0x80, 0x01 };
	char buf[64];
	struct text why = text_of(buf, sizeof buf);
	struct packets_packet p;
	struct client c = client_with(bytes, sizeof bytes, &why);
	(void)s;
	assert_int_equal(packets_next(&c, &p), ERR_CLOSED);
	assert_true(why.n > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_publish_has_its_id_before_its_body),
		cmocka_unit_test(lengths_take_as_many_octets_as_they_need),
		cmocka_unit_test(a_packet_is_taken_when_it_is_whole),
		cmocka_unit_test(a_length_without_end_is_no_packet),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
