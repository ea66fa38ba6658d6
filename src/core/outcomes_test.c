#include "core/outcomes.h"

#include "core/core.h"

#include "base/mem_for_tests.h"
#include "base/prng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const struct run head = { .kind = OUTCOME_REMOVE, .flags = 128, .queue = 9 };

static void a_run_waits_for_its_index(void **s)
{
	(void)s;
	struct mem_for_tests heap = mem_for_tests(1 << 20);
	struct outcomes o;
	uint64_t index;
	uint32_t ordinal;
	outcomes_init(&o, &heap.mem);
	outcomes_run(&o, &head, NULL, 0, 0, slice_str("first"));
	outcomes_run(&o, &head, NULL, 0, 0, slice_str("second"));
	assert_null(outcomes_ready(&o, UINT64_MAX, &index, &ordinal));
	outcomes_propose(&o, 5, 3);
	assert_null(outcomes_ready(&o, 4, &index, &ordinal));
	struct run *r = outcomes_ready(&o, 5, &index, &ordinal);
	assert_true(slice_eq(run_tail(r), slice_str("first")));
	assert_int_equal(index, 5);
	assert_int_equal(ordinal, 3);
	outcomes_pop(&o);
	assert_null(outcomes_ready(&o, 9, &index, &ordinal));
	assert_true(slice_eq(run_tail(outcomes_unproposed(&o)), slice_str("second")));
	outcomes_fini(&o);
	assert_int_equal(heap.mem.used, 0);
}

static void a_proposed_run_takes_no_more_rows(void **s)
{
	(void)s;
	struct mem_for_tests heap = mem_for_tests(1 << 20);
	struct outcomes o;
	uint64_t row = 7;
	outcomes_init(&o, &heap.mem);
	outcomes_run(&o, &head, &row, sizeof row, 1, slice_str(""));
	struct run *r = outcomes_last(&o, sizeof row);
	assert_non_null(r);
	*(uint64_t *)outcomes_row(&o, r, sizeof row) = 8;
	assert_int_equal(r->n, 2);
	outcomes_propose(&o, 1, 0);
	assert_null(outcomes_last(&o, sizeof row));
	outcomes_fini(&o);
}

static void a_large_run_follows_an_emptied_queue(void **s)
{
	(void)s;
	struct mem_for_tests heap = mem_for_tests(1 << 20);
	static const char large[40000];
	struct outcomes o;
	uint64_t index;
	uint32_t ordinal;
	outcomes_init(&o, &heap.mem);
	for (int i = 0; i < 3; i++) {
		outcomes_run(&o, &head, NULL, 0, 0, slice_of(large, i == 1 ? sizeof large : 1));
		outcomes_propose(&o, 1, 0);
		assert_non_null(outcomes_ready(&o, 1, &index, &ordinal));
		outcomes_pop(&o);
	}
	outcomes_fini(&o);
	assert_int_equal(heap.mem.used, 0);
}

/* Numbers go in, and come out in order, with whatever is proposed and committed in between. */
static void order_is_kept_over_any_walk(void **s)
{
	(void)s;
	struct mem_for_tests heap = mem_for_tests(1 << 22);
	struct prng p = prng_of(42);
	struct outcomes o;
	uint64_t in = 0, proposed = 0, out = 0, index;
	uint32_t ordinal;
	outcomes_init(&o, &heap.mem);
	for (int step = 0; step < 200000; step++) {
		struct run *r;
		switch (prng_below(&p, 3)) {
		case 0:
			in++;
			outcomes_run(&o, &head, &in, sizeof in, 1,
				     slice_of("0123456789abcdef", prng_below(&p, 17)));
			break;
		case 1:
			if ((r = outcomes_unproposed(&o)) != NULL) {
				assert_int_equal(*(uint64_t *)run_rows(r), proposed + 1);
				outcomes_propose(&o, ++proposed, 0);
			}
			break;
		default:
			if ((r = outcomes_ready(&o, proposed / 2, &index, &ordinal)) != NULL) {
				assert_int_equal(*(uint64_t *)run_rows(r), ++out);
				assert_int_equal(index, out);
				outcomes_pop(&o);
			}
		}
		assert_int_equal(o.runs_n, in - out);
	}
	outcomes_fini(&o);
	assert_int_equal(heap.mem.used, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_run_waits_for_its_index),
		cmocka_unit_test(a_proposed_run_takes_no_more_rows),
		cmocka_unit_test(a_large_run_follows_an_emptied_queue),
		cmocka_unit_test(order_is_kept_over_any_walk),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
