#include "base/strmap.h"

#include "base/mem_for_tests.h"
#include "base/prng.h"
#include "base/text.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#define NAMES 200

static const struct hash_key key = { 11, 22 };

/* An object with its name inside, as the map wants it. */
struct thing {
	char name[8];
	bool in;
};

static struct slice name_of(const struct thing *t)
{
	return slice_str(t->name);
}

static void agree(const struct strmap *m, struct thing *things, size_t n)
{
	size_t cursor = 0;
	strmap_check(m);
	must(m->n == n);
	for (size_t i = 0; i < NAMES; i++)
		must(strmap_get(m, name_of(&things[i])) == (things[i].in ? &things[i] : NULL));
	for (struct strmap_slot *slot; (slot = strmap_next(m, &cursor)); n--)
		must(((struct thing *)slot->value)->in);
	must(n == 0);
}

static void a_random_walk_agrees_with_an_array(void **s)
{
	(void)s;
	struct mem_for_tests heap = mem_for_tests(1 << 20);
	struct prng r = prng_of(9);
	struct strmap m;
	struct thing things[NAMES] = { 0 };
	size_t n = 0;
	strmap_init(&m, NULL, 0, key);
	for (int i = 0; i < NAMES; i++) {
		struct text t = text_of(things[i].name, sizeof things[i].name);
		text_putf(&t, "q%d", i);
	}
	for (int i = 0; i < 20000; i++) {
		struct thing *t = &things[prng_below(&r, NAMES)];
		void *was = t->in ? t : NULL;
		bool put = prng_chance(&r, 1, 2);
		if (put) {
			must(strmap_make_room(&m, &heap.mem, "test") == ERR_OK);
			must(strmap_put(&m, name_of(t), t) == was);
		} else {
			must(strmap_del(&m, name_of(t)) == was);
		}
		n = n + put - t->in;
		t->in = put;
		if (i % 100 == 0)
			agree(&m, things, n);
	}
	agree(&m, things, n);
	strmap_fini(&m, &heap.mem);
	must(heap.mem.used == 0);
}

static void a_replaced_object_takes_its_name_along(void **s)
{
	(void)s;
	struct strmap_slot memory[8];
	struct strmap m;
	char first[] = "name", second[] = "name";
	strmap_init(&m, memory, sizeof memory, key);
	must(strmap_put(&m, slice_str(first), first) == NULL);
	must(strmap_put(&m, slice_str(second), second) == first);
	first[0] = 'X'; /* the first one's bytes are no longer looked at */
	must(strmap_get(&m, slice_str("name")) == second && m.n == 1);
	strmap_check(&m);
}

static void growing_hands_the_old_block_out(void **s)
{
	(void)s;
	struct strmap_slot small[4], large[16];
	struct strmap m;
	size_t bytes = 0;
	strmap_init(&m, small, sizeof small, key);
	must(!strmap_put(&m, slice_str("a"), small) && !strmap_put(&m, slice_str("b"), large));
	must(strmap_grow(&m, large, sizeof large, &bytes) == small && bytes == sizeof small);
	memset(small, 0, sizeof small);
	must(strmap_get(&m, slice_str("a")) == small && strmap_get(&m, slice_str("b")) == large);
	strmap_check(&m);
}

static void without_memory_nothing_changes(void **s)
{
	(void)s;
	struct mem_for_tests heap = mem_for_tests(strmap_bytes(3));
	struct strmap m = { .key = key };
	must(strmap_is_full(&m) && !strmap_get(&m, slice_str("a")) &&
	     !strmap_del(&m, slice_str("a")));
	static const char *const names[] = { "", "a", "b" };
	for (int i = 0; i < 3; i++) {
		must(strmap_make_room(&m, &heap.mem, "test") == ERR_OK);
		must(!strmap_put(&m, slice_str(names[i]), &heap));
	}
	must(strmap_make_room(&m, &heap.mem, "test") == ERR_LIMIT && m.n == 3);
	must(strmap_get(&m, SLICE_EMPTY) == &heap); /* the empty name is a name */
	strmap_check(&m);
	strmap_fini(&m, &heap.mem);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_random_walk_agrees_with_an_array),
		cmocka_unit_test(a_replaced_object_takes_its_name_along),
		cmocka_unit_test(growing_hands_the_old_block_out),
		cmocka_unit_test(without_memory_nothing_changes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
