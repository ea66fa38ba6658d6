#include "base/map.h"

#include "base/mem_for_tests.h"
#include "base/prng.h"

#include <string.h>

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#define KEYS 300

/* The model: one place for each key. */
struct model {
	uint64_t value[KEYS];
	bool in[KEYS];
	size_t n;
};

static uint64_t key_of(size_t i)
{
	return i % 3 ? i * 64 : i << 40; /* keys that share their low bits, as ids do */
}

static void agree(const struct map *m, const struct model *model)
{
	size_t cursor = 0, n = 0;
	map_check(m);
	must(m->n == model->n);
	for (size_t i = 0; i < KEYS; i++) {
		uint64_t value = 99;
		must(map_get(m, key_of(i), &value) == model->in[i]);
		must(value == (model->in[i] ? model->value[i] : 99));
	}
	while (map_next(m, &cursor))
		n++;
	must(n == model->n);
}

static void one_step(struct map *m, struct model *model, struct mem *mem, struct prng *r)
{
	size_t i = (size_t)prng_below(r, KEYS);
	uint64_t value = prng_u64(r), old = 0;
	if (prng_chance(r, 3, 5)) {
		must(map_make_room(m, mem, "test") == ERR_OK);
		map_put(m, key_of(i), value);
		model->n += !model->in[i];
		model->in[i] = true;
		model->value[i] = value;
	} else {
		must(map_del(m, key_of(i), prng_chance(r, 1, 2) ? &old : NULL) == model->in[i]);
		must(old == 0 || old == model->value[i]);
		model->n -= model->in[i];
		model->in[i] = false;
	}
}

static void a_random_walk_agrees_with_an_array(void **s)
{
	(void)s;
	for (uint64_t seed = 0; seed < 30; seed++) {
		struct mem_for_tests heap = mem_for_tests(1 << 20);
		struct prng r = prng_of(seed);
		struct model model = { .n = 0 };
		struct map m;
		map_init(&m, NULL, 0, seed);
		for (int i = 0; i < 1000; i++) {
			one_step(&m, &model, &heap.mem, &r);
			if (i % 50 == 0)
				agree(&m, &model);
		}
		agree(&m, &model);
		map_clear(&m);
		must(m.n == 0 && !map_find(&m, key_of(1)));
		map_fini(&m, &heap.mem);
		must(heap.mem.used == 0);
	}
}

static void without_memory_nothing_changes(void **s)
{
	(void)s;
	struct mem_for_tests heap = mem_for_tests(map_bytes(3));
	struct map m = { 0 };
	must(map_is_full(&m) && !map_find(&m, 1) && !map_del(&m, 1, NULL));
	heap.fail_in = 1;
	must(map_make_room(&m, &heap.mem, "test") == ERR_LIMIT && heap.mem.used == 0);
	for (uint64_t k = 0; k < 3; k++) {
		must(map_make_room(&m, &heap.mem, "test") == ERR_OK);
		map_put(&m, k, k);
	}
	must(map_make_room(&m, &heap.mem, "test") == ERR_LIMIT);
	map_put(&m, 2, 7); /* a key that is there needs no room */
	must(m.n == 3 && *map_find(&m, 2) == 7);
	map_check(&m);
	map_fini(&m, &heap.mem);
}

static void growing_hands_the_old_block_out(void **s)
{
	(void)s;
	struct map_slot small[8], large[16];
	struct map m;
	size_t bytes = 1;
	map_init(&m, NULL, 0, 5);
	must(map_grow(&m, small, sizeof small, &bytes) == NULL && bytes == 0);
	for (uint64_t k = 0; k < 7; k++)
		map_put(&m, k, k);
	must(map_is_full(&m));
	must(map_grow(&m, large, sizeof large, &bytes) == small && bytes == sizeof small);
	memset(small, 0, sizeof small);
	for (uint64_t k = 0; k < 7; k++)
		must(*map_find(&m, k) == k);
	map_check(&m);
}

static void same_calls_same_order(void **s)
{
	(void)s;
	uint64_t memory[2][64];
	struct map m[2];
	for (int i = 0; i < 2; i++) {
		map_init(&m[i], memory[i], sizeof memory[i], 5);
		for (uint64_t k = 0; k < 20; k++)
			map_put(&m[i], k * 7, k);
		must(map_del(&m[i], 14, NULL));
	}
	size_t a = 0, b = 0;
	for (struct map_slot *x; (x = map_next(&m[0], &a));) {
		struct map_slot *y = map_next(&m[1], &b);
		must(x->key == y->key && x->value == y->value);
	}
}

static void so_many_fit_as_was_asked_for(void **s)
{
	(void)s;
	for (size_t n = 1; n < 2000; n++) {
		struct map m;
		size_t bytes = map_bytes(n);
		void *memory = malloc(bytes);
		map_init(&m, memory, bytes, n);
		for (uint64_t k = 0; k < n; k++)
			map_put(&m, k, k);
		must(m.n == n);
		free(memory);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_random_walk_agrees_with_an_array),
		cmocka_unit_test(without_memory_nothing_changes),
		cmocka_unit_test(growing_hands_the_old_block_out),
		cmocka_unit_test(same_calls_same_order),
		cmocka_unit_test(so_many_fit_as_was_asked_for),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
