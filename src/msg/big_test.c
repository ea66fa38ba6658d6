#include "msg/big.h"

#include "base/mem_for_tests.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static void a_list_says_what_was_put(void **s)
{
	(void)s;
	uint8_t *list = malloc(3 * BIG_ROW_BYTES);
	for (uint32_t i = 0; i < 3; i++)
		big_put(list, i, (struct big_chunk){ (uint64_t)i << 33 | 40, 1000 + i });
	struct slice all = slice_of(list, 3 * BIG_ROW_BYTES);
	assert_int_equal(big_n(all), 3);
	assert_int_equal(big_at(all, 2).loc, (uint64_t)2 << 33 | 40);
	assert_int_equal(big_at(all, 2).bytes, 1002);
	assert_int_equal(big_body_bytes(all), 3003 - 3 * MSG_STORED_HEAD_BYTES);
	free(list);
}

/* The stored form of a message whose body is `body`, in memory of its own. */
static struct slice stored_of(struct block_home *h, uint8_t proto, struct slice body)
{
	struct block *b = block_take(h, 0);
	struct msg facts = { .route_off = b->fill,
			     .route_len = 2,
			     .props_off = b->fill + 2,
			     .props_len = 3,
			     .body_off = b->fill + 5,
			     .body_bytes = (uint32_t)body.n,
			     .proto = proto };
	memset((uint8_t *)b + b->fill, 9, 5);
	memcpy((uint8_t *)b + b->fill + 5, body.p, body.n);
	const struct msg *m = msg_new(b, &facts);
	uint32_t n = msg_stored_bytes(m);
	struct wr w = wr_of(malloc(n), n);
	msg_store(m, &w);
	block_close(b);
	return slice_of(w.p, n);
}

/* Every prefix, and every other form, has none. */
static void a_list_is_found_only_where_there_is_one(void **s)
{
	(void)s;
	struct mem_for_tests heap = mem_for_tests(1 << 20);
	struct block_home h;
	uint8_t rows[2 * BIG_ROW_BYTES] = { 1, 2, 3 };
	struct slice list, all = slice_of(rows, sizeof rows);
	block_home_init(&h, &heap.mem, 2);
	struct slice stored = stored_of(&h, MSG_CHUNKS, all);
	assert_int_equal(big_find(stored, &list), ERR_OK);
	assert_true(slice_eq(list, all));
	for (size_t n = 0; n < stored.n; n++) {
		uint8_t *part = malloc(n + 1);
		memcpy(part, stored.p, n);
		assert_int_equal(big_find(slice_of(part, n), &list), ERR_CORRUPT);
		free(part);
	}
	struct slice other = stored_of(&h, MSG_AMQP091, all);
	struct slice odd = stored_of(&h, MSG_CHUNKS, slice_sub(all, 0, BIG_ROW_BYTES + 1));
	assert_int_equal(big_find(other, &list), ERR_CORRUPT);
	assert_int_equal(big_find(odd, &list), ERR_CORRUPT);
	free((void *)(uintptr_t)stored.p);
	free((void *)(uintptr_t)other.p);
	free((void *)(uintptr_t)odd.p);
	block_home_fini(&h);
	assert_int_equal(heap.mem.used, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_list_says_what_was_put),
		cmocka_unit_test(a_list_is_found_only_where_there_is_one),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
