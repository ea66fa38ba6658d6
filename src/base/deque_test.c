#include "base/deque.h"

#include "base/mem_for_tests.h"
#include "base/prng.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

struct row {
	uint64_t a;
	uint32_t b;
};

/* The model counts: the rows of a deque are always the numbers lo .. hi - 1. */
struct model {
	uint64_t lo, hi;
};

static struct row row_of(uint64_t v)
{
	return (struct row){ v, (uint32_t)~v };
}

static bool is_row(const struct row *row, uint64_t v)
{
	return row && row->a == v && row->b == (uint32_t)~v;
}

static void agree(const struct deque *d, const struct model *m)
{
	must(d->n == m->hi - m->lo);
	for (size_t i = 0; i < d->n; i++)
		must(is_row(deque_at(d, i), m->lo + i));
	must((deque_peek(d) == NULL) == (d->n == 0));
}

static void one_step(struct deque *d, struct model *m, struct mem *mem, struct prng *r, bool grow)
{
	struct row row;
	bool full = m->hi != m->lo, pick = prng_chance(r, 1, 2);
	if (prng_chance(r, grow ? 3 : 1, 4)) {
		row = row_of(pick ? m->hi++ : --m->lo);
		must((pick ? deque_push : deque_push_front)(d, mem, &row) == ERR_OK);
	} else if (pick) {
		must(deque_pop(d, &row) == full);
		must(!full || is_row(&row, m->lo++));
	} else {
		must(deque_pop_back(d, &row) == full);
		must(!full || is_row(&row, --m->hi));
	}
}

static void a_random_walk_agrees_with_counting(void **s)
{
	(void)s;
	struct mem_for_tests heap = mem_for_tests(1 << 20);
	struct prng r = prng_of(8);
	struct model m = { 1 << 30, 1 << 30 };
	struct deque d;
	deque_init(&d, sizeof(struct row), "test");
	for (int i = 0; i < 20000; i++) {
		one_step(&d, &m, &heap.mem, &r, i / 1000 % 2 == 0);
		if (i % 100 == 0)
			deque_trim(&d, &heap.mem);
		if (i % 10 == 0)
			agree(&d, &m);
	}
	deque_clear(&d);
	must(deque_peek(&d) == NULL && !deque_pop(&d, NULL) && !deque_pop_back(&d, NULL));
	deque_fini(&d, &heap.mem);
	must(heap.mem.used == 0);
}

static void without_memory_nothing_changes(void **s)
{
	(void)s;
	struct mem_for_tests heap = mem_for_tests(16 * sizeof(struct row));
	struct model m = { 5, 13 };
	struct deque d;
	deque_init(&d, sizeof(struct row), "test");
	must(deque_reserve(&d, &heap.mem, SIZE_MAX) == ERR_LIMIT);
	for (uint64_t v = 5; v < 13; v++)
		must(deque_push(&d, &heap.mem, &(struct row){ v, (uint32_t)~v }) == ERR_OK);
	must(deque_push(&d, &heap.mem, &(struct row){ 0 }) == ERR_LIMIT);
	must(deque_push_front(&d, &heap.mem, &(struct row){ 0 }) == ERR_LIMIT);
	agree(&d, &m);
	deque_fini(&d, &heap.mem);
	must(heap.mem.used == 0);
}

static void rows_are_made_and_dropped_in_place(void **s)
{
	(void)s;
	struct mem_for_tests heap = mem_for_tests(1 << 20);
	struct model m = { 0, 0 };
	struct deque d;
	deque_init(&d, sizeof(struct row), "test");
	for (uint64_t v = 0; v < 100; v++) {
		struct row *at = deque_add(&d, &heap.mem);
		must(at != NULL);
		*at = row_of(v);
		m.hi = v + 1;
		if (v % 3 == 0) {
			deque_drop(&d);
			m.lo++;
		}
		agree(&d, &m);
	}
	must(deque_reserve(&d, &heap.mem, d.cap) == ERR_OK);
	while (d.n < d.cap)
		must(deque_add(&d, &heap.mem) != NULL);
	heap.fail_in = 1;
	must(deque_add(&d, &heap.mem) == NULL && d.n == d.cap);
	deque_fini(&d, &heap.mem);
	must(heap.mem.used == 0);
}

static void a_burst_gives_its_memory_back(void **s)
{
	(void)s;
	struct mem_for_tests heap = mem_for_tests(1 << 20);
	struct deque d;
	deque_init(&d, sizeof(struct row), "test");
	must(deque_reserve(&d, &heap.mem, 1000) == ERR_OK && d.cap == 1024);
	must(deque_push(&d, &heap.mem, &(struct row){ 7, ~7u }) == ERR_OK);
	heap.fail_in = 1;
	deque_trim(&d, &heap.mem);
	must(d.cap == 1024); /* no memory for the smaller block */
	deque_trim(&d, &heap.mem);
	must(d.cap == 8 && is_row(deque_peek(&d), 7));
	must(deque_pop(&d, NULL));
	deque_trim(&d, &heap.mem);
	must(heap.mem.used == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_random_walk_agrees_with_counting),
		cmocka_unit_test(without_memory_nothing_changes),
		cmocka_unit_test(rows_are_made_and_dropped_in_place),
		cmocka_unit_test(a_burst_gives_its_memory_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
