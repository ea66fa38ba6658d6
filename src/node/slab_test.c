#include "node/memory.h"

#include "base/must.h"
#include "base/prng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define BLOCKS 200

static void blocks_are_aligned_apart_and_all_come_home(void **s)
{
	(void)s;
	struct slabs slabs;
	slabs_init(&slabs, memory_of_process());
	struct prng p = prng_of(3);
	uint64_t *held[BLOCKS] = { 0 };
	for (int step = 0; step < 20000; step++) {
		size_t i = prng_below(&p, BLOCKS);
		if (!held[i]) {
			held[i] = slabs_take(&slabs);
			assert_int_equal((uintptr_t)held[i] % SLAB_BLOCK_BYTES, 0);
			held[i][0] = held[i][SLAB_BLOCK_BYTES / 8 - 1] = i;
		} else {
			assert_int_equal(held[i][0], i);
			assert_int_equal(held[i][SLAB_BLOCK_BYTES / 8 - 1], i);
			slabs_give(&slabs, held[i]);
			held[i] = NULL;
		}
	}
	for (int i = 0; i < BLOCKS; i++)
		if (held[i])
			slabs_give(&slabs, held[i]);
	assert_int_equal(slabs.pieces_n, 1);
	slabs_fini(&slabs);
	assert_int_equal(slabs.free_n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(blocks_are_aligned_apart_and_all_come_home),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
