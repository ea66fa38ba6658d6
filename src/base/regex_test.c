#include "base/regex.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static bool finds(const char *expr, const char *s)
{
	return regex_find(slice_str(expr), slice_str(s));
}

static void each_sign_means_what_it_means_elsewhere(void **state)
{
	(void)state;
	must(finds(".*", "") && finds(".*", "x") && finds("", "x") && finds("^$", ""));
	must(!finds("^$", "x") && finds("b", "abc") && !finds("^b", "abc") && finds("^a", "abc"));
	must(finds("c$", "abc") && !finds("b$", "abc") && finds("^a.c$", "abc"));
	must(finds("^ab*c$", "ac") && finds("^ab*c$", "abbc") && !finds("^ab*c$", "adc"));
	must(finds("a\\.b", "a.b") && !finds("a\\.b", "axb") && finds("\\**b", "***b"));
	must(finds("x.*y.*z", "axbyczd") && !finds("x.*y.*z", "axbczd"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_sign_means_what_it_means_elsewhere),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
