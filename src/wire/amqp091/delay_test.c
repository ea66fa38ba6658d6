#include "wire/amqp091/delay.h"

#include "wire/amqp091/for_tests.h"
#include "wire/amqp091/props.h"
#include "wire/amqp091/table.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#define ROOM 4096

/* Properties with one header x-delay of that type, others around it, and an expiration. */
static struct slice props_of(uint8_t *at, enum amqp091_type type, int64_t delay)
{
	uint8_t table[ROOM];
	struct wr w = wr_of(table, sizeof table);
	amqp091_put_str(&w, "a", slice_str("b"));
	amqp091_put_name(&w, slice_str("x-delay"));
	amqp091_put_value(&w, &(struct amqp091_value){ .type = type, .i = delay });
	amqp091_put_name(&w, slice_str("BCC"));
	size_t mark = amqp091_put_open(&w, AMQP091_TYPE_ARRAY);
	amqp091_put_value(&w, &(struct amqp091_value){ .type = AMQP091_TYPE_LONGSTR,
						       .octets = slice_str("blind") });
	amqp091_put_close(&w, mark);
	amqp091_put_int(&w, "z", 7);
	struct amqp091_props p = {
		.flags = AMQP091_HAS_headers | AMQP091_HAS_priority | AMQP091_HAS_expiration |
			 AMQP091_HAS_app_id,
		.headers = wr_done(&w),
		.priority = 7,
		.expiration = slice_str("60000"),
		.app_id = slice_str("app"),
	};
	return slice_of(at, (size_t)(amqp091_props_put(at, &p) - at));
}

/* Rewrites, in blocks of the exact size. */
static struct slice delayed(uint8_t *at, struct slice props, struct amqp091_delayed *out)
{
	struct slice in = exact(props, props.n);
	struct wr w = wr_of(at, props.n + AMQP091_DELAY_GROWS);
	assert_int_equal(amqp091_delay_put(&w, in, true, out), ERR_OK);
	assert_true(wr_ok(&w));
	for (size_t n = 0; n < w.n; n++) { /* too small: it says so, and writes no further */
		uint8_t *small = malloc(n ? n : 1);
		struct amqp091_delayed none;
		struct wr tight = wr_of(small, n);
		assert_int_equal(amqp091_delay_put(&tight, in, true, &none), ERR_OK);
		assert_false(wr_ok(&tight));
		free(small);
	}
	exact_free(in);
	return wr_done(&w);
}

static void the_delay_is_negated_and_bcc_goes(void **s)
{
	(void)s;
	uint8_t in[ROOM], at[ROOM];
	struct amqp091_delayed d;
	struct slice out = delayed(at, props_of(in, AMQP091_TYPE_INT, 5000), &d);
	say_props(out,
		  " headers={a='b', x-delay=-5000, z=7} priority=7 expiration='60000' app_id='app'",
		  __LINE__);
}

static void further_keys_are_told(void **s)
{
	(void)s;
	uint8_t in[ROOM], at[ROOM];
	struct amqp091_delayed d;
	struct slice props = props_of(in, AMQP091_TYPE_INT, 5);
	struct wr w = wr_of(at, sizeof at);
	struct amqp091_value v;
	assert_int_equal(amqp091_delay_put(&w, props, true, &d), ERR_OK);
	struct rd r = rd_of(d.copies[1]);
	assert_true(d.copies[0].n == 0 && amqp091_array_next(&r, &v));
	assert_true(slice_eq(v.octets, slice_str("blind")) && rd_done(&r));
}

static void each_type_of_integer_can_be_negated(void **s)
{
	(void)s;
	static const struct {
		enum amqp091_type type, becomes;
		int64_t delay;
	} row[] = {
		{ AMQP091_TYPE_BYTE, AMQP091_TYPE_BYTE, 127 },
		{ AMQP091_TYPE_UBYTE, AMQP091_TYPE_LONG, 255 },
		{ AMQP091_TYPE_SHORT, AMQP091_TYPE_SHORT, 32767 },
		{ AMQP091_TYPE_USHORT, AMQP091_TYPE_LONG, 65535 },
		{ AMQP091_TYPE_INT, AMQP091_TYPE_INT, INT32_MAX },
		{ AMQP091_TYPE_UINT, AMQP091_TYPE_LONG, UINT32_MAX },
		{ AMQP091_TYPE_LONG, AMQP091_TYPE_LONG, UINT32_MAX },
	};
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		uint8_t in[ROOM], at[ROOM];
		struct amqp091_delayed d;
		struct amqp091_props p;
		struct amqp091_value v;
		struct slice out = delayed(at, props_of(in, row[i].type, row[i].delay), &d);
		assert_int_equal(amqp091_props_decode(out, &p), ERR_OK);
		assert_true(amqp091_table_find(p.headers, slice_str("x-delay"), &v));
		assert_true(v.type == row[i].becomes && v.i == -row[i].delay);
	}
}

static void a_delay_in_digits_is_negated_too(void **s)
{
	(void)s;
	static const char *const texts[][2] = {
		{ "5000", "-5000" }, { "-5000", "-5000" }, { "5s", "5s" }, { "", "" }
	};
	uint8_t in[ROOM], at[ROOM], table[ROOM];
	struct amqp091_delayed d;
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		struct wr w = wr_of(table, sizeof table);
		struct amqp091_props p = { .flags = AMQP091_HAS_headers };
		struct slice text;
		amqp091_put_str(&w, "x-delay", slice_str(texts[i][0]));
		p.headers = wr_done(&w);
		struct slice props = slice_of(in, (size_t)(amqp091_props_put(in, &p) - in));
		assert_int_equal(amqp091_props_decode(delayed(at, props, &d), &p), ERR_OK);
		assert_true(amqp091_table_str(p.headers, "x-delay", &text));
		assert_true(slice_eq(text, slice_str(texts[i][1])));
	}
}

static void what_was_kept_for_another_reason_keeps_its_delay(void **s)
{
	(void)s;
	uint8_t in[ROOM], at[ROOM];
	struct amqp091_delayed d;
	struct wr w = wr_of(at, sizeof at);
	assert_int_equal(amqp091_delay_put(&w, props_of(in, AMQP091_TYPE_INT, 5), false, &d),
			 ERR_OK);
	say_props(wr_done(&w),
		  " headers={a='b', x-delay=5, z=7} priority=7 expiration='60000' app_id='app'",
		  __LINE__);
}

static void what_has_no_delay_stays_as_it_is(void **s)
{
	(void)s;
	uint8_t at[ROOM];
	struct amqp091_delayed d;
	struct slice none = bytes_of("\0\0");
	assert_true(slice_eq(delayed(at, none, &d), none));
	struct wr w = wr_of(at, sizeof at);
	assert_int_equal(amqp091_delay_put(&w, bytes_of("\xff"), true, &d), ERR_MALFORMED);
	assert_int_equal(w.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_delay_is_negated_and_bcc_goes),
		cmocka_unit_test(further_keys_are_told),
		cmocka_unit_test(a_delay_in_digits_is_negated_too),
		cmocka_unit_test(each_type_of_integer_can_be_negated),
		cmocka_unit_test(what_was_kept_for_another_reason_keeps_its_delay),
		cmocka_unit_test(what_has_no_delay_stays_as_it_is),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
