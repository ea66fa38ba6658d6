#include "base/prng.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

static void same_seed_same_numbers(void **s)
{
	(void)s;
	/* the first numbers of splitmix64 from seed 0, as its author gives them */
	uint64_t state = 0;
	must(prng_splitmix(&state) == 0xe220a8397b1dcdaf);
	must(prng_splitmix(&state) == 0x6e789e6aa1b965f4);
	must(prng_splitmix(&state) == 0x06c45d188009454f);
	/* xoshiro256** from state 1 2 3 4, likewise */
	struct prng r = { { 1, 2, 3, 4 } };
	must(prng_u64(&r) == 11520 && prng_u64(&r) == 0 && prng_u64(&r) == 1509978240);

	struct prng a = prng_of(42), b = prng_of(42), c = prng_of(43);
	uint64_t first = prng_u64(&a);
	must(first == prng_u64(&b) && first != prng_u64(&c));
}

static void bounds_are_kept_and_reached(void **s)
{
	(void)s;
	struct prng r = prng_of(1);
	unsigned seen[6] = { 0 }, heads = 0;
	for (int i = 0; i < 60000; i++) {
		seen[prng_below(&r, 6)]++;
		uint64_t v = prng_between(&r, 10, 12);
		must(v >= 10 && v <= 12);
		heads += prng_chance(&r, 1, 4);
	}
	for (int i = 0; i < 6; i++)
		must(seen[i] > 9500 && seen[i] < 10500);
	must(heads > 14500 && heads < 15500);
	must(prng_below(&r, 1) == 0 && prng_between(&r, 5, 5) == 5);
	must(prng_chance(&r, 1, 1) && !prng_chance(&r, 0, 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(same_seed_same_numbers),
		cmocka_unit_test(bounds_are_kept_and_reached),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
