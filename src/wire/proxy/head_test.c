#include "wire/proxy/head.h"

#include "base/byteorder.h"
#include "base/crc32c.h"
#include "base/exact_for_tests.h"
#include "base/limits.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"

static struct proxy_head head;

/* In a block of exactly its size; every prefix needs more, and what is behind is nobody's here. */
static enum err read_all(struct slice s)
{
	enum err e = ERR_MORE;
	for (size_t n = 0; n <= s.n; n++) {
		struct slice block = exact(s, n);
		must(e == ERR_MORE);
		e = proxy_head_read(block, &head);
		exact_free(block);
		if (e != ERR_MORE && n < s.n)
			return e;
	}
	return e;
}

static enum err line(const char *words)
{
	return read_all(slice_str(words));
}

static enum err two(uint8_t command, uint8_t family, struct slice rest)
{
	uint8_t room[400] = SIGNATURE;
	must(16 + rest.n <= sizeof room);
	room[12] = command;
	room[13] = family;
	store_be16(room + 14, (uint16_t)rest.n);
	if (rest.n)
		memcpy(room + 16, rest.p, rest.n);
	return read_all(slice_of(room, 16 + rest.n));
}

static void a_line_says_who_came(void **s)
{
	static const uint8_t six[16] = { 0x20, 1, 0xd, 0xb8, [15] = 0x1f };
	(void)s;
	must(line("PROXY TCP4 192.0.2.1 198.51.100.255 65535 443\r\n") == ERR_OK);
	must(head.family == PROXY_IP4 && memcmp(head.source, "\300\0\2\1", 4) == 0);
	must(head.source_port == 65535 && head.total == 47);
	must(line("PROXY TCP6 2001:db8::1f ::1 1 2\r\n") == ERR_OK);
	must(head.family == PROXY_IP6 && memcmp(head.source, six, 16) == 0 &&
	     head.source_port == 1);
	must(line("PROXY TCP6 2001:0DB8:0:0:0:0:0:001F :: 0 0\r\n") == ERR_OK);
	must(memcmp(head.source, six, 16) == 0);
	must(line("PROXY UNKNOWN\r\n") == ERR_OK && head.family == PROXY_NONE);
	must(line("PROXY UNKNOWN ffff::ffff whatever\r\n") == ERR_OK);
	struct slice behind = slice_str("PROXY UNKNOWN\r\nAMQP\0\0\x09\x01");
	must(proxy_head_read(behind, &head) == ERR_OK && head.total == 15);
}

static void a_line_that_is_none_is_refused(void **s)
{
	(void)s;
	static const char *const bad[] = {
		"AMQP\r\n",
		"PROXY  TCP4 1.2.3.4 1.2.3.4 1 2\r\n",
		"PROXY TCP5 1.2.3.4 1.2.3.4 1 2\r\n",
		"PROXY TCP4 1.2.3 1.2.3.4 1 2\r\n",
		"PROXY TCP4 1.2.3.4.5 1.2.3.4 1 2\r\n",
		"PROXY TCP4 1.2.3.256 1.2.3.4 1 2\r\n",
		"PROXY TCP4 1.2.3.04 1.2.3.4 1 2\r\n",
		"PROXY TCP4 1.2.3.4 1.2.3.4 65536 2\r\n",
		"PROXY TCP4 1.2.3.4 1.2.3.4 1 -2\r\n",
		"PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n",
		"PROXY TCP4 1.2.3.4 1.2.3.4 1 2 3\r\n",
		"PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n",
		"PROXY TCP6 1.2.3.4 1.2.3.4 1 2\r\n",
		"PROXY TCP6 1::2::3 ::1 1 2\r\n",
		"PROXY TCP6 1:2:3:4:5:6:7 ::1 1 2\r\n",
		"PROXY TCP6 1:2:3:4:5:6:7:8:9 ::1 1 2\r\n",
		"PROXY TCP6 1:2:3:4:5:6:7::8 ::1 1 2\r\n",
		"PROXY TCP6 ::12345 ::1 1 2\r\n",
		"PROXY TCP6 :1: ::1 1 2\r\n",
		"PROXY TCP6 ::g ::1 1 2\r\n",
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		must(line(bad[i]) == ERR_MALFORMED);
	char endless[200];
	memset(endless, 'x', sizeof endless);
	memcpy(endless, "PROXY ", 6);
	must(read_all(slice_of(endless, sizeof endless)) == ERR_MALFORMED);
}

static void a_header_of_version_2_says_it_too(void **s)
{
	(void)s;
	static const uint8_t six[36] = { [0] = 0xfe, [15] = 7, [32] = 1, [33] = 2 };
	struct slice four = slice_of("\300\0\2\1\306\63\144\1\x12\x34\1\273", 12);
	must(two(0x21, 0x11, four) == ERR_OK && head.family == PROXY_IP4 && head.total == 28);
	must(memcmp(head.source, "\300\0\2\1", 4) == 0 && head.source_port == 0x1234);
	must(two(0x21, 0x21, slice_of(six, sizeof six)) == ERR_OK && head.family == PROXY_IP6);
	must(memcmp(head.source, six, 16) == 0 && head.source_port == 0x102);
	must(two(0x20, 0x11, four) == ERR_OK && head.family == PROXY_NONE);
	must(two(0x20, 0x77, slice_str("anything")) == ERR_OK);
	must(two(0x21, 0x00, slice_str("anything")) == ERR_OK && head.family == PROXY_NONE);
	must(two(0x21, 0x11, slice_sub(four, 0, 11)) == ERR_MALFORMED);
	must(two(0x21, 0x21, four) == ERR_MALFORMED && two(0x21, 0x31, four) == ERR_MALFORMED);
	must(two(0x21, 0x12, four) == ERR_MALFORMED && two(0x22, 0x11, four) == ERR_MALFORMED);
	must(two(0x31, 0x11, four) == ERR_MALFORMED && two(0x21, 0x41, four) == ERR_MALFORMED);
	uint8_t large[16] = SIGNATURE;
	large[12] = 0x21;
	store_be16(large + 14, LIMIT_PROXY_HEAD_BYTES - 15);
	must(read_all(slice_of(large, 16)) == ERR_LIMIT);
}

static void what_is_added_is_passed_over_but_a_sum_is_checked(void **s)
{
	(void)s;
	uint8_t rest[12 + 7 + 6] =
		"\300\0\2\1\306\63\144\1\x12\x34\1\273\3\0\4\0\0\0\0\xea\0\3\1aw";
	uint8_t all[16 + sizeof rest] = SIGNATURE "\x21\x11\0\x19";
	memcpy(all + 16, rest, sizeof rest);
	store_be32(rest + 15, crc32c_extend(0, all, sizeof all));
	must(two(0x21, 0x11, slice_of(rest, sizeof rest)) == ERR_OK && head.source_port == 0x1234);
	rest[0] ^= 1;
	must(two(0x21, 0x11, slice_of(rest, sizeof rest)) == ERR_MALFORMED);
	must(two(0x21, 0x11, slice_of(rest, 12)) == ERR_OK);
	must(two(0x21, 0x11, slice_of(rest, 14)) == ERR_MALFORMED);
	rest[14] = 5;
	must(two(0x21, 0x11, slice_of(rest, 20)) == ERR_MALFORMED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_says_who_came),
		cmocka_unit_test(a_line_that_is_none_is_refused),
		cmocka_unit_test(a_header_of_version_2_says_it_too),
		cmocka_unit_test(what_is_added_is_passed_over_but_a_sum_is_checked),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
