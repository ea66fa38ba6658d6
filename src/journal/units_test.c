#include "journal/units.h"

#include "base/mem_for_tests.h"
#include "base/prng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define KEYS 200u

static struct unit_row row_of(uint32_t key, uint64_t at)
{
	return (struct unit_row){ .a = key / 3,
				  .b = UINT64_MAX - key % 3,
				  .at = at,
				  .space = 40 + 8 * (key % 5),
				  .shard = (uint16_t)(key % 7) };
}

/* Against the simplest model there is: one place for each key. */
static void units_behave_like_an_array(void **state)
{
	(void)state;
	struct mem_for_tests heap = mem_for_tests(1 << 20);
	struct units u = { 0 };
	uint64_t model[KEYS] = { 0 };
	struct prng prng = prng_of(3);
	for (uint64_t step = 1; step < 20000; step++) {
		uint32_t key = (uint32_t)prng_below(&prng, KEYS);
		struct unit_row row = row_of(key, step);
		if (prng_chance(&prng, 3, 5)) {
			enum err e = units_make_room(&u, &heap.mem);
			must(e == ERR_OK);
			units_put(&u, &row);
			model[key] = step;
		} else {
			must(units_del(&u, row.shard, row.a, row.b) == (model[key] != 0));
			model[key] = 0;
		}
		key = (uint32_t)prng_below(&prng, KEYS);
		row = row_of(key, 0);
		const struct unit_row *found = units_find(&u, row.shard, row.a, row.b);
		must((found != NULL) == (model[key] != 0));
		must_if(found, found->at == model[key] && found->space == row.space);
		if (step % 100 == 0)
			units_check(&u);
	}
	units_age(&u);
	for (uint32_t key = 0; key < KEYS; key++) {
		struct unit_row row = row_of(key, 0);
		const struct unit_row *found = units_find(&u, row.shard, row.a, row.b);
		must_if(found, found->is_old);
	}
	units_clear(&u);
	units_check(&u);
	units_fini(&u, &heap.mem);
	must(heap.mem.used == 0);
}

static void without_memory_nothing_changes(void **state)
{
	(void)state;
	struct mem_for_tests heap = mem_for_tests(1 << 20);
	struct units u = { 0 };
	heap.fail_in = 2; /* the second growth */
	uint32_t n = 0;
	for (; units_make_room(&u, &heap.mem) == ERR_OK; n++) {
		struct unit_row row = row_of(n, n + 1);
		units_put(&u, &row);
	}
	must(n == 48 && u.n == n);
	units_check(&u);
	units_fini(&u, &heap.mem);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(units_behave_like_an_array),
		cmocka_unit_test(without_memory_nothing_changes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
