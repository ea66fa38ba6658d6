#include "core/stream.h"

#include "base/mem_for_tests.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define ROWS_MAX 8u

static struct mem_for_tests mem;
static struct stream s;

static void start(void)
{
	mem = mem_for_tests(1 << 20);
	stream_init(&s, NULL);
}

static void end(void)
{
	struct stream_page *p;
	while (deque_pop(&s.pages, &p)) {
		if (list_has_node(&p->used))
			list_remove(&p->used);
		stream_page_free(p, &mem.mem);
	}
	deque_fini(&s.pages, &mem.mem);
	assert_int_equal(mem.mem.used, 0);
}

static void add(uint32_t segment, uint32_t n, uint64_t tag)
{
	for (uint32_t i = 0; i < n; i++) {
		struct stream_page *p = stream_tail(&s, ROWS_MAX, UINT64_MAX, &mem.mem);
		struct stream_row row = { .loc = (uint64_t)segment << 32 | (4096 + s.next * 100),
					  .when = stream_when(1000 + s.next, tag),
					  .bytes = 50,
					  .flags = ENTRY_PERSISTENT };
		stream_add(&s, p, &row);
	}
	stream_check(&s);
}

static void every_offset_is_found_in_its_page(void **state)
{
	(void)state;
	start();
	add(1, 3 * ROWS_MAX + 2, 0);
	assert_int_equal(s.pages.n, 4);
	for (uint64_t i = 0; i < s.next; i++) {
		assert_int_equal(stream_find(&s, i), i / ROWS_MAX);
		assert_ptr_equal(stream_page_at(&s, i), stream_page(&s, i / ROWS_MAX));
	}
	assert_null(stream_page_at(&s, s.next));
	assert_int_equal(stream_page_from(&s, 0), 0);
	assert_int_equal(stream_page_from(&s, 1), 1);
	assert_int_equal(stream_page_from(&s, ROWS_MAX), 1);
	assert_int_equal(stream_page_from(&s, 100), 4);
	end();
}

static void a_page_is_cut_where_segments_change(void **state)
{
	(void)state;
	start();
	add(1, 3, 0);
	add(2, 1, 0);
	add(3, 4, 0);
	add(3, 2, 0);
	assert_int_equal(s.pages.n, 2);
	stream_split(&s, 0, &mem.mem);
	stream_check(&s);
	assert_int_equal(s.pages.n, 4);
	static const uint64_t first[] = { 0, 3, 4, 8 };
	for (size_t i = 0; i < 4; i++) {
		const struct stream_page *p = stream_page(&s, i);
		assert_int_equal(p->first, first[i]);
		for (uint32_t k = 1; k < p->n; k++)
			assert_int_equal(p->rows[k].loc >> 32, p->rows[0].loc >> 32);
	}
	end();
}

static void a_cold_page_gets_its_rows_back(void **state)
{
	(void)state;
	start();
	add(7, ROWS_MAX, 5);
	uint32_t n = stream_rows_bytes(ROWS_MAX);
	uint8_t *bytes = malloc(n);
	struct wr w = wr_of(bytes, n);
	struct stream_page *p = stream_page(&s, 0);
	struct stream_row before[ROWS_MAX];
	memcpy(before, p->rows, sizeof before);
	stream_rows_put(p, &w);
	assert_int_equal(w.n, n);
	stream_sealed(p, 9, n, &mem.mem);
	assert_int_equal(p->segment, 7);
	stream_rows_free(p, &mem.mem);
	for (uint32_t i = 0; i < n; i++) {
		uint8_t *part = malloc(i + 1);
		memcpy(part, bytes, i);
		assert_int_equal(stream_rows_get(p, slice_of(part, i), &mem.mem), ERR_CORRUPT);
		free(part);
		bytes[i] ^= 1;
		assert_int_equal(stream_rows_get(p, slice_of(bytes, n), &mem.mem), ERR_CORRUPT);
		bytes[i] ^= 1;
		assert_null(p->rows);
	}
	assert_int_equal(stream_rows_get(p, slice_of(bytes, n), &mem.mem), ERR_OK);
	assert_memory_equal(before, p->rows, sizeof before);
	stream_check(&s);
	free(bytes);
	end();
}

static void what_lies_in_chunks_is_noted(void **state)
{
	(void)state;
	start();
	add(1, ROWS_MAX, 0);
	struct stream_page *p = stream_page(&s, 0);
	p->rows[3].flags |= ENTRY_BIG;
	p->rows[5].flags |= ENTRY_BIG;
	stream_sealed(p, 9, stream_rows_bytes(p->n), &mem.mem);
	assert_int_equal(p->bigs_n, 2);
	assert_int_equal(p->bigs[1].at, (uint32_t)p->rows[5].loc);
	stream_unsealed(p, &mem.mem);
	assert_int_equal(p->bigs_n, 0);
	end();
}

static void a_filter_knows_its_tags_and_few_others(void **state)
{
	(void)state;
	uint32_t wrong_n = 0;
	start();
	add(1, 4, 17);
	add(1, 4, 0);
	struct stream_page *p = stream_page(&s, 0);
	assert_true(stream_may_have(p, 99)); /* nothing is known yet */
	stream_filter_make(p, 16, &mem.mem);
	assert_true(stream_may_have(p, 17) && stream_may_have(p, 0));
	for (uint32_t tag = 100; tag < 1100; tag++)
		wrong_n += stream_may_have(p, tag);
	assert_in_range(wrong_n, 0, 20);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_offset_is_found_in_its_page),
		cmocka_unit_test(a_page_is_cut_where_segments_change),
		cmocka_unit_test(a_cold_page_gets_its_rows_back),
		cmocka_unit_test(what_lies_in_chunks_is_noted),
		cmocka_unit_test(a_filter_knows_its_tags_and_few_others),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
