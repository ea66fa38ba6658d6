#include "base/utf8.h"

#include <stdlib.h>

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

/* encode writes any number as if it were a character of `n` bytes, over-long ones too. */
static void encode(uint32_t c, size_t n, uint8_t *out)
{
	static const uint8_t lead[] = { 0, 0x00, 0xC0, 0xE0, 0xF0 };
	for (size_t i = n; i-- > 1; c >>= 6)
		out[i] = (uint8_t)(0x80 | (c & 0x3F));
	out[0] = (uint8_t)(lead[n] | c);
}

static size_t right_length(uint32_t c)
{
	if (c >= 0x110000 || (c >= 0xD800 && c <= 0xDFFF))
		return 0;
	return c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
}

static void every_code_point_is_valid_in_one_length_only(void **s)
{
	(void)s;
	static const uint32_t room[] = { 0, 0x80, 0x800, 0x10000, 0x200000 };
	for (size_t n = 1; n <= 4; n++)
		for (uint32_t c = 0; c < room[n]; c++) {
			uint8_t bytes[4];
			encode(c, n, bytes);
			size_t want = right_length(c) == n ? n : 0;
			must(utf8_step(slice_of(bytes, n)) == want);
			must(utf8_is_valid(slice_of(bytes, n)) == (want > 0));
		}
}

static void every_pair_of_bytes_is_judged(void **s)
{
	(void)s;
	for (unsigned v = 0; v < 0x10000; v++) {
		uint8_t bytes[2] = { (uint8_t)(v >> 8), (uint8_t)v };
		bool ascii = bytes[0] < 0x80 && bytes[1] < 0x80;
		bool two = bytes[0] >= 0xC2 && bytes[0] < 0xE0 && (bytes[1] & 0xC0) == 0x80;
		must(utf8_is_valid(slice_of(bytes, 2)) == (ascii || two));
	}
}

static void a_fault_is_found_at_every_place(void **s)
{
	(void)s;
	must(utf8_is_valid(SLICE_EMPTY));
	for (size_t n = 1; n < 40; n++) {
		uint8_t *text = malloc(n);
		for (size_t bad = 0; bad < n; bad++) {
			memset(text, 'x', n);
			must(utf8_is_valid(slice_of(text, n)));
			text[bad] = 0xE2; /* lead byte of three, followed by none */
			must(!utf8_is_valid(slice_of(text, n)));
		}
		free(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_code_point_is_valid_in_one_length_only),
		cmocka_unit_test(every_pair_of_bytes_is_judged),
		cmocka_unit_test(a_fault_is_found_at_every_place),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
