#include "core/waiters.h"
#include "base/mem_for_tests.h"
#include "base/prng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void the_soonest_comes_first(void **s)
{
	(void)s;
	struct mem_for_tests m = mem_for_tests(1 << 20);
	struct waiters w = { 0 };
	struct prng p = prng_of(7);
	struct waiter before = { 0, 0 };
	for (uint64_t pos = 1; pos <= 5000; pos++) {
		waiters_put(&w, &m.mem, (struct waiter){ prng_below(&p, 100), pos });
		if (pos % 3 == 0) /* in between, too */
			(void)waiters_take(&w);
	}
	assert_int_equal(w.n, 5000 - 5000 / 3);
	while (w.n) {
		struct waiter one = waiters_take(&w);
		assert_true(one.at_ms > before.at_ms ||
			    (one.at_ms == before.at_ms && one.pos > before.pos));
		before = one;
	}
	waiters_fini(&w, &m.mem);
	assert_int_equal(m.mem.used, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_soonest_comes_first),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
