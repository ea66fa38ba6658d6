#include "base/bits.h"

#include "base/prng.h"

#include <string.h>

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

static void a_bitmap_is_an_array_of_bools(void **s)
{
	(void)s;
	struct prng r = prng_of(1);
	for (size_t n = 1; n <= 200; n++) {
		uint64_t map[4];
		bool model[256] = { false };
		memset(map, 0xff, sizeof map); /* beyond n: rubbish that nobody may see */
		for (size_t i = 0; i < n; i++)
			bits_clear(map, i);
		for (int step = 0; step < 100; step++) {
			size_t i = (size_t)prng_below(&r, n), set = 0;
			model[i] = !model[i];
			model[i] ? bits_set(map, i) : bits_clear(map, i);
			size_t from = (size_t)prng_below(&r, n), next = from, clear = from;
			while (next < n && !model[next])
				next++;
			while (clear < n && model[clear])
				clear++;
			for (size_t k = 0; k < n; k++)
				set += model[k];
			must(bits_test(map, i) == model[i] && bits_count(map, n) == set);
			must(bits_next_set(map, n, from) == next);
			must(bits_next_clear(map, n, from) == clear);
		}
		must(bits_next_set(map, n, n) == n);
	}
}

static void a_range_is_bits_one_by_one(void **s)
{
	(void)s;
	for (size_t from = 0; from < 200; from++)
		for (size_t n = 1; from + n <= 200; n++) {
			uint64_t map[4] = { 1, 0, UINT64_C(1) << 63, 0 }, want[4];
			memcpy(want, map, sizeof want);
			for (size_t i = from; i < from + n; i++)
				bits_set(want, i);
			bits_set_range(map, from, n);
			must(memcmp(map, want, sizeof map) == 0);
		}
}

static void arithmetic_holds_at_the_edges(void **s)
{
	(void)s;
	must(ceil_div(0, 8) == 0 && ceil_div(1, 8) == 1 && ceil_div(8, 8) == 1);
	must(ceil_div(UINT64_MAX, 2) == UINT64_C(1) << 63);
	must(align_up(0, 8) == 0 && align_up(9, 8) == 16 && align_up(16, 16) == 16);
	must(pow2_up(0) == 1 && pow2_up(1) == 1 && pow2_up(3) == 4 && pow2_up(4) == 4);
	must(pow2_up(UINT64_C(1) << 63) == UINT64_C(1) << 63);
	must(pow2_down(0) == 0 && pow2_down(5) == 4 && pow2_down(UINT64_MAX) == UINT64_C(1) << 63);
	must(!is_pow2(0) && is_pow2(1) && is_pow2(64) && !is_pow2(65));
	must(bits_words(0) == 0 && bits_words(1) == 1 && bits_words(64) == 1 &&
	     bits_words(65) == 2);
	must(min_u64(1, 2) == 1 && max_u64(1, 2) == 2 && min_size(3, 2) == 2 &&
	     max_size(3, 2) == 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_bitmap_is_an_array_of_bools),
		cmocka_unit_test(a_range_is_bits_one_by_one),
		cmocka_unit_test(arithmetic_holds_at_the_edges),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
