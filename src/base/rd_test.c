#include "base/exact_for_tests.h"
#include "base/rd.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

static const uint8_t all_kinds[] = {
	1,    0x12, 0x34, 1, 2, 3, 4, 1,   2,   3,   4, 5, 6, 7, 8, /* u8 u16 u32 u64 */
	0x34, 0x12, 4,    3, 2, 1, 8, 7,   6,   5,   4, 3, 2, 1,    /* le16 le32 le64 */
	2,    'h',  'i',  0, 0, 0, 3, 'y', 'o', 'u', 0, 9, 8,       /* str8 str32 str8 skip take */
};

/* read_all reads every kind once; only whole input gives these values. */
static bool read_all(struct rd *r)
{
	bool good = rd_u8(r) == 1;
	good &= rd_u16(r) == 0x1234;
	good &= rd_u32(r) == 0x01020304;
	good &= rd_u64(r) == 0x0102030405060708;
	good &= rd_le16(r) == 0x1234;
	good &= rd_le32(r) == 0x01020304;
	good &= rd_le64(r) == 0x0102030405060708;
	good &= slice_eq(rd_str8(r), slice_str("hi"));
	good &= slice_eq(rd_str32(r), slice_str("you"));
	good &= slice_is_empty(rd_str8(r));
	rd_skip(r, 1);
	good &= slice_eq(rd_take(r, 1), slice_str("\x08"));
	return good;
}

static void every_prefix_is_refused_and_the_whole_is_read(void **s)
{
	(void)s;
	for (size_t n = 0; n <= sizeof all_kinds; n++) {
		struct slice copy = exact(slice_of(all_kinds, n), n);
		struct rd r = rd_of(copy);
		bool good = read_all(&r);
		must(rd_ok(&r) == (n == sizeof all_kinds));
		must(rd_done(&r) == rd_ok(&r) && good == rd_ok(&r) && rd_left(&r) == 0);
		exact_free(copy);
	}
}

static void after_the_first_short_read_all_is_zero(void **s)
{
	(void)s;
	struct rd r = rd_of(slice_of(all_kinds, 3));
	must(rd_u32(&r) == 0 && !rd_ok(&r));
	must(rd_u8(&r) == 0 && slice_is_empty(rd_rest(&r)) && !rd_done(&r));
}

static void a_length_beyond_the_end_is_short(void **s)
{
	(void)s;
	static const uint8_t huge[] = { 0xff, 0xff, 0xff, 0xff, 'x' };
	struct rd r = rd_of(slice_of(huge, sizeof huge));
	must(slice_is_empty(rd_str32(&r)) && !rd_ok(&r));
}

static void a_decoder_can_fail_it_and_the_rest_can_be_had(void **s)
{
	(void)s;
	struct rd r = rd_of(slice_of(all_kinds, 5));
	must(rd_u8(&r) == 1 && rd_left(&r) == 4);
	must(rd_rest(&r).n == 4 && rd_done(&r));
	r = rd_of(slice_of(all_kinds, 5));
	rd_fail(&r);
	must(!rd_ok(&r) && rd_u8(&r) == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_prefix_is_refused_and_the_whole_is_read),
		cmocka_unit_test(after_the_first_short_read_all_is_zero),
		cmocka_unit_test(a_length_beyond_the_end_is_short),
		cmocka_unit_test(a_decoder_can_fail_it_and_the_rest_can_be_had),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
