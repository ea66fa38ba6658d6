#include "session/mqtt/alias.h"

#include "base/mem_for_tests.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

static void topics_get_numbers_in_the_order_in_which_they_come(void **state)
{
	(void)state;
	struct mem_for_tests heap = mem_for_tests((size_t)1 << 20);
	struct aliases *a = aliases_new(&heap.mem, 2);
	assert_non_null(a);
	assert_int_equal(aliases_find(a, slice_str("one/topic")), 0);
	assert_int_equal(aliases_next(a), 1);
	assert_true(aliases_add(a, &heap.mem, slice_str("one/topic")));
	assert_int_equal(aliases_next(a), 2);
	assert_true(aliases_add(a, &heap.mem, slice_str("one/other")));
	assert_int_equal(aliases_find(a, slice_str("one/topic")), 1);
	assert_int_equal(aliases_find(a, slice_str("one/other")), 2);
	assert_int_equal(aliases_find(a, slice_str("one/topi")), 0);
	aliases_free(a, &heap.mem);
	assert_int_equal(heap.mem.used, 0);
}

static void a_full_table_keeps_what_it_has(void **state)
{
	(void)state;
	char name[32];
	struct mem_for_tests heap = mem_for_tests((size_t)1 << 24);
	struct aliases *a = aliases_new(&heap.mem, 1000);
	assert_non_null(a);
	for (int i = 1; i <= 1000; i++) {
		snprintf(name, sizeof name, "topic/%d", i);
		assert_int_equal(aliases_next(a), i);
		assert_true(aliases_add(a, &heap.mem, slice_str(name)));
	}
	assert_int_equal(aliases_next(a), 0);
	for (int i = 1; i <= 1000; i++) {
		snprintf(name, sizeof name, "topic/%d", i);
		assert_int_equal(aliases_find(a, slice_str(name)), i);
	}
	aliases_free(a, &heap.mem);
	assert_int_equal(heap.mem.used, 0);
}

static void without_memory_nothing_changes(void **state)
{
	(void)state;
	struct mem_for_tests heap = mem_for_tests((size_t)1 << 20);
	struct aliases *a = aliases_new(&heap.mem, 9);
	assert_non_null(a);
	for (long i = 1; i <= 2; i++) {
		heap.fail_in = i;
		assert_false(aliases_add(a, &heap.mem, slice_str("one/topic")));
		assert_int_equal(aliases_next(a), 1);
		assert_int_equal(aliases_find(a, slice_str("one/topic")), 0);
		aliases_free(a, &heap.mem);
		a = aliases_new(&heap.mem, 9);
	}
	aliases_free(a, &heap.mem);
	aliases_free(NULL, &heap.mem);
	assert_int_equal(heap.mem.used, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(topics_get_numbers_in_the_order_in_which_they_come),
		cmocka_unit_test(a_full_table_keeps_what_it_has),
		cmocka_unit_test(without_memory_nothing_changes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
