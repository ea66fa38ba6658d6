#include "wire/stomp/later.h"

#include "wire/stomp/for_tests.h"
#include "wire/stomp/stored.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

static uint8_t room[1000], gone_room[1000];

static struct slice stored(const char *head)
{
	struct wr scratch = wr_of(gone_room, sizeof gone_room);
	struct wr w = wr_of(room, sizeof room);
	stomp_stored_put(slice_str(head), STOMP_1_2, &scratch, &w);
	return wr_done(&w);
}

static bool later_of(const char *head, struct stomp_later *out)
{
	struct rd r = rd_of(stored(head));
	struct slice name, value;
	bool is_right = true;
	*out = (struct stomp_later){ .has = 0 };
	while (stomp_stored_next(&r, &name, &value))
		is_right = stomp_later_take(out, name, value) && is_right;
	return is_right;
}

static void the_first_of_each_header_counts(void **s)
{
	(void)s;
	struct stomp_later l;
	assert_true(later_of("AMQ_SCHEDULED_DELAY:5\nAMQ_SCHEDULED_PERIOD:7\nfoo:bar\n"
			     "AMQ_SCHEDULED_REPEAT:-1\nAMQ_SCHEDULED_DELAY:6\n"
			     "AMQ_SCHEDULED_CRON:* * * * *\n",
			     &l));
	assert_int_equal(l.delay_ms, 5);
	assert_int_equal(l.period_ms, 7);
	assert_int_equal(l.repeat, -1);
	SAME(l.cron, "* * * * *");
	assert_true(stomp_later_is(&l));
}

static void a_repeat_alone_waits_for_nothing(void **s)
{
	(void)s;
	struct stomp_later l;
	assert_true(later_of("AMQ_SCHEDULED_REPEAT:3\n", &l));
	assert_false(stomp_later_is(&l));
}

static void what_has_waited_does_not_wait_again(void **s)
{
	(void)s;
	struct stomp_later l;
	assert_true(later_of("AMQ_SCHEDULED_DELAY:3\nscheduledJobId:ID\\cx\n", &l));
	assert_false(stomp_later_is(&l));
}

static void a_word_is_no_number(void **s)
{
	(void)s;
	struct stomp_later l;
	assert_false(later_of("AMQ_SCHEDULED_DELAY:soon\n", &l));
	assert_false(later_of("AMQ_SCHEDULED_PERIOD:\n", &l));
	assert_false(later_of("AMQ_SCHEDULED_REPEAT:1.5\n", &l));
}

static uint16_t times_n;

static uint64_t again(const char *head, uint32_t n)
{
	return stomp_later_again(stored(head), n, NULL, 1000, &times_n);
}

static void it_goes_once_more_than_it_is_repeated(void **s)
{
	(void)s;
	const char *head = "AMQ_SCHEDULED_DELAY:5\nAMQ_SCHEDULED_PERIOD:7\n"
			   "AMQ_SCHEDULED_REPEAT:2\n";
	assert_int_equal(again(head, 0), 1007);
	assert_int_equal(again(head, 1), 1007);
	assert_int_equal(times_n, 2);
	assert_int_equal(again(head, 2), 0);
	assert_int_equal(again("AMQ_SCHEDULED_PERIOD:7\n", 0), 0);
	assert_int_equal(again("AMQ_SCHEDULED_DELAY:7\nAMQ_SCHEDULED_REPEAT:1\n", 0), 1001);
	assert_int_equal(again("foo:bar\n", 0), 0);
}

static void what_is_repeated_for_ever_has_no_last_time(void **s)
{
	(void)s;
	const char *head = "AMQ_SCHEDULED_PERIOD:7\nAMQ_SCHEDULED_REPEAT:-1\n";
	assert_int_equal(again(head, 0), 1007);
	assert_int_equal(again(head, UINT16_MAX), 1007);
	assert_int_equal(times_n, UINT16_MAX);
}

#define MINUTE UINT64_C(60000)

static uint64_t first(const char *head, uint64_t now_ms)
{
	struct stomp_later l;
	assert_true(later_of(head, &l) && stomp_later_is(&l));
	return stomp_later_first(&l, NULL, now_ms);
}

static uint64_t again_at(const char *head, uint32_t n, uint64_t now_ms)
{
	return stomp_later_again(stored(head), n, NULL, now_ms, &times_n);
}

