#include "base/cells.h"

#include "base/mem_for_tests.h"
#include "base/prng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define OBJECTS 20000u

struct object {
	uint8_t *at;
	size_t n;
	uint8_t fill;
};

static void take(struct cells *c, struct object *o, size_t n, uint8_t fill)
{
	*o = (struct object){ cells_get(c, n, "test"), n, fill };
	must(o->at && (uintptr_t)o->at % 8 == 0);
	memset(o->at, fill, n);
}

static void give(struct cells *c, struct object *o)
{
	for (size_t i = 0; i < o->n; i++)
		must(o->at[i] == o->fill);
	cells_put(c, o->at, o->n);
	o->at = NULL;
}

/* Whatever comes and goes, nobody's bytes are another's, and all of the memory comes home. */
static void objects_of_all_sizes_keep_their_bytes(void **s)
{
	(void)s;
	static struct object o[OBJECTS];
	struct mem_for_tests heap = mem_for_tests((size_t)1 << 30);
	struct prng prng = prng_of(7);
	struct cells c;
	cells_init(&c, &heap.mem);
	memset(o, 0, sizeof o);
	for (uint32_t step = 0; step < 10 * OBJECTS; step++) {
		struct object *one = &o[prng_below(&prng, OBJECTS)];
		if (one->at)
			give(&c, one);
		else
			take(&c, one, (size_t)prng_between(&prng, 1, CELLS_BYTES_MAX + 40),
			     (uint8_t)step);
	}
	for (uint32_t i = 0; i < OBJECTS; i++)
		if (o[i].at)
			give(&c, &o[i]);
	cells_fini(&c);
	must(heap.mem.used == 0);
}

static void an_object_costs_its_size_in_steps_of_eight(void **s)
{
	(void)s;
	static struct object o[OBJECTS];
	struct mem_for_tests heap = mem_for_tests((size_t)1 << 30);
	struct cells c;
	cells_init(&c, &heap.mem);
	for (uint32_t i = 0; i < OBJECTS; i++)
		take(&c, &o[i], 35, (uint8_t)i);
	must(c.used == OBJECTS * (size_t)35);
	must(heap.mem.used >= c.used && heap.mem.used <= OBJECTS * (size_t)41 + 65536);
	for (uint32_t i = 0; i < OBJECTS; i++)
		give(&c, &o[i]);
	must(c.used == 0 && heap.mem.used <= 65536); /* one page is kept */
	cells_fini(&c);
	must(heap.mem.used == 0);
}

static void without_memory_there_is_none(void **s)
{
	(void)s;
	struct mem_for_tests heap = mem_for_tests(1 << 20);
	struct cells c;
	cells_init(&c, &heap.mem);
	heap.fail_in = 1;
	must(cells_get(&c, 24, "test") == NULL);
	heap.fail_in = 1;
	must(cells_get(&c, CELLS_BYTES_MAX + 1, "test") == NULL);
	void *p = cells_get(&c, 24, "test");
	must(p != NULL);
	cells_put(&c, p, 24);
	cells_fini(&c);
	must(heap.mem.used == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(objects_of_all_sizes_keep_their_bytes),
		cmocka_unit_test(an_object_costs_its_size_in_steps_of_eight),
		cmocka_unit_test(without_memory_there_is_none),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
