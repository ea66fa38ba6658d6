#include "app/bench/ledger.h"

#include "base/must.h"
#include "base/prng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#define RUN 77

static struct stamp message(uint16_t publisher, uint64_t seq)
{
	return (struct stamp){ .seq = seq, .run = RUN, .publisher = publisher };
}

static void sent(struct ledger *l, uint32_t publisher, uint64_t n)
{
	l->sent[publisher] = n;
}

/* expect compares every count of the ledger at once. */
static void expect(const struct ledger *l, uint64_t first, uint64_t lost, uint64_t duplicated,
		   uint64_t disordered, uint64_t strange)
{
	struct ledger_counts c = ledger_total(l);
	assert_int_equal(c.first, first);
	assert_int_equal(ledger_lost(l), lost);
	assert_int_equal(c.duplicated, duplicated);
	assert_int_equal(c.disordered, disordered);
	assert_int_equal(c.strange, strange);
}

static void a_stamp_comes_back_as_it_was(void **s)
{
	(void)s;
	uint8_t bytes[STAMP_BYTES];
	struct stamp most = { STAMP_SEQ_MAX, STAMP_NS_MAX, STAMP_RUN_MAX, STAMP_PUBLISHER_MAX };
	struct stamp some = { 123456789012, 98765432109876, RUN, 513 };
	stamp_write(bytes, most);
	struct stamp got = stamp_read(bytes);
	assert_true(got.seq == most.seq && got.sent_ns == most.sent_ns && got.run == most.run &&
		    got.publisher == most.publisher);
	stamp_write(bytes, some);
	got = stamp_read(bytes);
	assert_true(got.seq == some.seq && got.sent_ns == some.sent_ns && got.run == some.run &&
		    got.publisher == some.publisher);
}

static void a_clean_run_counts_nothing(void **s)
{
	(void)s;
	struct ledger l;
	ledger_init(&l, RUN, 1, 1, 1, false);
	sent(&l, 0, 100000);
	for (uint64_t i = 0; i < 100000; i++)
		ledger_see(&l, 0, 0, message(0, i));
	expect(&l, 100000, 0, 0, 0, 0);
	ledger_fini(&l);
}

static void planted_losses_are_found_wherever_they_are(void **s)
{
	(void)s;
	struct ledger l;
	ledger_init(&l, RUN, 1, 1, 1, false);
	sent(&l, 0, 10000);
	for (uint64_t i = 0; i < 9990; i++) {
		if (i != 0 && i != 17 && i != 18 && i != 5000)
			ledger_see(&l, 0, 0, message(0, i));
	}
	expect(&l, 9986, 14, 0, 0, 0);
	ledger_fini(&l);
}

static void planted_duplicates_are_found_near_and_far(void **s)
{
	(void)s;
	struct ledger l;
	ledger_init(&l, RUN, 1, 1, 1, false);
	sent(&l, 0, 10000);
	for (uint64_t i = 0; i < 10000; i++) {
		ledger_see(&l, 0, 0, message(0, i));
		if (i % 1000 == 999) {
			ledger_see(&l, 0, 0, message(0, i));
			ledger_see(&l, 0, 0, message(0, i - 999));
		}
	}
	expect(&l, 10000, 0, 20, 0, 0);
	ledger_fini(&l);
}

static void a_duplicate_of_an_early_message_is_found(void **s)
{
	(void)s;
	struct ledger l;
	ledger_init(&l, RUN, 1, 1, 1, false);
	sent(&l, 0, 6000);
	ledger_see(&l, 0, 0, message(0, 5000));
	ledger_see(&l, 0, 0, message(0, 5000));
	expect(&l, 1, 5999, 1, 0, 0);
	ledger_fini(&l);
}

static void planted_swaps_are_disorder_and_nothing_else(void **s)
{
	(void)s;
	struct ledger l;
	ledger_init(&l, RUN, 1, 1, 1, false);
	sent(&l, 0, 10000);
	for (uint64_t i = 0; i < 10000; i++) {
		bool swap = i % 2500 < 2;
		ledger_see(&l, 0, 0, message(0, swap ? i ^ 1 : i));
	}
	expect(&l, 10000, 0, 0, 4, 0);
	ledger_fini(&l);
}

