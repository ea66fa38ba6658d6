#include "core/chunk.h"

#include "base/mem_for_tests.h"
#include "base/prng.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void slots_are_used_one_after_the_other(void **s)
{
	(void)s;
	struct mem_for_tests heap = mem_for_tests(1 << 20);
	struct chunk_pool pool;
	struct prng r = prng_of(1);
	chunk_pool_init(&pool, &heap.mem);
	for (uint32_t round = 0; round < 50; round++) {
		struct chunk *k = chunk_take(&pool, 1 + round);
		must(k->used == 0 && k->live_n == 0 && k->number == 1 + round);
		while (k->used < CHUNK_N) {
			uint32_t n = (uint32_t)prng_between(&r, 1, min_u64(CHUNK_N - k->used, 130));
			chunk_room(&pool, k, k->used + n);
			for (uint32_t i = k->used; i < k->used + n; i++)
				k->entry[i] = (struct entry){ .id = i / 3, .mem = 1 };
			chunk_use(k, n);
			must(bits_count(k->live, CHUNK_N) == k->used && k->live_n == k->used);
			chunk_check(k);
		}
		for (uint64_t id = 0; id <= CHUNK_N / 3 + 2; id++)
			must(chunk_find(k, id) == min_u64(id * 3, CHUNK_N));
		k->live_n = 0;
		chunk_put(&pool, k);
	}
	must(pool.free_n == 1 && pool.free_rows_n == 1 && pool.out_n == 0);
	chunk_pool_fini(&pool);
	must(heap.mem.used == 0);
}

static void the_pool_keeps_only_some(void **s)
{
	(void)s;
	struct mem_for_tests heap = mem_for_tests(1 << 24);
	struct chunk_pool pool;
	struct chunk *k[100];
	chunk_pool_init(&pool, &heap.mem);
	for (uint32_t i = 0; i < 100; i++)
		k[i] = chunk_take(&pool, i + 1);
	for (uint32_t i = 0; i < 100; i++)
		chunk_put(&pool, k[i]);
	must(pool.free_n == 64 && heap.mem.used == 64 * CHUNK_SMALL_BYTES);
	must(chunk_take(&pool, 9) == k[63]); /* the last one put back is still in the caches */
	chunk_put(&pool, k[63]);
	chunk_pool_fini(&pool);
	must(heap.mem.used == 0);
}

static void a_short_chunk_is_small_and_a_longer_one_keeps_what_it_had(void **s)
{
	(void)s;
	struct mem_for_tests heap = mem_for_tests(1 << 20);
	struct chunk_pool pool;
	chunk_pool_init(&pool, &heap.mem);
	struct chunk *k = chunk_take(&pool, 1);
	for (uint32_t i = 0; i < CHUNK_FEW; i++) {
		chunk_room(&pool, k, i + 1);
		k->entry[i] = (struct entry){ .id = i, .mem = 1 };
		k->loc[i] = i + 10;
		chunk_use(k, 1);
	}
	must(heap.mem.used == chunk_pool_bytes(&pool) && heap.mem.used < 700);
	chunk_room(&pool, k, CHUNK_FEW + 1);
	must(heap.mem.used == chunk_pool_bytes(&pool) && heap.mem.used == CHUNK_FULL_BYTES);
	for (uint32_t i = 0; i < CHUNK_FEW; i++)
		must(k->entry[i].id == i && k->loc[i] == i + 10);
	chunk_check(k);
	k->live_n = 0;
	chunk_put(&pool, k);
	must(chunk_pool_bytes(&pool) == 0 && chunk_take(&pool, 2) == k && !k->rows);
	chunk_put(&pool, k);
	chunk_pool_fini(&pool);
	must(heap.mem.used == 0);
}

static void only_what_is_given_can_be_settled(void **s)
{
	(void)s;
	struct mem_for_tests heap = mem_for_tests(1 << 20);
	struct chunk_pool pool;
	chunk_pool_init(&pool, &heap.mem);
	struct chunk *k = chunk_take(&pool, 1);
	k->entry[0] = (struct entry){ .mem = 1 };
	must(!chunk_is_given(k, 0));
	chunk_use(k, 1);
	must(!chunk_is_given(k, 0));
	bits_clear(k->ready, 0);
	must(chunk_is_given(k, 0));
	k->entry[0].flags = ENTRY_SETTLING;
	must(!chunk_is_given(k, 0) && !chunk_is_given(k, 1));
	k->live_n = 0;
	chunk_put(&pool, k);
	chunk_pool_fini(&pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(slots_are_used_one_after_the_other),
		cmocka_unit_test(the_pool_keeps_only_some),
		cmocka_unit_test(only_what_is_given_can_be_settled),
		cmocka_unit_test(a_short_chunk_is_small_and_a_longer_one_keeps_what_it_had),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
