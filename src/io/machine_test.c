#include "io/machine.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

static void the_group_of_a_controller_is_found(void **s)
{
	(void)s;
	struct slice file = slice_str("9:name=systemd:/a\n4:cpu,memory:/b/c\n3:cpuset:/\n0::/d\n");
	must(slice_eq(machine_group(file, "memory"), slice_str("/b/c")));
	must(slice_eq(machine_group(file, "cpu"), slice_str("/b/c")));
	must(slice_eq(machine_group(file, ""), slice_str("/d")));
	must(machine_group(file, "mem").n == 0 && machine_group(SLICE_EMPTY, "").n == 0);
}

static void a_quota_is_rounded_up_to_processors(void **s)
{
	(void)s;
	must(machine_quota_cpus(slice_str("max 100000\n")) == 0);
	must(machine_quota_cpus(slice_str("250000 100000\n")) == 3);
	must(machine_quota_cpus(slice_str("100000 100000\n")) == 1);
	must(machine_quota_cpus(slice_str("50000 100000\n")) == 1);
	must(machine_quota_cpus(slice_str("")) == 0 && machine_quota_cpus(slice_str("5")) == 0);
}

static void this_machine_has_something(void **s)
{
	(void)s;
	must(machine_memory_bytes() > 1 << 20 && machine_cpus() >= 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_group_of_a_controller_is_found),
		cmocka_unit_test(a_quota_is_rounded_up_to_processors),
		cmocka_unit_test(this_machine_has_something),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
