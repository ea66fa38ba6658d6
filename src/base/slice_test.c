#include "base/slice.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

static void an_empty_slice_may_point_nowhere(void **s)
{
	(void)s;
	must(slice_eq(SLICE_EMPTY, slice_str("")));
	must(slice_is_empty(slice_sub(SLICE_EMPTY, 0, 0)));
	must(slice_cmp(SLICE_EMPTY, slice_str("")) == 0);
	must(slice_find(SLICE_EMPTY, 'x') == 0);
	must(slice_starts_with(SLICE_EMPTY, SLICE_EMPTY));
}

static void order_is_by_bytes_and_a_prefix_comes_first(void **s)
{
	(void)s;
	static const char *const sorted[] = { "", "a", "aa", "ab", "b", "\xff" };
	for (size_t i = 0; i < 6; i++)
		for (size_t j = 0; j < 6; j++) {
			int order = slice_cmp(slice_str(sorted[i]), slice_str(sorted[j]));
			must((order < 0) == (i < j) && (order > 0) == (i > j));
			must(slice_eq(slice_str(sorted[i]), slice_str(sorted[j])) == (i == j));
		}
}

static void parts_are_found(void **s)
{
	(void)s;
	struct slice key = slice_str("amq.topic");
	must(slice_starts_with(key, slice_str("amq.")));
	must(!slice_starts_with(slice_str("amq"), slice_str("amq.")));
	must(slice_find(key, '.') == 3 && slice_find(key, '#') == key.n);
	must(slice_eq(slice_from(key, 4), slice_str("topic")));
	must(slice_eq(slice_sub(key, 1, 2), slice_str("mq")));
}

static void words_are_cut_off_one_by_one(void **s)
{
	(void)s;
	struct slice rest = slice_str("a,,bc");
	must(slice_eq(slice_cut(&rest, ','), slice_str("a")));
	must(slice_eq(slice_cut(&rest, ','), SLICE_EMPTY) && slice_eq(rest, slice_str("bc")));
	must(slice_eq(slice_cut(&rest, ','), slice_str("bc")) && slice_is_empty(rest));
	must(slice_eq(slice_cut(&rest, ','), SLICE_EMPTY) && slice_is_empty(rest));
	rest = slice_str("d,"); /* nothing is behind the last one */
	must(slice_eq(slice_cut(&rest, ','), slice_str("d")) && slice_is_empty(rest));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_slice_may_point_nowhere),
		cmocka_unit_test(order_is_by_bytes_and_a_prefix_comes_first),
		cmocka_unit_test(parts_are_found),
		cmocka_unit_test(words_are_cut_off_one_by_one),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
