/* A stream and its reader, as the oracle sees them: it is told lies, and must say so. */
#include "sim/oracle_for_tests.h"
#include "wire/amqp091/props.h"
#include "wire/amqp091/table.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct fix *fix_new(void)
{
	return fix_with(PLACE_l0);
}

static uint32_t publish(struct fix *f)
{
	uint32_t id = publish_to(f, PLACE_l0, LETTER_CONFIRM);
	oracle_confirmed(&f->oracle, id);
	return id;
}

/* The stream gives a message, and says that it lies at `at`. */
static void give(struct fix *f, uint32_t id, uint64_t at, bool is_drain)
{
	uint8_t body[BYTES], own[LETTER_PROPS_MAX], table[200], bytes[300];
	const struct letter l = oracle_letter(&f->oracle, id);
	struct amqp091_props p;
	struct wr w = wr_of(table, sizeof table);
	letter_put(&l, body);
	if (amqp091_props_decode(letter_props(&l, own), &p) != ERR_OK)
		must(!"properties of a letter");
	wr_slice(&w, p.headers);
	amqp091_put_int(&w, "x-stream-offset", (int64_t)at);
	p.headers = wr_done(&w);
	p.flags |= AMQP091_HAS_headers;
	struct oracle_delivery d = { .client = 1,
				     .queue = PLACE_l0,
				     .channel = f->consumer,
				     .key = slice_str("l0"),
				     .body = slice_of(body, BYTES),
				     .is_drain = is_drain,
				     .order = &f->order,
				     .reading = &f->reading };
	d.props = slice_of(bytes, (size_t)(amqp091_props_put(bytes, &p) - bytes));
	(void)oracle_deliver(&f->oracle, &d);
}

/* Somebody begins anew, at the first message. */
static void begin(struct fix *f)
{
	f->reading = (struct oracle_reading){ .is_exact = true };
	f->order = (struct oracle_order){ 0 };
}

static void what_is_read_again_and_again_is_well(void **state)
{
	(void)state;
	struct fix *f = fix_new();
	const uint32_t id[] = { publish(f), publish(f), publish(f) };
	for (uint32_t n = 0; n < 6; n++) {
		if (n == 3)
			begin(f);
		give(f, id[n % 3], n % 3, n >= 3);
	}
	oracle_crash(&f->oracle, false);
	begin(f);
	for (uint32_t n = 0; n < 3; n++)
		give(f, id[n], n, true);
	oracle_drained(&f->oracle, PLACE_l0);
	fix_free(f, "");
}

static void a_gap_is_noticed(void **state)
{
	(void)state;
	struct fix *f = fix_new();
	const uint32_t first = publish(f);
	(void)publish(f);
	give(f, first, 0, false);
	give(f, publish(f), 2, false);
	fix_free(f, "comes behind a gap");
}

static void a_message_that_comes_once_more_is_noticed(void **state)
{
	(void)state;
	struct fix *f = fix_new();
	const uint32_t id = publish(f);
	give(f, id, 0, false);
	give(f, id, 0, false);
	fix_free(f, "lies before the place where the reader is");
}

static void two_offsets_of_one_message_are_noticed(void **state)
{
	(void)state;
	struct fix *f = fix_new();
	const uint32_t id = publish(f);
	give(f, id, 0, false);
	give(f, id, 1, false);
	fix_free(f, "lies at two offsets");
}

static void another_message_at_an_offset_is_noticed(void **state)
{
	(void)state;
	struct fix *f = fix_new();
	give(f, publish(f), 0, false);
	begin(f);
	give(f, publish(f), 0, false);
	fix_free(f, "lies where another one did");
}

static void another_order_is_noticed(void **state)
{
	(void)state;
	struct fix *f = fix_new();
	const uint32_t first = publish(f);
	give(f, publish(f), 0, false);
	give(f, first, 1, false);
	fix_free(f, "came behind a later message of its publisher");
}

static void what_is_not_read_in_the_end_is_lost(void **state)
{
	(void)state;
	struct fix *f = fix_new();
	give(f, publish(f), 0, true);
	(void)publish(f);
	oracle_drained(&f->oracle, PLACE_l0);
	fix_free(f, "1 messages of l0 are lost");
}

static void what_was_read_before_and_is_not_in_the_end_is_lost(void **state)
{
	(void)state;
	struct fix *f = fix_new();
	const uint32_t first = publish(f);
	give(f, first, 0, false);
	give(f, publish(f), 1, false);
	begin(f);
	give(f, first, 0, true);
	oracle_drained(&f->oracle, PLACE_l0);
	fix_free(f, "1 messages of l0 are lost");
}

/* What cannot be read stays where it is: it counts, and no more than that. */
static void what_cannot_be_read_counts(void **state)
{
	(void)state;
	for (uint64_t n = 2; n <= 3; n++) {
		struct fix *f = fix_new();
		(void)publish(f);
		f->oracle.unreadable_n = 1;
		f->oracle.is_rotten = true;
		begin(f);
		give(f, publish(f), 1, true);
		oracle_drained(&f->oracle, PLACE_l0);
		oracle_count_is(&f->oracle, PLACE_l0, oracle_tick(&f->oracle), n);
		fix_free(f, n == 2 ? "" : "l0 has 3 ready messages, but there must be 0 to 2");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_read_again_and_again_is_well),
		cmocka_unit_test(a_gap_is_noticed),
		cmocka_unit_test(a_message_that_comes_once_more_is_noticed),
		cmocka_unit_test(two_offsets_of_one_message_are_noticed),
		cmocka_unit_test(another_message_at_an_offset_is_noticed),
		cmocka_unit_test(another_order_is_noticed),
		cmocka_unit_test(what_is_not_read_in_the_end_is_lost),
		cmocka_unit_test(what_was_read_before_and_is_not_in_the_end_is_lost),
		cmocka_unit_test(what_cannot_be_read_counts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
