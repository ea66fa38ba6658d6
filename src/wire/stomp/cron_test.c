#include "wire/stomp/cron.h"

#include "base/must.h"
#include "base/prng.h"
#include "base/text.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>

/* 2026-03-01 00:00:00 UTC, a Sunday. */
#define MARCH_S INT64_C(1772323200)
#define DAY_S   86400
#define AT(days, hours, minutes) \
	((uint64_t)(MARCH_S + (days)*DAY_S + (hours)*3600 + (minutes)*60) * 1000)

static const char *wrong_of(const char *text)
{
	struct stomp_cron c;
	const char *wrong;
	return stomp_cron_read(slice_str(text), &c, &wrong) ? "" : wrong;
}

static uint64_t next_in(const struct zone *z, const char *text, uint64_t after_ms)
{
	struct stomp_cron c;
	const char *wrong;
	assert_true(stomp_cron_read(slice_str(text), &c, &wrong));
	return stomp_cron_next(&c, z, after_ms);
}

static uint64_t next(const char *text, uint64_t after_ms)
{
	return next_in(NULL, text, after_ms);
}

#define NEXT(text, after, want) assert_int_equal(next(text, after), want)

static void every_minute_begins_at_its_beginning(void **s)
{
	(void)s;
	NEXT("* * * * *", AT(0, 0, 0), AT(0, 0, 1));
	NEXT("* * * * *", AT(0, 0, 0) + 59999, AT(0, 0, 1));
	NEXT("? ? ? ? ?", AT(0, 23, 59), AT(1, 0, 0));
	NEXT("  *\t* * *  * ", AT(0, 0, 0), AT(0, 0, 1));
}

static void a_field_has_numbers_lists_ranges_and_steps(void **s)
{
	(void)s;
	NEXT("50 20 * * *", AT(0, 20, 49), AT(0, 20, 50));
	NEXT("50 20 * * *", AT(0, 20, 50), AT(1, 20, 50));
	NEXT("5,40,20 9 * * *", AT(0, 9, 5), AT(0, 9, 20));
	NEXT("0 9-11 * * *", AT(0, 11, 0), AT(1, 9, 0));
	NEXT("*/15 * * * *", AT(0, 3, 16), AT(0, 3, 30));
	NEXT("10-12,30 * * * *", AT(0, 3, 12), AT(0, 3, 30));
	NEXT("5-30/10 * * * *", AT(0, 3, 0), AT(0, 3, 10)); /* what ten divides */
	NEXT("5-30/10 * * * *", AT(0, 3, 30), AT(0, 4, 10));
	NEXT("3,4,6/2 * * * *", AT(0, 3, 0), AT(0, 3, 4)); /* of all items */
}

static void days_are_those_of_the_month_or_of_the_week(void **s)
{
	(void)s;
	NEXT("0 0 15 * *", AT(0, 0, 0), AT(14, 0, 0));
	NEXT("0 0 * * 3", AT(0, 0, 0), AT(3, 0, 0));
	NEXT("0 0 * * 0", AT(0, 0, 0), AT(7, 0, 0));
	NEXT("0 0 * * 7", AT(0, 0, 0), AT(7, 0, 0));
	NEXT("0 0 * * 5-7", AT(0, 0, 0), AT(5, 0, 0));
	NEXT("0 0 4 * 5", AT(0, 0, 0), AT(3, 0, 0)); /* either is enough */
	NEXT("0 0 4 * 5", AT(3, 0, 0), AT(5, 0, 0));
	NEXT("0 0 31 * *", AT(31, 0, 0), AT(91, 0, 0)); /* May has one, April none */
	NEXT("0 0 1 4,6 *", AT(0, 0, 0), AT(31, 0, 0));
	NEXT("0 0 1 4,6 *", AT(31, 0, 0), AT(92, 0, 0));
	NEXT("0 0 29 2 *", AT(0, 0, 0), AT(730, 0, 0)); /* of 2028 */
	NEXT("0 0 30 2 *", AT(0, 0, 0), 0);
}

