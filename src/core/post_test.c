#include "core/run.h"

#include "base/mem_for_tests.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static uint32_t count_runs(struct batch *b)
{
	uint32_t n = 0;
	for (struct run *r = batch_first(b); r; r = batch_next(b, r))
		n++;
	return n;
}

static void rows_of_one_kind_join_one_run(void **s)
{
	(void)s;
	struct mem_for_tests heap = mem_for_tests(1 << 20);
	struct post p;
	post_init(&p, 0, 2, &heap.mem);
	struct run head = { .kind = 1, .session = 7, .shard = 3 };
	struct publish_row row = { .bytes = 1 };
	post_run(&p, 1, &head, &row, sizeof row, 1, slice_str(""));
	for (uint32_t i = 1; i < 3u * LIMIT_RUN_ROWS_MAX; i++) {
		struct run *r = post_last(&p, 1, sizeof row);
		if (!r || !run_same(r, &head))
			r = post_run(&p, 1, &head, NULL, sizeof row, 0, slice_str(""));
		*(struct publish_row *)post_row(&p, 1, r, sizeof row) = row;
	}
	struct batch *b = post_take(&p, 1);
	assert_int_equal(count_runs(b), 3);
	assert_int_equal(batch_first(b)->n, LIMIT_RUN_ROWS_MAX);
	assert_null(b->next);
	assert_null(post_take(&p, 1));
	post_give_back(&p, b);
	post_fini(&p);
	assert_int_equal(heap.mem.used, 0);
}

static void rows_in_one_step_are_rows_one_by_one(void **s)
{
	(void)s;
	struct mem_for_tests heap = mem_for_tests(1 << 20);
	struct post p;
	post_init(&p, 0, 2, &heap.mem);
	struct run head = { .kind = 1, .session = 7, .shard = 3 };
	uint32_t put_n = 0, got_n = 0, bytes = 0;
	for (uint32_t step = 1; put_n < 4000; step = step % 97 + 1) {
		struct run *r = post_last(&p, 1, sizeof(struct publish_row));
		if (!r)
			r = post_run(&p, 1, &head, NULL, sizeof(struct publish_row), 0,
				     slice_str(""));
		uint32_t n = post_fits(&p, 1, r, sizeof(struct publish_row));
		assert_in_range(n, 1, LIMIT_RUN_ROWS_MAX - r->n);
		n = n < step ? n : step;
		struct publish_row *row = post_rows(&p, 1, r, sizeof *row, n);
		for (uint32_t i = 0; i < n; i++)
			row[i] = (struct publish_row){ .bytes = put_n++ };
	}
	for (struct batch *next, *b = post_take(&p, 1); b; b = next) {
		for (struct run *r = batch_first(b); r; r = batch_next(b, r))
			for (uint32_t i = 0; i < r->n; i++, got_n++)
				bytes |= ((struct publish_row *)run_rows(r))[i].bytes ^ got_n;
		next = b->next;
		post_give_back(&p, b);
	}
	assert_int_equal(got_n, put_n);
	assert_int_equal(bytes, 0);
	post_fini(&p);
	assert_int_equal(heap.mem.used, 0);
}

static void a_tail_of_any_length_lies_behind_the_rows(void **s)
{
	(void)s;
	struct mem_for_tests heap = mem_for_tests(1 << 22);
	struct post p;
	char text[70000];
	memset(text, 'x', sizeof text);
	post_init(&p, 0, 1, &heap.mem);
	struct run head = { .kind = 131 };
	struct reply_row row = { .a = 5 };
	uint32_t n = 0;
	for (size_t len = 0; len < sizeof text; len += 4999, n++)
		post_run(&p, 0, &head, &row, sizeof row, 1, slice_of(text, len));
	size_t len = 0;
	for (struct batch *b = post_take(&p, 0), *next; b; b = next) {
		for (struct run *r = batch_first(b); r; r = batch_next(b, r), len += 4999, n--) {
			assert_int_equal(run_tail(r).n, len);
			assert_int_equal(((struct reply_row *)run_rows(r))->a, 5);
		}
		next = b->next;
		post_give_back(&p, b);
	}
	assert_int_equal(n, 0);
	post_fini(&p);
	assert_int_equal(heap.mem.used, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_of_one_kind_join_one_run),
		cmocka_unit_test(rows_in_one_step_are_rows_one_by_one),
		cmocka_unit_test(a_tail_of_any_length_lies_behind_the_rows),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