static void two_consumers_share_a_queue_without_disorder(void **s)
{
	(void)s;
	struct ledger l;
	ledger_init(&l, RUN, 1, 1, 2, false);
	sent(&l, 0, 1000);
	for (uint64_t i = 0; i < 1000; i += 2)
		ledger_see(&l, 0, 0, message(0, i));
	for (uint64_t i = 1; i < 1000; i += 2)
		ledger_see(&l, 0, 1, message(0, i));
	expect(&l, 1000, 0, 0, 0, 0);
	ledger_see(&l, 0, 1, message(0, 4));
	expect(&l, 1000, 0, 1, 0, 0);
	ledger_fini(&l);
}

static void a_fan_out_owes_every_queue_every_message(void **s)
{
	(void)s;
	struct ledger l;
	ledger_init(&l, RUN, 2, 3, 3, true);
	sent(&l, 0, 10);
	sent(&l, 1, 10);
	for (uint32_t q = 0; q < 3; q++) {
		for (uint64_t i = 0; i < 10; i++) {
			ledger_see(&l, q, q, message(0, i));
			if (q != 1 || i != 3)
				ledger_see(&l, q, q, message(1, i));
		}
	}
	assert_int_equal(ledger_copies(&l), 3);
	expect(&l, 59, 1, 0, 0, 0);
	ledger_fini(&l);
}

static void strangers_are_neither_messages_nor_duplicates(void **s)
{
	(void)s;
	struct ledger l;
	ledger_init(&l, RUN, 2, 2, 2, false);
	sent(&l, 0, 5);
	ledger_see(&l, 0, 0, message(0, 5));
	ledger_see(&l, 0, 0, message(7, 0));
	ledger_see(&l, 1, 1, message(0, 0));
	ledger_see(&l, 0, 0, (struct stamp){ .run = RUN + 1 });
	ledger_see_torn(&l, 0);
	expect(&l, 0, 5, 0, 0, 5);
	ledger_fini(&l);
}

/* Any shuffle is told apart from loss: random order, random drops and copies, against a plain
 * count of what was done. */
static void any_shuffle_is_counted_exactly(void **s)
{
	(void)s;
	enum { N = 5000 };
	static uint64_t order[N];
	struct prng rng = prng_of(42);
	for (int round = 0; round < 50; round++) {
		struct ledger l;
		uint64_t dropped = 0, copied = 0;
		ledger_init(&l, RUN, 1, 1, 1, false);
		sent(&l, 0, N);
		for (uint64_t i = 0; i < N; i++)
			order[i] = i;
		for (uint64_t i = N - 1; i > 0; i--) {
			uint64_t j = prng_below(&rng, i + 1), keep = order[i];
			order[i] = order[j];
			order[j] = keep;
		}
		for (uint64_t i = 0; i < N; i++) {
			uint64_t dice = prng_below(&rng, 20);
			uint64_t times = dice == 0 ? 0 : dice == 1 ? 2 : 1;
			dropped += dice == 0;
			copied += dice == 1;
			for (uint64_t n = 0; n < times; n++)
				ledger_see(&l, 0, 0, message(0, order[i]));
		}
		assert_int_equal(ledger_lost(&l), dropped);
		assert_int_equal(ledger_total(&l).duplicated, copied);
		assert_int_equal(ledger_total(&l).first, N - dropped);
		ledger_fini(&l);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_stamp_comes_back_as_it_was),
		cmocka_unit_test(a_clean_run_counts_nothing),
		cmocka_unit_test(planted_losses_are_found_wherever_they_are),
		cmocka_unit_test(planted_duplicates_are_found_near_and_far),
		cmocka_unit_test(a_duplicate_of_an_early_message_is_found),
		cmocka_unit_test(planted_swaps_are_disorder_and_nothing_else),
		cmocka_unit_test(two_consumers_share_a_queue_without_disorder),
		cmocka_unit_test(a_fan_out_owes_every_queue_every_message),
		cmocka_unit_test(strangers_are_neither_messages_nor_duplicates),
		cmocka_unit_test(any_shuffle_is_counted_exactly),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