static void what_makes_no_sense_is_named(void **s)
{
	(void)s;
	assert_string_equal(wrong_of(""), STOMP_CRON_COUNT);
	assert_string_equal(wrong_of("* * * *"), STOMP_CRON_COUNT);
	assert_string_equal(wrong_of("* * * * * *"), STOMP_CRON_COUNT);
	assert_string_equal(wrong_of("60 * * * *"), "minute");
	assert_string_equal(wrong_of("-1 * * * *"), "minute");
	assert_string_equal(wrong_of("1,, * * * *"), "minute");
	assert_string_equal(wrong_of("1/2 * * * *"), "minute"); /* nothing is left of it */
	assert_string_equal(wrong_of("* 24 * * *"), "hour");
	assert_string_equal(wrong_of("* 5-1 * * *"), "hour");
	assert_string_equal(wrong_of("* */0 * * *"), "hour");
	assert_string_equal(wrong_of("* */2,3 * * *"), "hour");
	assert_string_equal(wrong_of("* * 0 * *"), "day of month");
	assert_string_equal(wrong_of("* * L * *"), "day of month");
	assert_string_equal(wrong_of("* * * 13 *"), "month");
	assert_string_equal(wrong_of("* * * JAN *"), "month");
	assert_string_equal(wrong_of("* * * * 8"), "day of week");
	assert_string_equal(wrong_of("* * * * 1#2"), "day of week");
	assert_string_equal(wrong_of("* * * * 1-"), "day of week");
	assert_string_equal(wrong_of("* * * * 999999999999999999999"), "day of week");
}

/* ---- where clocks are changed ------------------------------------------------------------- */

/* An hour ahead, from 29 March 01:00 UTC on two, and from 25 October 01:00 UTC on one again. */
static int32_t berlin(const struct zone *z, int64_t utc_s)
{
	const int64_t summer = MARCH_S + 28 * DAY_S + 3600, winter = MARCH_S + 238 * DAY_S + 3600;
	(void)z;
	return utc_s >= summer && utc_s < winter ? 7200 : 3600;
}

static const struct zone zone = { berlin };

static void times_are_those_of_the_zone(void **s)
{
	(void)s;
	assert_int_equal(next_in(&zone, "0 9 * * *", AT(0, 0, 0)), AT(0, 8, 0));
	assert_int_equal(next_in(&zone, "0 9 * * *", AT(30, 8, 0)), AT(31, 7, 0));
	assert_int_equal(next_in(&zone, "0 0 1 * *", AT(0, 0, 0)), AT(30, 22, 0));
	assert_int_equal(next_in(&zone, "30 * * * 1", AT(0, 0, 0)), AT(0, 23, 30));
}

static void what_the_clock_leaves_out_is_due_when_that_is_over(void **s)
{
	(void)s;
	assert_int_equal(next_in(&zone, "30 2 * * *", AT(27, 1, 30)), AT(28, 1, 0));
	assert_int_equal(next_in(&zone, "30 2 * * *", AT(28, 1, 0)), AT(29, 0, 30));
	assert_int_equal(next_in(&zone, "*/10 2 * * *", AT(28, 0, 59)), AT(28, 1, 0)); /* once */
	assert_int_equal(next_in(&zone, "*/10 2 * * *", AT(28, 1, 0)), AT(29, 0, 0));
	assert_int_equal(next_in(&zone, "*/30 * * * *", AT(28, 0, 30)), AT(28, 1, 0));
	assert_int_equal(next_in(&zone, "*/30 * * * *", AT(28, 1, 0)), AT(28, 1, 30));
	assert_int_equal(next_in(&zone, "30 2 28 * *", AT(28, 0, 0)), AT(58, 0, 30));
}

