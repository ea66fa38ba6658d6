#include "app/bench/meter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>
#include <cmocka.h>

static void a_busy_process_has_used_cpu_and_memory(void **s)
{
	(void)s;
	struct meter before, after = { 0 };
	volatile uint64_t work = 0;
	assert_int_equal(meter_read(getpid(), &before), ERR_OK);
	do {
		for (int i = 0; i < 100000; i++)
			work += (uint64_t)i;
		assert_int_equal(meter_read(getpid(), &after), ERR_OK);
	} while (after.cpu_ns - before.cpu_ns < 1000000);
	struct meter used = meter_since(&before, &after);
	assert_true(used.cpu_ns >= 1000000);
	assert_true(used.resident_kb > 100 && used.peak_kb >= used.resident_kb);
	assert_int_equal(used.threads_n, 1);
}

static void a_process_that_is_not_there_is_not_found(void **s)
{
	(void)s;
	struct meter m = { .cpu_ns = 5 };
	assert_int_equal(meter_heaviest(0x7fffffff), 0);
	assert_true(meter_heaviest(getpgrp()) > 0);
	assert_int_equal(meter_read(0x7fffffff, &m), ERR_NOT_FOUND);
	assert_int_equal(m.cpu_ns, 5);
}

static void the_split_adds_up_to_the_exact_sum(void **s)
{
	(void)s;
	struct meter m = { .cpu_ns = 1000, .user_ns = 30, .system_ns = 10 };
	meter_split(&m);
	assert_int_equal(m.user_ns, 750);
	assert_int_equal(m.system_ns, 250);
	m = (struct meter){ .cpu_ns = 7 };
	meter_split(&m);
	assert_int_equal(m.user_ns + m.system_ns, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_busy_process_has_used_cpu_and_memory),
		cmocka_unit_test(a_process_that_is_not_there_is_not_found),
		cmocka_unit_test(the_split_adds_up_to_the_exact_sum),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
