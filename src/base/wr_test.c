#include "base/wr.h"

#include "base/rd.h"

#include <stdlib.h>

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

static void write_all(struct wr *w)
{
	size_t at = w->n;
	wr_u32(w, 0);
	wr_u8(w, 1);
	wr_u16(w, 0x1234);
	wr_u64(w, 0x0102030405060708);
	wr_le16(w, 0x1234);
	wr_le32(w, 0x01020304);
	wr_le64(w, 0x0102030405060708);
	wr_str8(w, slice_str("hi"));
	wr_str32(w, slice_str("you"));
	wr_zeros(w, 2);
	wr_bytes(w, "x", 1);
	wr_slice(w, SLICE_EMPTY);
	wr_patch_u32(w, at, (uint32_t)(w->n - at - 4));
}

static void every_buffer_too_small_is_full_and_is_kept_to(void **s)
{
	(void)s;
	static const uint8_t want[] = { 0, 0, 0, 38,  1,    0x12, 0x34, 1, 2,   3,   4,
					5, 6, 7, 8,   0x34, 0x12, 4,    3, 2,   1,   8,
					7, 6, 5, 4,   3,    2,    1,    2, 'h', 'i', 0,
					0, 0, 3, 'y', 'o',  'u',  0,    0, 'x' };
	for (size_t cap = 0; cap <= sizeof want; cap++) {
		uint8_t *buf = malloc(cap);
		struct wr w = wr_of(buf, cap);
		write_all(&w);
		must(wr_ok(&w) == (cap == sizeof want) && w.n <= cap && wr_left(&w) == 0);
		if (wr_ok(&w))
			must(slice_eq(wr_done(&w), slice_of(want, sizeof want)));
		else /* what fitted stands, the patch at the end was not made */
			must(w.n < 4 || load_be32(buf) == 0);
		free(buf);
	}
}

static void what_is_written_is_read_again(void **s)
{
	(void)s;
	uint8_t buf[64];
	struct wr w = wr_of(buf, sizeof buf);
	wr_le32(&w, 7);
	wr_u16(&w, 8);
	wr_str8(&w, slice_str("key"));
	wr_patch_le32(&w, 0, 9);
	struct rd r = rd_of(wr_done(&w));
	must(rd_le32(&r) == 9 && rd_u16(&r) == 8 && slice_eq(rd_str8(&r), slice_str("key")));
	must(rd_done(&r));
}

static void a_write_that_does_not_fit_shuts_the_cursor(void **s)
{
	(void)s;
	uint8_t buf[3];
	struct wr w = wr_of(buf, sizeof buf);
	wr_u32(&w, 1);
	wr_u8(&w, 1);
	must(!wr_ok(&w) && w.n == 0 && wr_reserve(&w, 0) == NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_buffer_too_small_is_full_and_is_kept_to),
		cmocka_unit_test(what_is_written_is_read_again),
		cmocka_unit_test(a_write_that_does_not_fit_shuts_the_cursor),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
