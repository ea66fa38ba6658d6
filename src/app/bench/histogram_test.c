#include "app/bench/histogram.h"
#include "base/must.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

static struct histogram h, other;

static void an_empty_histogram_has_quantile_zero(void **s)
{
	(void)s;
	memset(&h, 0, sizeof h);
	assert_int_equal(histogram_quantile(&h, 5000), 0);
	assert_int_equal(histogram_quantile(&h, 10000), 0);
}

static void small_values_are_exact(void **s)
{
	(void)s;
	memset(&h, 0, sizeof h);
	for (uint64_t v = 1; v <= 100; v++)
		histogram_add(&h, v);
	assert_int_equal(histogram_quantile(&h, 5000), 50);
	assert_int_equal(histogram_quantile(&h, 9000), 90);
	assert_int_equal(histogram_quantile(&h, 9900), 99);
	assert_int_equal(histogram_quantile(&h, 10000), 100);
}

static void every_magnitude_is_within_one_percent_and_never_below(void **s)
{
	(void)s;
	for (uint32_t bit = 0; bit < 63; bit++) {
		uint64_t v = ((uint64_t)1 << bit) + ((uint64_t)1 << bit) / 3;
		memset(&h, 0, sizeof h);
		histogram_add(&h, v);
		histogram_add(&h, v * 2);
		uint64_t q = histogram_quantile(&h, 5000);
		assert_true(q >= v);
		assert_true(q - v <= v / 100);
		assert_int_equal(histogram_quantile(&h, 10000), v * 2);
	}
}

static void slots_grow_with_the_value_and_stay_inside(void **s)
{
	(void)s;
	uint32_t before = 0;
	for (uint64_t v = 1; v < (uint64_t)1 << 62; v += v / 50 + 1) {
		uint32_t slot = histogram_slot_of(v);
		assert_true(slot >= before);
		assert_true(slot - before <= 6);
		before = slot;
	}
	assert_true(histogram_slot_of(UINT64_MAX) == HISTOGRAM_SLOTS - 1);
}

static void merging_is_counting_together(void **s)
{
	(void)s;
	memset(&h, 0, sizeof h);
	memset(&other, 0, sizeof other);
	for (uint64_t v = 1; v <= 50; v++)
		histogram_add(&h, v);
	for (uint64_t v = 51; v <= 100; v++)
		histogram_add(&other, v);
	histogram_merge(&h, &other);
	assert_int_equal(h.n, 100);
	assert_int_equal(h.max_ns, 100);
	assert_int_equal(histogram_quantile(&h, 7500), 75);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_histogram_has_quantile_zero),
		cmocka_unit_test(small_values_are_exact),
		cmocka_unit_test(every_magnitude_is_within_one_percent_and_never_below),
		cmocka_unit_test(slots_grow_with_the_value_and_stay_inside),
		cmocka_unit_test(merging_is_counting_together),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