static void what_the_clock_shows_twice_is_due_twice(void **s)
{
	(void)s;
	assert_int_equal(next_in(&zone, "30 2 * * *", AT(237, 12, 0)), AT(238, 0, 30));
	assert_int_equal(next_in(&zone, "30 2 * * *", AT(238, 0, 30)), AT(238, 1, 30));
	assert_int_equal(next_in(&zone, "30 2 * * *", AT(238, 1, 30)), AT(239, 1, 30));
	assert_int_equal(next_in(&zone, "59 * * * *", AT(238, 0, 59)), AT(238, 1, 59));
	assert_int_equal(next_in(&zone, "59 2 * * *", AT(238, 0, 59)), AT(238, 1, 59));
}

/* ---- beside looking at each minute -------------------------------------------------------- */

static void put_field(struct text *t, struct prng *dice, uint32_t min, uint32_t max)
{
	const uint32_t a = (uint32_t)prng_between(dice, min, max);
	switch (prng_below(dice, 5)) {
	case 0: text_putf(t, "%u ", a); break;
	case 1: text_putf(t, "%u-%u ", a, (uint32_t)prng_between(dice, a, max)); break;
	case 2: text_putf(t, "*/%u ", (uint32_t)prng_between(dice, 1, max / 2)); break;
	default: text_puts(t, "* "); break;
	}
}

static bool fits(const struct stomp_cron *c, uint64_t at_ms)
{
	const uint64_t day = at_ms / 1000 / DAY_S;
	const uint64_t value[] = { at_ms / 60000 % 60, at_ms / 3600000 % 24,
				   day - MARCH_S / DAY_S + 1, 3, (day + 4) % 7 };
	const bool is_date = c->at[STOMP_CRON_DAY] >> value[2] & 1;
	const bool is_weekday = c->at[STOMP_CRON_WEEKDAY] >> value[4] & 1;
	const bool is_either = c->at[STOMP_CRON_DAY] != UINT64_C(0xfffffffe) &&
			       c->at[STOMP_CRON_WEEKDAY] != 0x7f;
	return c->at[0] >> value[0] & 1 && c->at[1] >> value[1] & 1 && c->at[3] >> value[3] & 1 &&
	       (is_either ? is_date || is_weekday : is_date && is_weekday);
}

/* In the March of 2026. */
static void it_finds_what_looking_at_each_minute_finds(void **s)
{
	(void)s;
	struct prng dice = prng_of(11);
	for (int i = 0; i < 300; i++) {
		char room[100];
		struct text t = text_of(room, sizeof room);
		struct stomp_cron c;
		const char *wrong;
		put_field(&t, &dice, 0, 59);
		put_field(&t, &dice, 0, 23);
		put_field(&t, &dice, 1, 31);
		text_puts(&t, "* ");
		put_field(&t, &dice, 0, 6);
		assert_true(stomp_cron_read(text_slice(&t), &c, &wrong));
		const uint64_t after = AT(0, 0, 0) + prng_below(&dice, UINT64_C(20) * DAY_S * 1000);
		uint64_t want = (after / 60000 + 1) * 60000;
		while (want < AT(31, 0, 0) && !fits(&c, want))
			want += 60000;
		if (want < AT(31, 0, 0))
			assert_int_equal(stomp_cron_next(&c, NULL, after), want);
		else
			assert_true(stomp_cron_next(&c, NULL, after) >= want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_minute_begins_at_its_beginning),
		cmocka_unit_test(a_field_has_numbers_lists_ranges_and_steps),
		cmocka_unit_test(days_are_those_of_the_month_or_of_the_week),
		cmocka_unit_test(what_makes_no_sense_is_named),
		cmocka_unit_test(times_are_those_of_the_zone),
		cmocka_unit_test(what_the_clock_leaves_out_is_due_when_that_is_over),
		cmocka_unit_test(what_the_clock_shows_twice_is_due_twice),
		cmocka_unit_test(it_finds_what_looking_at_each_minute_finds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
