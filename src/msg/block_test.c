#include "msg/block.h"

#include "base/mem_for_tests.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void a_block_comes_home_when_the_last_reference_is_dropped(void **s)
{
	(void)s;
	struct mem_for_tests heap = mem_for_tests(1 << 20);
	struct block_home h;
	block_home_init(&h, &heap.mem, 4);
	struct block *b = block_take(&h, 0);
	assert_non_null(b);
	assert_ptr_equal(block_of(b->at + 100), b);
	block_give(b, 2);
	block_close(b);
	block_collect(&h);
	assert_int_equal(h.out_bytes, BLOCK_ALIGN);
	block_unref(b, 1);
	block_ref(b, 3);
	block_unref(b, 4);
	block_collect(&h);
	assert_int_equal(h.out_bytes, 0);
	assert_int_equal(h.free_n, 1);
	assert_ptr_equal(block_take(&h, 0), b);
	block_close(b);
	block_home_fini(&h);
	assert_int_equal(heap.mem.used, 0);
}

static void no_more_than_free_max_blocks_are_kept(void **s)
{
	(void)s;
	struct mem_for_tests heap = mem_for_tests(1 << 20);
	struct block_home h;
	block_home_init(&h, &heap.mem, 2);
	struct block *b[4];
	for (int i = 0; i < 4; i++)
		b[i] = block_take(&h, 0);
	for (int i = 0; i < 4; i++)
		block_close(b[i]);
	block_collect(&h);
	assert_int_equal(h.free_n, 2);
	assert_int_equal(heap.mem.used, 2 * BLOCK_ALIGN);
	block_home_fini(&h);
	assert_int_equal(heap.mem.used, 0);
}

static void a_large_block_has_its_room_and_is_never_kept(void **s)
{
	(void)s;
	struct mem_for_tests heap = mem_for_tests(1 << 20);
	struct block_home h;
	block_home_init(&h, &heap.mem, 2);
	for (uint32_t bytes = BLOCK_ALIGN - 512; bytes < BLOCK_ALIGN + 512; bytes++) {
		struct block *b = block_take(&h, bytes);
		assert_true(block_room(b) >= bytes);
		block_close(b);
		block_collect(&h);
	}
	assert_true(h.free_n <= 1);
	block_home_fini(&h);
	assert_int_equal(heap.mem.used, 0);
}

static void a_home_without_memory_gives_nothing(void **s)
{
	(void)s;
	struct mem_for_tests heap = mem_for_tests(BLOCK_ALIGN);
	struct block_home h;
	block_home_init(&h, &heap.mem, 2);
	struct block *b = block_take(&h, 0);
	assert_non_null(b);
	assert_null(block_take(&h, 0));
	block_close(b);
	block_home_fini(&h);
}

static void who_is_noted_is_heard_of_when_nobody_holds_it(void **s)
{
	(void)s;
	struct mem_for_tests heap = mem_for_tests(1 << 20);
	struct block_home h;
	block_home_init(&h, &heap.mem, 2);
	for (int i = 0; i < 2; i++) {
		struct block *b = block_take(&h, (uint32_t)i * BLOCK_ALIGN);
		b->at[b->fill - sizeof *b] = 7;
		block_note(b, b->fill);
		block_give(b, 1);
		block_close(b);
		block_collect(&h);
		assert_null(block_ended(&h));
		block_unref(b, 1);
		assert_null(block_ended(&h));
		block_collect(&h);
		assert_ptr_equal(block_ended(&h), b);
		assert_null(block_ended(&h));
		assert_int_equal(*((uint8_t *)b + b->noted), 7);
		assert_int_equal(h.out_bytes, b->bytes);
		block_forget(&h, b);
		assert_int_equal(h.out_bytes, 0);
	}
	struct block *b = block_take(&h, 0);
	assert_int_equal(b->noted, 0);
	block_note(b, b->fill);
	block_close(b);
	block_home_fini(&h); /* at the end nobody need ask */
	assert_int_equal(heap.mem.used, 0);
}

static void small_messages_share_a_block(void **s)
{
	(void)s;
	struct mem_for_tests heap = mem_for_tests(SIZE_MAX);
	struct block_home h;
	block_home_init(&h, &heap.mem, 0);
	struct block *b = block_for(&h, 100);
	b->fill += 100;
	block_give(b, 1);
	block_filled(b);
	assert_ptr_equal(block_for(&h, BLOCK_COMMON_MAX), b);
	block_filled(b);
	b->fill = b->msg_floor - BLOCK_HEADER_ROOM - 99;
	struct block *next = block_for(&h, 100); /* which finds no room, and lets go of the first */
	assert_ptr_not_equal(next, b);
	block_unref(b, 1);
	block_collect(&h);
	assert_int_equal(h.out_bytes, BLOCK_ALIGN);
	struct block *own = block_for(&h, BLOCK_COMMON_MAX + 1);
	assert_ptr_not_equal(own, next);
	block_filled(own);
	block_home_fini(&h);
	assert_int_equal(heap.mem.used, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_block_comes_home_when_the_last_reference_is_dropped),
		cmocka_unit_test(no_more_than_free_max_blocks_are_kept),
		cmocka_unit_test(a_large_block_has_its_room_and_is_never_kept),
		cmocka_unit_test(a_home_without_memory_gives_nothing),
		cmocka_unit_test(small_messages_share_a_block),
		cmocka_unit_test(who_is_noted_is_heard_of_when_nobody_holds_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
