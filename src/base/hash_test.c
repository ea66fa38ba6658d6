#include "base/hash.h"

#include "base/bits.h"

#include <stdlib.h>

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

static void siphash_1_3_agrees_with_cpython(void **s)
{
	(void)s;
	/* hash(b"...") of CPython 3.11 with PYTHONHASHSEED=0: SipHash-1-3 with a key of zeros */
	static const struct {
		const char *in;
		uint64_t want;
	} rows[] = {
		{ "a", 0x407448d2b89b1813 },
		{ "abc", 0xc03bc3a0042630f2 },
		{ "abcdefg", 0x6db12aae9070f506 },
		{ "abcdefgh", 0x3f7b849c0b8e35ea },
		{ "abcdefghi0123456", 0xacf315e6d028b81c },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		size_t n = strlen(rows[i].in);
		void *copy = malloc(n);
		memcpy(copy, rows[i].in, n);
		must(hash_slice((struct hash_key){ 0 }, slice_of(copy, n)) == rows[i].want);
		free(copy);
	}
}

static void the_key_and_every_byte_count(void **s)
{
	(void)s;
	struct hash_key key = { 1, 2 };
	uint64_t h = hash_slice(key, slice_str("queue-1"));
	must(h != hash_slice((struct hash_key){ 1, 3 }, slice_str("queue-1")));
	must(h != hash_slice(key, slice_str("queue-2")));
	must(hash_slice(key, SLICE_EMPTY) == hash_slice(key, slice_str("")));
	must(hash_slice(key, SLICE_EMPTY) != hash_slice(key, slice_of("\0", 1)));
}

static void one_bit_of_an_integer_changes_about_half_the_hash(void **s)
{
	(void)s;
	for (uint64_t v = 0; v < 1000; v++)
		for (unsigned bit = 0; bit < 64; bit++) {
			uint64_t other = v ^ UINT64_C(1) << bit;
			unsigned changed = bits_popcount(hash_u64(v, 7) ^ hash_u64(other, 7));
			must(changed >= 8 && changed <= 56);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(siphash_1_3_agrees_with_cpython),
		cmocka_unit_test(the_key_and_every_byte_count),
		cmocka_unit_test(one_bit_of_an_integer_changes_about_half_the_hash),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
