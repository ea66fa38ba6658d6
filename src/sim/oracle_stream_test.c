/* A stream and its reader, as the oracle sees them: it is told lies, and must say so. */
#include "sim/oracle_for_tests.h"
#include "wire/amqp091/props.h"
#include "wire/amqp091/table.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* A stream that keeps all. */
static struct fix *fix_new(void)
{
	struct fix *f = fix_with(PLACE_l0);
	struct place_rule *rule = &f->oracle.places.rule[PLACE_l0];
	rule->bytes_max = rule->segment_bytes = rule->age_s = 0;
	f->oracle.stream_count = UINT32_MAX;
	return f;
}

static struct fix *fix_with_bounds(uint32_t bytes_max, uint32_t age_s)
{
	struct fix *f = fix_new();
	f->oracle.places.rule[PLACE_l0].bytes_max = bytes_max;
	f->oracle.places.rule[PLACE_l0].age_s = age_s;
	return f;
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
	f->reading = (struct oracle_reading){ .is_exact = true,
					      .first = f->oracle.stream_first,
					      .edition = f->oracle.stream_edition };
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

/* ---- what goes ---------------------------------------------------------------------------- */

static void the_first_may_go_when_there_is_too_much(void **state)
{
	(void)state;
	struct fix *f = fix_with_bounds(12 * BYTES, 0);
	uint32_t id[4];
	for (uint32_t i = 0; i < 4; i++)
		id[i] = publish(f);
	begin(f);
	give(f, id[0], 0, false);
	give(f, id[2], 2, false); /* he was overtaken */
	begin(f);
	for (uint32_t i = 2; i < 4; i++)
		give(f, id[i], i, true);
	oracle_drained(&f->oracle, PLACE_l0);
	for (uint32_t n = 0; n < 2; n++) { /* the second time there is hardly anything */
		begin(f);
		give(f, id[3], 3, true);
		oracle_drained(&f->oracle, PLACE_l0);
	}
	must(f->oracle.trimmed_n == 4);
	fix_free(f, "");
}

static void what_goes_too_early_is_noticed(void **state)
{
	(void)state;
	for (uint32_t age_s = 0; age_s < 2; age_s++) {
		struct fix *f = fix_with_bounds(1 << 20, age_s);
		const uint32_t id[] = { publish(f), publish(f) };
		begin(f);
		give(f, id[0], 0, false);
		f->now_ms += 999;
		begin(f);
		give(f, id[1], 1, false);
		fix_free(f, "comes behind a gap");
	}
}

static void what_is_old_may_go(void **state)
{
	(void)state;
	struct fix *f = fix_with_bounds(0, 1);
	const uint32_t id[] = { publish(f), publish(f) };
	begin(f);
	give(f, id[0], 0, false);
	f->now_ms += 1000;
	begin(f);
	give(f, id[1], 1, false);
	fix_free(f, "");
}

static void what_comes_back_is_noticed(void **state)
{
	(void)state;
	struct fix *f = fix_with_bounds(1, 0);
	const uint32_t id[] = { publish(f), publish(f), publish(f) };
	begin(f);
	give(f, id[2], 2, false);
	begin(f);
	give(f, id[1], 1, false);
	fix_free(f, "lies before what is gone");
}

/* Before the first message is one place, and nothing that came behind a message can lie there. */
static void what_goes_from_the_middle_is_lost(void **state)
{
	(void)state;
	for (uint32_t is_behind = 0; is_behind < 2; is_behind++) {
		struct fix *f = fix_with_bounds(1, 0);
		const uint32_t id[] = { publish(f), publish(f), publish(f) };
		begin(f);
		if (is_behind)
			give(f, id[0], 1, true);
		give(f, id[2], is_behind ? 2 : 1, true);
		oracle_drained(&f->oracle, PLACE_l0);
		fix_free(f, "1 messages of l0 are lost");
	}
}

static void what_should_have_gone_is_noticed(void **state)
{
	(void)state;
	struct fix *f = fix_with_bounds(2 * BYTES, 0);
	f->oracle.stream_page = 1;
	begin(f);
	for (uint32_t i = 0; i < 4; i++)
		give(f, publish(f), i, true);
	oracle_drained(&f->oracle, PLACE_l0);
	fix_free(f, "l0 keeps 300 bytes and more, and may keep 200");
}

static void more_than_the_broker_says_is_noticed(void **state)
{
	(void)state;
	struct fix *f = fix_new();
	f->oracle.stream_count = 1;
	begin(f);
	for (uint32_t i = 0; i < 2; i++)
		give(f, publish(f), i, true);
	oracle_drained(&f->oracle, PLACE_l0);
	fix_free(f, "l0 begins at 0, before what the broker says");
}

/* ---- another stream of the same name ------------------------------------------------------ */

static void begin_anew(struct fix *f)
{
	oracle_queue_deleted(&f->oracle, PLACE_l0);
	oracle_queue_set(&f->oracle, PLACE_l0, LIFE_THERE);
}

static void what_was_deleted_is_not_there_any_more(void **state)
{
	(void)state;
	struct fix *f = fix_new();
	const uint32_t old = publish(f), also = publish(f);
	begin(f);
	give(f, old, 0, false);
	begin_anew(f);
	give(f, also, 1, false); /* it was on its way to him */
	begin(f);
	give(f, publish(f), 0, true);
	oracle_drained(&f->oracle, PLACE_l0);
	fix_free(f, "");
}

static void what_was_deleted_and_is_back_is_noticed(void **state)
{
	(void)state;
	struct fix *f = fix_new();
	const uint32_t old = publish(f);
	begin_anew(f);
	begin(f);
	give(f, old, 0, false);
	fix_free(f, "is of a stream that was deleted");
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
		cmocka_unit_test(the_first_may_go_when_there_is_too_much),
		cmocka_unit_test(what_goes_too_early_is_noticed),
		cmocka_unit_test(what_is_old_may_go),
		cmocka_unit_test(what_comes_back_is_noticed),
		cmocka_unit_test(what_goes_from_the_middle_is_lost),
		cmocka_unit_test(what_should_have_gone_is_noticed),
		cmocka_unit_test(more_than_the_broker_says_is_noticed),
		cmocka_unit_test(what_was_deleted_is_not_there_any_more),
		cmocka_unit_test(what_was_deleted_and_is_back_is_noticed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
