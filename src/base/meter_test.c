#include "base/meter.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static struct meter m;

static void a_sum_is_of_all_lanes_whichever_went_up(void **state)
{
	(void)state;
	meter_init(&m, 3, 0);
	assert_int_equal(meter_sum(&m, METER_clients), 0);
	meter_add(&m.lanes[0], METER_clients, 5);
	meter_add(&m.lanes[2], METER_clients, 1);
	meter_take(&m.lanes[1], METER_clients, 2);
	assert_int_equal(meter_sum(&m, METER_clients), 4);
	assert_int_equal(meter_sum(&m, METER_sockets), 0);
	meter_take(&m.lanes[1], METER_clients, 5); /* seen before what went up */
	assert_int_equal(meter_sum(&m, METER_clients), 0);
	meter_set(&m.lanes[1], METER_queued, 7);
	meter_set(&m.lanes[1], METER_queued, 6);
	assert_int_equal(meter_sum(&m, METER_queued), 6);
}

static void the_most_there_ever_was_is_remembered(void **state)
{
	(void)state;
	meter_init(&m, 2, 0);
	meter_add(&m.lanes[0], METER_clients, 5);
	meter_rise(&m, METER_clients);
	meter_take(&m.lanes[1], METER_clients, 4);
	meter_rise(&m, METER_clients);
	assert_int_equal(meter_most(&m, METER_clients), 5);
	meter_add(&m.lanes[1], METER_clients, 8);
	assert_int_equal(meter_most(&m, METER_clients), 9);
}

/* `n` each 10 seconds, `times` times. */
static uint64_t pass(uint64_t now_ms, uint64_t n, int times)
{
	for (int i = 0; i < times; i++) {
		meter_add(&m.lanes[0], METER_bytes_in, n);
		meter_look(&m, now_ms += 10000);
	}
	return now_ms;
}

static bool is_near(uint64_t what, uint64_t is)
{
	return what >= is - is / 50 && what <= is + is / 50;
}

static void averages_come_near_what_is_steady_and_fade(void **state)
{
	(void)state;
	uint64_t a[METER_SPANS];
	meter_init(&m, 1, 5);
	uint64_t now = pass(5, 10, 6); /* a minute of 60 a minute */
	meter_average(&m, METER_bytes_in, a);
	assert_true(is_near(a[0], 37927)); /* 60 (1 - 1/e) */
	assert_true(is_near(a[1], 10876)); /* 60 (1 - e^(-1/5)) */
	assert_true(is_near(a[2], 3869));  /* 60 (1 - e^(-1/15)) */
	now = pass(now, 10, 1000);
	meter_average(&m, METER_bytes_in, a);
	assert_true(is_near(a[0], 60000) && is_near(a[1], 60000) && is_near(a[2], 60000));
	now = pass(now, 0, 6);
	meter_average(&m, METER_bytes_in, a);
	assert_true(is_near(a[0], 22073) && is_near(a[1], 49124) && is_near(a[2], 56131));
	meter_look(&m, now + 86400000); /* nobody looked for a day */
	meter_average(&m, METER_bytes_in, a);
	assert_true(a[0] == 0 && a[1] == 0 && a[2] == 0);
}

static void what_comes_between_looks_counts_once_however_many_look(void **state)
{
	(void)state;
	uint64_t a[METER_SPANS], b[METER_SPANS];
	meter_init(&m, 1, 0);
	meter_add(&m.lanes[0], METER_bytes_in, 600);
	meter_look(&m, 10000);
	meter_average(&m, METER_bytes_in, a);
	assert_true(a[0] > 0);
	meter_look(&m, 10999);
	meter_look(&m, 9000); /* a loop whose clock is behind */
	meter_average(&m, METER_bytes_in, b);
	assert_memory_equal(a, b, sizeof a);
	meter_look(&m, 11000);
	meter_average(&m, METER_bytes_in, b);
	assert_true(b[0] < a[0]);
}

static void no_number_is_too_large(void **state)
{
	(void)state;
	uint64_t a[METER_SPANS];
	meter_init(&m, 1, 0);
	for (uint64_t ms = 1000; ms < 100000; ms += 1000) {
		meter_add(&m.lanes[0], METER_bytes_in, UINT64_C(1) << 55);
		meter_look(&m, ms);
		meter_average(&m, METER_bytes_in, a);
		assert_true(a[0] > 0 && a[0] < UINT64_C(1) << 47);
	}
}

static void *count(void *lane)
{
	for (int i = 0; i < 20000; i++) {
		meter_add(lane, METER_packets_in, 1);
		if (i % 64 == 0)
			meter_look(&m, (uint64_t)i * 100);
	}
	return NULL;
}

static void threads_count_and_look_side_by_side(void **state)
{
	(void)state;
	pthread_t t[4];
	uint64_t a[METER_SPANS];
	meter_init(&m, 4, 0);
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&t[i], NULL, count, &m.lanes[i]), 0);
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_join(t[i], NULL), 0);
	meter_look(&m, 1u << 30);
	assert_int_equal(meter_sum(&m, METER_packets_in), 80000);
	meter_average(&m, METER_packets_in, a);
	assert_int_equal(meter_most(&m, METER_packets_in), 80000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_sum_is_of_all_lanes_whichever_went_up),
		cmocka_unit_test(the_most_there_ever_was_is_remembered),
		cmocka_unit_test(averages_come_near_what_is_steady_and_fade),
		cmocka_unit_test(what_comes_between_looks_counts_once_however_many_look),
		cmocka_unit_test(no_number_is_too_large),
		cmocka_unit_test(threads_count_and_look_side_by_side),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
