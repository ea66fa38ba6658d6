#include "base/must.h"

#include <string.h>

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

static int last_line;

/* cmocka's mock_assert comes back to expect_assert_failure, so must_fail is left before abort. */
static void caught(const char *what, const char *file, int line)
{
	must(strcmp(what, "1 == 2") == 0);
	last_line = line;
	mock_assert(0, what, file, line);
}

static void a_broken_must_calls_the_hook_with_its_place(void **s)
{
	(void)s;
	must_on_panic(caught);
	expect_assert_failure(must(1 == 2));
	assert_int_equal(last_line, __LINE__ - 1);
}

static void a_must_that_holds_does_nothing(void **s)
{
	(void)s;
	must_on_panic(caught);
	must(2 == 2);
	must_if(1 == 2, 3 == 4);
	must_on_panic(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_broken_must_calls_the_hook_with_its_place),
		cmocka_unit_test(a_must_that_holds_does_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
