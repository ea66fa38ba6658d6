#include "core/window.h"
#include "base/mem_for_tests.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void a_number_is_known_until_its_time_is_over(void **s)
{
	(void)s;
	struct mem_for_tests m = mem_for_tests(1 << 20);
	struct window w;
	window_init(&w, 10, 100);
	assert_true(window_see(&w, &m.mem, 7, 1000));
	assert_false(window_see(&w, &m.mem, 7, 1099)); /* which does not prolong it */
	assert_true(window_see(&w, &m.mem, 7, 1100));
	assert_false(window_see(&w, &m.mem, 7, 1101));
	assert_true(window_see(&w, &m.mem, UINT64_MAX, 1101));
	assert_false(window_see(&w, &m.mem, UINT64_MAX, 1102));
	window_fini(&w, &m.mem);
	assert_int_equal(m.mem.used, 0);
}

static void the_oldest_makes_room(void **s)
{
	(void)s;
	struct mem_for_tests m = mem_for_tests(1 << 20);
	struct window w;
	size_t used = 0;
	window_init(&w, 100, UINT64_MAX);
	for (uint64_t i = 1; i <= 5000; i++) {
		assert_true(window_see(&w, &m.mem, i, i));
		assert_false(window_see(&w, &m.mem, i, i));
		assert_false(window_see(&w, &m.mem, i > 100 ? i - 99 : 1, i));
		used = i == 1000 ? m.mem.used : used;
	}
	assert_true(window_see(&w, &m.mem, 4900, 5000));
	assert_int_equal(m.mem.used, used);
	window_fini(&w, &m.mem);
	assert_int_equal(m.mem.used, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_number_is_known_until_its_time_is_over),
		cmocka_unit_test(the_oldest_makes_room),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
