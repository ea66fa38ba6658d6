#include "core/pmap.h"

#include "base/mem_for_tests.h"
#include "base/prng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define THINGS 600

struct thing {
	_Alignas(16) uint64_t hash;
	bool is_in;
};

static uint64_t thing_hash(const struct pmap_kind *k, uintptr_t object)
{
	(void)k;
	return ((struct thing *)object)->hash;
}

static bool thing_is(const struct pmap_kind *k, uintptr_t object, const void *key)
{
	(void)k;
	return (const struct thing *)object == key;
}

static const struct pmap_kind kind = { .hash = thing_hash, .is = thing_is };

static void put(struct pmap *m, struct pmap_edit *e, struct thing *t)
{
	uintptr_t old = pmap_put(m, e, &kind, t->hash, t, (uintptr_t)t);
	must((old != 0) == t->is_in);
	t->is_in = true;
}

static void del(struct pmap *m, struct pmap_edit *e, struct thing *t)
{
	uintptr_t old = pmap_del(m, e, &kind, t->hash, t);
	must((old == (uintptr_t)t) == t->is_in);
	t->is_in = false;
}

static void compare(const struct pmap *m, const struct thing *things)
{
	uint32_t n = 0;
	pmap_check(m, &kind);
	for (size_t i = 0; i < THINGS; i++) {
		uintptr_t at = pmap_find(m, &kind, things[i].hash, &things[i]);
		must(at == (things[i].is_in ? (uintptr_t)&things[i] : 0));
		n += things[i].is_in;
	}
	must(n == m->n && (n == 0) == (pmap_first(m) == 0));
}

/* `bits` of the hash count: few make objects collide. */
static void a_walk(uint64_t seed, struct pmap empty, unsigned bits, unsigned shift)
{
	static struct thing things[THINGS];
	struct mem_for_tests heap = mem_for_tests(1 << 24);
	struct prng r = prng_of(seed);
	struct pmap_edit e;
	struct pmap m = empty;
	pmap_edit_init(&e, &heap.mem);
	for (size_t i = 0; i < THINGS; i++)
		things[i] = (struct thing){ .hash = prng_u64(&r) >> (64 - bits) << shift };
	for (int i = 0; i < 4000; i++) {
		struct thing *t = &things[prng_below(&r, THINGS)];
		if (prng_chance(&r, 1, 5))
			e.version++;
		if (prng_chance(&r, i < 2000 ? 2 : 1, 3))
			put(&m, &e, t);
		else
			del(&m, &e, t);
		if (prng_chance(&r, 1, 10))
			pmap_collect(&e, e.version - 1);
		if (i % 97 == 0)
			compare(&m, things);
	}
	for (size_t i = 0; i < THINGS; i++)
		del(&m, &e, &things[i]);
	must(m.n == 0 && m.root == 0);
	pmap_edit_fini(&e);
	must(heap.mem.used == 0);
}

static void any_walk_agrees_with_a_list(void **s)
{
	(void)s;
	for (uint64_t seed = 0; seed < 20; seed++) {
		a_walk(seed, PMAP_HASHED, 64, 0);
		a_walk(seed, PMAP_HASHED, 6, 0);
		a_walk(seed, PMAP_HASHED, 5, 59);
		a_walk(seed, PMAP_HASHED, 1, 63);
		a_walk(seed, PMAP_IDS, 8, 0);
		a_walk(seed, PMAP_IDS, 40, 0);
	}
}

static void an_old_version_stays_as_it_was(void **s)
{
	(void)s;
	static struct thing things[THINGS];
	struct mem_for_tests heap = mem_for_tests(1 << 24);
	struct pmap_edit e;
	struct pmap m = PMAP_IDS, old[THINGS + 1];
	pmap_edit_init(&e, &heap.mem);
	for (uint32_t i = 0; i < THINGS; i++) {
		old[i] = m;
		e.version++;
		things[i] = (struct thing){ .hash = i };
		put(&m, &e, &things[i]);
	}
	for (uint32_t i = 0; i < THINGS; i++) {
		must(old[i].n == i);
		pmap_check(&old[i], &kind);
		must(pmap_find(&old[i], &kind, i, &things[i]) == 0);
		must(i == 0 || pmap_find(&old[i], &kind, i - 1, &things[i - 1]) != 0);
	}
	pmap_collect(&e, e.version);
	must(e.garbage_bytes == 0 && pmap_bytes(&m) == e.cells.used);
	pmap_clear(&m, &e);
	pmap_edit_fini(&e);
	must(heap.mem.used == 0);
}

static void a_walk_goes_up_from_anywhere(void **s)
{
	(void)s;
	static struct thing things[THINGS];
	struct mem_for_tests heap = mem_for_tests(1 << 24);
	struct prng r = prng_of(7);
	struct pmap_edit e;
	struct pmap m = PMAP_IDS;
	pmap_edit_init(&e, &heap.mem);
	for (uint32_t i = 0; i < THINGS; i++) {
		things[i] = (struct thing){ .hash = 1 + 3 * (uint64_t)i };
		put(&m, &e, &things[i]);
	}
	for (int i = 0; i < 5000; i++) {
		uint64_t from = prng_below(&r, 3 * THINGS + 40);
		struct pmap_walk w;
		pmap_walk_from(&w, &m, &kind, from);
		for (uint64_t at = from == 0 ? 0 : (from + 1) / 3; at < THINGS; at++)
			must(pmap_walk_next(&w) == (uintptr_t)&things[at]);
		must(pmap_walk_next(&w) == 0 && pmap_walk_next(&w) == 0);
	}
	struct pmap_walk w;
	pmap_walk_from(&w, &m, &kind, UINT64_MAX);
	must(pmap_walk_next(&w) == 0);
	pmap_clear(&m, &e);
	pmap_edit_fini(&e);
}

static void a_swap_does_not_look_at_what_goes(void **s)
{
	(void)s;
	struct mem_for_tests heap = mem_for_tests(1 << 24);
	struct pmap_edit e;
	struct pmap m = PMAP_HASHED;
	static struct thing things[THINGS];
	pmap_edit_init(&e, &heap.mem);
	for (uint32_t i = 0; i < THINGS; i++) {
		struct thing *dead = malloc(sizeof *dead);
		must(dead != NULL);
		*dead = (struct thing){ .hash = hash_u64(i, 3) };
		uint64_t hash = dead->hash;
		put(&m, &e, dead);
		uintptr_t was = (uintptr_t)dead;
		free(dead);
		things[i] = (struct thing){ .hash = hash, .is_in = true };
		pmap_swap(&m, &e, hash, was, (uintptr_t)&things[i]);
	}
	compare(&m, things);
	for (uint32_t i = 0; i < THINGS; i++)
		pmap_swap(&m, &e, things[i].hash, (uintptr_t)&things[i], 0);
	must(m.n == 0 && m.root == 0);
	pmap_edit_fini(&e);
	must(heap.mem.used == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_walk_agrees_with_a_list),
		cmocka_unit_test(an_old_version_stays_as_it_was),
		cmocka_unit_test(a_walk_goes_up_from_anywhere),
		cmocka_unit_test(a_swap_does_not_look_at_what_goes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
