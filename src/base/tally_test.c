#include "base/mem_for_tests.h"
#include "base/tally.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static void counts_go_up_to_their_bound_and_down_to_nothing(void **state)
{
	(void)state;
	struct mem_for_tests heap = mem_for_tests((size_t)1 << 20);
	struct tally t;
	tally_init(&t, &heap.mem);
	must(tally_add(&t, 7, 2) == ERR_OK && tally_add(&t, 7, 2) == ERR_OK);
	must(tally_add(&t, 7, 2) == ERR_LIMIT && tally_count(&t, 7) == 2);
	must(tally_add(&t, 7, -1) == ERR_OK && tally_add(&t, 8, 0) == ERR_LIMIT);
	tally_sub(&t, 7);
	tally_sub(&t, 7);
	must(tally_count(&t, 7) == 1 && tally_count(&t, 8) == 0);
	tally_sub(&t, 7);
	must(t.counts.n == 0);
	tally_fini(&t);
	must(heap.mem.used == 0);
}

static void without_memory_nothing_is_counted(void **state)
{
	(void)state;
	struct mem_for_tests heap = mem_for_tests(0);
	struct tally t;
	tally_init(&t, &heap.mem);
	must(tally_add(&t, 7, -1) == ERR_RESOURCE_ERROR && tally_count(&t, 7) == 0);
	tally_fini(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts_go_up_to_their_bound_and_down_to_nothing),
		cmocka_unit_test(without_memory_nothing_is_counted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
