#include "base/ablate.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

static void rules_are_found_by_name(void **s)
{
	(void)s;
	must(ablate_find(slice_str("sync")) == ABLATE_sync);
	must(ablate_find(slice_str("requeue_place")) == ABLATE_requeue_place);
	must(ablate_find(slice_str("nonsense")) == ABLATE_N &&
	     ablate_find(SLICE_EMPTY) == ABLATE_N);
	for (enum ablate_rule i = 0; i < ABLATE_N; i++)
		must(ablate_find(slice_str(ablate_rows[i].name)) == i && ablate_rows[i].prose[0]);
}

static void in_the_daemon_every_rule_holds_by_constant(void **s)
{
	(void)s;
	_Static_assert(!ABLATED(sync) && !ABLATED(crc),
		       "a constant, so the question costs nothing");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rules_are_found_by_name),
		cmocka_unit_test(in_the_daemon_every_rule_holds_by_constant),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