static void a_delay_is_counted_from_the_next_moment_on(void **s)
{
	(void)s;
	assert_int_equal(first("AMQ_SCHEDULED_DELAY:5\n", 1000), 1005);
	assert_int_equal(first("AMQ_SCHEDULED_PERIOD:7\n", 1000), 1007);
	assert_int_equal(first("AMQ_SCHEDULED_CRON:* * * * *\n", 1000), MINUTE);
	assert_int_equal(first("AMQ_SCHEDULED_CRON:*/5 * * * *\nAMQ_SCHEDULED_DELAY:7\n", 1000),
			 5 * MINUTE + 7);
	assert_int_equal(first("AMQ_SCHEDULED_CRON:* * * * *\nAMQ_SCHEDULED_PERIOD:7\n", 1000),
			 MINUTE); /* of nothing that is repeated */
	assert_int_equal(first("AMQ_SCHEDULED_CRON:* * * * *\nAMQ_SCHEDULED_PERIOD:7\n"
			       "AMQ_SCHEDULED_REPEAT:1\n",
			       1000),
			 MINUTE + 7);
	assert_int_equal(first("AMQ_SCHEDULED_CRON:0 0 30 2 *\n", 1000), 0);
	assert_int_equal(first("AMQ_SCHEDULED_CRON:\n", 1000), 1000); /* no fields at all */
}

static void what_has_fields_goes_again_at_each_of_their_moments(void **s)
{
	(void)s;
	const char *head = "AMQ_SCHEDULED_CRON:*/2 * * * *\n";
	assert_int_equal(again_at(head, 0, 2 * MINUTE), 4 * MINUTE);
	assert_int_equal(times_n, 0);
	assert_int_equal(again_at(head, 0, 9 * MINUTE + 1), 10 * MINUTE); /* three are missed */
	head = "AMQ_SCHEDULED_CRON:* * * * *\nAMQ_SCHEDULED_DELAY:90000\n";
	assert_int_equal(again_at(head, 0, 150000), 210000);
}

static void it_is_repeated_behind_each_of_them(void **s)
{
	(void)s;
	const char *head = "AMQ_SCHEDULED_CRON:*/2 * * * *\nAMQ_SCHEDULED_DELAY:10\n"
			   "AMQ_SCHEDULED_PERIOD:50\nAMQ_SCHEDULED_REPEAT:2\n";
	assert_int_equal(again_at(head, 0, 2 * MINUTE + 10), 2 * MINUTE + 60);
	assert_int_equal(times_n, 1);
	assert_int_equal(again_at(head, 1, 2 * MINUTE + 60), 2 * MINUTE + 110);
	assert_int_equal(times_n, 2);
	assert_int_equal(again_at(head, 2, 2 * MINUTE + 110), 4 * MINUTE + 10);
	assert_int_equal(times_n, 0);
	assert_int_equal(again_at(head, 2, 5 * MINUTE), 6 * MINUTE + 10); /* it took too long */
}

static struct slice goes(const char *head, uint64_t now_ms, uint64_t *out_expires_ms)
{
	struct wr w = wr_of(gone_room, sizeof gone_room);
	stomp_later_go(&w, stored(head), now_ms, out_expires_ms);
	return wr_done(&w);
}

static void what_goes_says_nothing_of_waiting(void **s)
{
	(void)s;
	uint64_t until;
	struct slice block = goes("AMQ_SCHEDULED_DELAY:5\nfoo:a\nAMQ_SCHEDULED_CRON:x\n"
				  "scheduledJobId:j\ntimestamp:7\n",
				  9, &until);
	SAME(block, "\0\3foo\0\1a\0\16scheduledJobId\0\1j\0\11timestamp\0\1"
		    "7");
	assert_int_equal(until, 0);
}

/* 300 ms from when it was sent are 300 ms from when it goes. */
static void its_life_begins_when_it_goes(void **s)
{
	(void)s;
	uint64_t until;
	struct slice block = goes("expires:1300\nAMQ_SCHEDULED_DELAY:500\ntimestamp:1000\n", 1500,
				  &until);
	SAME(block, "\0\7expires\0\4"
		    "1800\0\11timestamp\0\4"
		    "1500");
	assert_int_equal(until, 1800);
	(void)goes("expires:1300\ntimestamp:2000\n", 1500, &until);
	assert_int_equal(until, 1300);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_of_each_header_counts),
		cmocka_unit_test(a_repeat_alone_waits_for_nothing),
		cmocka_unit_test(what_has_waited_does_not_wait_again),
		cmocka_unit_test(a_word_is_no_number),
		cmocka_unit_test(it_goes_once_more_than_it_is_repeated),
		cmocka_unit_test(what_is_repeated_for_ever_has_no_last_time),
		cmocka_unit_test(a_delay_is_counted_from_the_next_moment_on),
		cmocka_unit_test(what_has_fields_goes_again_at_each_of_their_moments),
		cmocka_unit_test(it_is_repeated_behind_each_of_them),
		cmocka_unit_test(what_goes_says_nothing_of_waiting),
		cmocka_unit_test(its_life_begins_when_it_goes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
