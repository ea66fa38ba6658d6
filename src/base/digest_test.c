#include "base/digest.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

static struct digest_sum sum_of(struct slice a, struct slice b)
{
	struct digest d;
	digest_init(&d);
	digest_put(&d, a);
	digest_put(&d, b);
	return digest_end(&d);
}

static void order_and_borders_count(void **s)
{
	(void)s;
	struct digest_sum one = sum_of(slice_str("ab"), slice_str("c"));
	must(digest_eq(one, sum_of(slice_str("ab"), slice_str("c"))));
	must(!digest_eq(one, sum_of(slice_str("a"), slice_str("bc"))));
	must(!digest_eq(one, sum_of(slice_str("c"), slice_str("ab"))));
	must(!digest_eq(sum_of(slice_of("\0", 1), SLICE_EMPTY),
			sum_of(SLICE_EMPTY, slice_of("\0", 1))));
	must(!digest_eq(sum_of(slice_of("x\0", 2), SLICE_EMPTY),
			sum_of(slice_str("x"), SLICE_EMPTY)));
	must(one.hi != one.lo);
}

static void the_sum_is_the_same_on_every_machine_and_for_ever(void **s)
{
	(void)s;
	struct digest d;
	char buf[40];
	struct text t = text_of(buf, sizeof buf);
	digest_init(&d);
	digest_put_u64(&d, 1);
	digest_put(&d, slice_str("a queue of twenty-four b"));
	must(digest_eq(digest_end(&d), digest_end(&d)));
	digest_dump(digest_end(&d), &t);
	assert_string_equal(buf, "c8dae0397e17041b7138fcdf85fb8803");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(order_and_borders_count),
		cmocka_unit_test(the_sum_is_the_same_on_every_machine_and_for_ever),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
