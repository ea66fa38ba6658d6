#include "base/crc32c.h"

#include "base/prng.h"
#include "base/slice.h"

#include <stdlib.h>

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

static void known_sums_come_out(void **s)
{
	(void)s;
	uint8_t bytes[32] = { 0 };
	must(crc32c_extend(0, "123456789", 9) == 0xe3069283);
	must(crc32c_extend(0, NULL, 0) == 0);
	must(crc32c_extend(0, bytes, 32) == 0x8a9136aa); /* RFC 3720, B.4 */
	memset(bytes, 0xff, 32);
	must(crc32c_extend(0, bytes, 32) == 0x62a8ab43);
	for (uint8_t i = 0; i < 32; i++)
		bytes[i] = i;
	must(crc32c_extend(0, bytes, 32) == 0x46dd794e);
}

static void all_ways_agree_at_every_length_and_place(void **s)
{
	(void)s;
	struct prng r = prng_of(2);
	for (size_t n = 0; n < 13000; n += n < 1100 ? 1 : 97) {
		size_t off = n % 8;
		uint8_t *src = malloc(off + n), *dst = malloc(n);
		for (size_t i = 0; i < off + n; i++)
			src[i] = (uint8_t)prng_u64(&r);
		uint32_t start = (uint32_t)prng_u64(&r);
		uint32_t want = crc32c_extend_by_table(start, src + off, n);
		must(crc32c_extend(start, src + off, n) == want);
		must(crc32c_copy(dst, src + off, n, start) == want);
		must(slice_eq(slice_of(dst, n), slice_of(src + off, n)));
		size_t half = n / 3;
		uint32_t first = crc32c_extend(start, src + off, half);
		must(crc32c_extend(first, src + off + half, n - half) == want);
		free(src);
		free(dst);
	}
}

static void two_sums_are_joined(void **s)
{
	(void)s;
	struct prng r = prng_of(3);
	static uint8_t bytes[300000];
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (uint8_t)prng_u64(&r);
	for (size_t n = 0; n < sizeof bytes; n += n < 600 ? 1 : 7919) {
		size_t a = (size_t)prng_below(&r, 64);
		uint32_t start = (uint32_t)prng_u64(&r);
		n = n + a > sizeof bytes ? sizeof bytes - a : n;
		uint32_t first = crc32c_extend(start, bytes, a);
		must(crc32c_join(first, crc32c_extend(0, bytes + a, n), n) ==
		     crc32c_extend(first, bytes + a, n));
	}
	must(crc32c_join(5, 0, 0) == 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_sums_come_out),
		cmocka_unit_test(all_ways_agree_at_every_length_and_place),
		cmocka_unit_test(two_sums_are_joined),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
