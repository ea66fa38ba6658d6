#include "base/pool.h"

#include "base/mem_for_tests.h"
#include "base/prng.h"

#include <string.h>

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

static void objects_are_aligned_apart_and_counted(void **s)
{
	(void)s;
	for (size_t align = 1; align <= 64; align *= 2)
		for (size_t size = 1; size <= 70; size += 23) {
			struct mem_for_tests heap = mem_for_tests(1 << 20);
			struct pool p;
			void *out[50];
			pool_init(&p, size, align);
			must(pool_take(&p) == NULL);
			for (size_t i = 0; i < 50; i++) {
				must(pool_make_room(&p, &heap.mem, 1000, "test") == ERR_OK);
				out[i] = pool_take(&p);
				must((uintptr_t)out[i] % align == 0 && p.used_n == i + 1);
				memset(out[i], (int)i, size);
			}
			for (size_t i = 0; i < 50; i++)
				for (size_t k = 0; k < size; k++)
					must(((uint8_t *)out[i])[k] == i);
			for (size_t i = 0; i < 50; i++)
				pool_put(&p, out[i]);
			must(p.used_n == 0 && pool_take(&p) == out[49]);
			pool_fini(&p, &heap.mem);
			must(heap.mem.used == 0);
		}
}

static void a_random_walk_never_gives_an_object_twice(void **s)
{
	(void)s;
	struct mem_for_tests heap = mem_for_tests(1 << 14);
	struct prng r = prng_of(5);
	struct pool p;
	uint64_t *out[2048];
	size_t n = 0, refused = 0;
	pool_init(&p, sizeof(uint64_t), 8);
	for (uint64_t step = 0; step < 40000; step++) {
		bool more = prng_chance(&r, step / 5000 % 2 ? 1 : 3, 4);
		if (more && pool_make_room(&p, &heap.mem, 1024, "test") == ERR_OK) {
			out[n] = pool_take(&p);
			*out[n] = (uintptr_t)out[n];
			n++;
		} else if (more) {
			refused++;
			must(p.used_n == p.cap_n && pool_take(&p) == NULL);
		} else if (n) {
			size_t i = (size_t)prng_below(&r, n);
			must(*out[i] == (uintptr_t)out[i]);
			pool_put(&p, out[i]);
			out[i] = out[--n];
		}
		must(p.used_n == n);
	}
	must(refused > 0);
	pool_fini(&p, &heap.mem);
	must(heap.mem.used == 0);
}

static void a_new_slab_does_not_waste_the_rest_of_the_old(void **s)
{
	(void)s;
	_Alignas(16) char a[256], b[256];
	struct pool p;
	size_t taken = 0, len = 0;
	pool_init(&p, 24, 8);
	pool_give_slab(&p, a, sizeof a);
	must(pool_take(&p) != NULL);
	pool_give_slab(&p, b, sizeof b);
	while (pool_take(&p))
		taken++;
	must(taken + 1 == p.cap_n && p.cap_n == 20);
	must(pool_take_slab(&p, &len) == b && len == sizeof b);
	must(pool_take_slab(&p, &len) == a && pool_take_slab(&p, &len) == NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(objects_are_aligned_apart_and_counted),
		cmocka_unit_test(a_random_walk_never_gives_an_object_twice),
		cmocka_unit_test(a_new_slab_does_not_waste_the_rest_of_the_old),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
