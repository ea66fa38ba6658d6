#include "base/near.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

static size_t distance(const char *a, const char *b)
{
	size_t there = near_distance(slice_str(a), slice_str(b), 20);
	must(there == near_distance(slice_str(b), slice_str(a), 20));
	return there;
}

static void steps_are_counted(void **s)
{
	(void)s;
	must(distance("", "") == 0 && distance("", "abc") == 3 && distance("abc", "abc") == 0);
	must(distance("abc", "abd") == 1 && distance("abc", "ab") == 1 &&
	     distance("abc", "xabc") == 1);
	must(distance("abc", "acb") == 1); /* neighbours swapped */
	must(distance("kitten", "sitting") == 3);
	must(near_distance(slice_str("kitten"), slice_str("sitting"), 1) == 2);
	char far[65] = { 0 };
	memset(far, 'x', 65);
	must(near_distance(slice_of(far, 65), slice_of(far, 64), 3) == 4);
	must(near_distance(slice_of(far, 65), slice_of(far, 65), 3) == 0);
	must(near_distance(slice_of(far, 64), slice_of(far, 63), 3) == 1);
}

static void the_nearest_name_is_meant(void **s)
{
	(void)s;
	static const char *const keys[] = { "heartbeat", "channel_max", "frame_max", "log.file" };
	assert_string_equal(near_name(slice_str("hearbeat"), keys, 4), "heartbeat");
	assert_string_equal(near_name(slice_str("framemax"), keys, 4), "frame_max");
	assert_string_equal(near_name(slice_str("chanel_maxx"), keys, 4), "channel_max");
	assert_string_equal(near_name(slice_str("log.flie"), keys, 4), "log.file");
	must(near_name(slice_str("colour"), keys, 4) == NULL);
	must(near_name(SLICE_EMPTY, keys, 4) == NULL && near_name(slice_str("x"), keys, 0) == NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(steps_are_counted),
		cmocka_unit_test(the_nearest_name_is_meant),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
