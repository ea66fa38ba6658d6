#include "msg/big.h"

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

/* Every prefix, and every other form, has none. */
static void a_list_is_found_only_where_there_is_one(void **s)
{
	(void)s;
	const size_t n = MSG_STORED_HEAD_BYTES + 5 + 2 * BIG_ROW_BYTES;
	struct slice list;
	for (size_t cut = 0; cut <= n; cut++) {
		uint8_t *stored = malloc(n - cut + 1);
		struct wr w = wr_of((uint8_t[64]){ 0 }, 64);
		wr_u8(&w, MSG_CHUNKS);
		wr_u8(&w, 0);
		wr_le16(&w, 2);
		wr_le32(&w, 3);
		wr_le32(&w, 2 * BIG_ROW_BYTES);
		memcpy(stored, w.p, n - cut < w.n ? n - cut : w.n);
		if (n - cut > w.n)
			memset(stored + w.n, 9, n - cut - w.n);
		enum err e = big_find(slice_of(stored, n - cut), &list);
		assert_int_equal(e, cut ? ERR_CORRUPT : ERR_OK);
		if (!cut) {
			assert_int_equal(big_n(list), 2);
			stored[0] = MSG_AMQP091;
			assert_int_equal(big_find(slice_of(stored, n), &list), ERR_CORRUPT);
		}
		free(stored);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_list_says_what_was_put),
		cmocka_unit_test(a_list_is_found_only_where_there_is_one),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
