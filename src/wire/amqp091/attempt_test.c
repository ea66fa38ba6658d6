#include "wire/amqp091/attempt.h"

#include "wire/amqp091/for_tests.h"
#include "wire/amqp091/props.h"
#include "wire/amqp091/table.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#define ROOM 512

/* Writes into a block of the exact room, and into every smaller one; compares what came of it. */
static void says(struct slice props, uint32_t acquired, uint32_t failed, const char *want, int line)
{
	struct slice in = exact(props, props.n);
	size_t room = amqp091_attempt_room(props);
	uint8_t *at = malloc(room);
	struct wr w = wr_of(at, room);
	assert_int_equal(amqp091_attempt_put(&w, in, acquired, failed), ERR_OK);
	assert_true(wr_ok(&w));
	say_props(wr_done(&w), want, line);
	for (size_t n = 0; n < w.n; n++) {
		uint8_t *small = malloc(n ? n : 1);
		struct wr tight = wr_of(small, n);
		assert_int_equal(amqp091_attempt_put(&tight, in, acquired, failed), ERR_OK);
		assert_false(wr_ok(&tight));
		free(small);
	}
	free(at);
	exact_free(in);
}

static void the_counts_join_the_headers(void **s)
{
	(void)s;
	says(bytes_of("\0\0"), 1, 1, " headers={x-delivery-count=1, x-acquired-count=1}", __LINE__);
	says(bytes_of("\0\0"), 2, 0, " headers={x-acquired-count=2}", __LINE__);
	says(bytes_of("\x30\0\0\0\0\0\2"), 4, 3,
	     " headers={x-delivery-count=3, x-acquired-count=4} delivery_mode=2", __LINE__);
	says(bytes_of("\x20\0\0\0\0\7\1aI\0\0\0\5"), 70000, 0,
	     " headers={a=5, x-acquired-count=70000}", __LINE__);
}

static void counts_of_somebody_else_go(void **s)
{
	(void)s;
	uint8_t buf[ROOM];
	struct wr w = wr_of(buf, sizeof buf);
	wr_u16(&w, AMQP091_HAS_headers);
	size_t mark = w.n;
	wr_u32(&w, 0);
	amqp091_put_str(&w, "x-delivery-count", slice_str("many"));
	amqp091_put_bool(&w, "b", true);
	amqp091_put_str(&w, "x-acquired-count", slice_str("more"));
	amqp091_put_close(&w, mark);
	says(wr_done(&w), 2, 2, " headers={b=true, x-delivery-count=2, x-acquired-count=2}",
	     __LINE__);
	says(wr_done(&w), 2, 0, " headers={b=true, x-acquired-count=2}", __LINE__);
}

static void malformed_properties_are_refused(void **s)
{
	(void)s;
	uint8_t buf[ROOM];
	struct slice props = bytes_of("\x30\0\0\0\0\7\1aI\0\0\0\5\2");
	for (size_t n = 0; n < props.n; n++) {
		struct slice part = exact(props, n);
		struct wr w = wr_of(buf, sizeof buf);
		assert_int_equal(amqp091_attempt_put(&w, part, 1, 1), ERR_MALFORMED);
		assert_int_equal(w.n, 0);
		exact_free(part);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_counts_join_the_headers),
		cmocka_unit_test(counts_of_somebody_else_go),
		cmocka_unit_test(malformed_properties_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
