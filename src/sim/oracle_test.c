/* The oracle, with a queue, a publisher and a consumer: it is told lies, and must say so. */
#include "sim/oracle_for_tests.h"
#include "wire/amqp091/death.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct fix *fix_new(void)
{
	return fix_with(PLACE_d0);
}

static uint32_t publish(struct fix *f)
{
	return publish_to(f, PLACE_d0, LETTER_PERSISTENT | LETTER_CONFIRM);
}

static uint32_t publish_confirmed(struct fix *f)
{
	uint32_t id = publish(f);
	oracle_confirmed(&f->oracle, id);
	return id;
}

/* The broker gives a message, with one byte of the body changed if `flip` is not 0. */
static uint32_t deliver(struct fix *f, uint32_t id, uint8_t flip)
{
	uint8_t body[BYTES], props[LETTER_PROPS_MAX];
	struct letter l = {
		.id = id, .publisher = f->publisher, .bytes = BYTES, .is_persistent = true
	};
	letter_put(&l, body);
	body[BYTES - 1] ^= flip;
	struct oracle_delivery d = { .client = 1,
				     .queue = PLACE_d0,
				     .channel = f->consumer,
				     .key = slice_str("d0"),
				     .props = letter_props(&l, props),
				     .body = slice_of(body, BYTES),
				     .order = &f->order };
	return oracle_deliver(&f->oracle, &d);
}

static void an_honest_broker_is_believed(void **state)
{
	(void)state;
	struct fix *f = fix_new();
	uint32_t a = publish_confirmed(f), b = publish_confirmed(f);
	oracle_settle(&f->oracle, deliver(f, a, 0), 1, f->consumer);
	oracle_settle(&f->oracle, deliver(f, b, 0), 1, f->consumer);
	oracle_quiet(&f->oracle, 3, true, true);
	oracle_crash(&f->oracle, false);
	oracle_drained(&f->oracle, PLACE_d0);
	fix_free(f, "");
}

static void a_confirmed_message_that_is_lost_is_missed(void **state)
{
	(void)state;
	struct fix *f = fix_new();
	(void)publish_confirmed(f);
	oracle_crash(&f->oracle, false);
	oracle_drained(&f->oracle, PLACE_d0);
	fix_free(f, "1 messages of d0 are lost");
}

static void one_that_was_not_confirmed_may_be_lost(void **state)
{
	(void)state;
	struct fix *f = fix_new();
	(void)publish(f);
	oracle_crash(&f->oracle, false);
	oracle_drained(&f->oracle, PLACE_d0);
	fix_free(f, "");
}

static void an_invented_message_is_noticed(void **state)
{
	(void)state;
	struct fix *f = fix_new();
	uint32_t id = publish_confirmed(f);
	(void)deliver(f, id + 1, 0);
	fix_free(f, "a message that nobody has sent");
}

static void a_changed_body_is_noticed(void **state)
{
	(void)state;
	struct fix *f = fix_new();
	(void)deliver(f, publish_confirmed(f), 1);
	fix_free(f, "but not as it was sent");
}

static void what_was_acknowledged_must_not_come_back(void **state)
{
	(void)state;
	struct fix *f = fix_new();
	uint32_t id = publish_confirmed(f);
	oracle_settle(&f->oracle, deliver(f, id, 0), 1, f->consumer);
	oracle_quiet(&f->oracle, 3, true, true);
	oracle_crash(&f->oracle, false);
	oracle_connected(&f->oracle, 1);
	(void)deliver(f, id, 0);
	fix_free(f, "is gone: settled");
}

static void a_message_is_given_to_one_at_a_time(void **state)
{
	(void)state;
	struct fix *f = fix_new();
	uint32_t id = publish_confirmed(f);
	(void)deliver(f, id, 0);
	(void)deliver(f, id, 0);
	fix_free(f, "is held by somebody");
}

static void messages_of_a_publisher_keep_their_order(void **state)
{
	(void)state;
	struct fix *f = fix_new();
	uint32_t a = publish_confirmed(f), b = publish_confirmed(f);
	(void)deliver(f, b, 0);
	(void)deliver(f, a, 0);
	fix_free(f, "came behind a later message of its publisher");
}

static void a_message_is_confirmed_once(void **state)
{
	(void)state;
	struct fix *f = fix_new();
	oracle_confirmed(&f->oracle, publish_confirmed(f));
	fix_free(f, "was confirmed twice");
}

static void a_return_of_what_has_a_queue_is_noticed(void **state)
{
	(void)state;
	struct fix *f = fix_new();
	oracle_returned(&f->oracle, publish_to(f, PLACE_d0, LETTER_MANDATORY));
	fix_free(f, "was returned, though d0 was bound");
}

/* The consumer has asked for a queue that went meanwhile: his channel ends, and with it the queue
 * that it alone consumed, before he hears of it. */
static void a_queue_may_go_with_a_channel_that_ends_unheard(void **state)
{
	(void)state;
	struct fix *f = fix_new();
	struct oracle *o = &f->oracle;
	oracle_queue_set(o, PLACE_b0, LIFE_THERE);
	oracle_queue_set(o, PLACE_a0, LIFE_THERE);
	const struct oracle_ask ask = { .event = oracle_tick(o),
					.queue = PLACE_a0,
					.is_asked = true };
	oracle_asked(o, f->consumer, &ask);
	oracle_queue_set(o, PLACE_a0, LIFE_MAYBE);
	oracle_returned(o, publish_to(f, PLACE_b0, LETTER_MANDATORY));
	fix_free(f, "");
}

static struct fix *fix_of(struct place_rule rule)
{
	struct fix *f = fix_new();
	f->oracle.places.rule[PLACE_d0] = rule;
	return f;
}

static void what_comes_after_its_time_is_noticed(void **state)
{
	(void)state;
	struct fix *f = fix_of((struct place_rule){ .ttl_ms = 10 });
	const uint32_t id = publish_confirmed(f);
	f->now_ms += 10;
	oracle_quiet(&f->oracle, 3, true, true);
	(void)deliver(f, id, 0);
	fix_free(f, "is gone");
}

static void what_is_gone_before_its_time_is_missed(void **state)
{
	(void)state;
	struct fix *f = fix_of((struct place_rule){ .ttl_ms = 10 });
	(void)publish_confirmed(f);
	f->now_ms += 9;
	oracle_drained(&f->oracle, PLACE_d0);
	fix_free(f, "1 messages of d0 are lost");
}

static void what_may_have_expired_is_not_missed(void **state)
{
	(void)state;
	struct fix *f = fix_of((struct place_rule){ .ttl_ms = 10 });
	(void)publish_confirmed(f);
	f->now_ms += 10;
	oracle_drained(&f->oracle, PLACE_d0);
	fix_free(f, "");
}

static void a_queue_with_too_many_is_noticed(void **state)
{
	(void)state;
	struct fix *f = fix_of((struct place_rule){ .length_max = 2 });
	for (int i = 0; i < 3; i++)
		(void)publish_confirmed(f);
	const uint64_t event = oracle_tick(&f->oracle);
	oracle_look(&f->oracle, PLACE_d0, 1, event);
	oracle_count_is(&f->oracle, PLACE_d0, event, 3);
	fix_free(f, "d0 has 3 ready messages, more than 2");
}

static void a_refusal_with_room_is_noticed(void **state)
{
	(void)state;
	struct fix *f = fix_of((struct place_rule){ .length_max = 2, .is_rejecting = true });
	oracle_refused(&f->oracle, publish(f));
	fix_free(f, "was refused, though there was room");
}

static void what_was_refused_must_not_come(void **state)
{
	(void)state;
	struct fix *f = fix_of((struct place_rule){ .length_max = 1, .is_rejecting = true });
	(void)publish_confirmed(f);
	const uint32_t id = publish(f);
	oracle_refused(&f->oracle, id);
	(void)deliver(f, id, 0);
	fix_free(f, "is gone");
}

static void a_queue_with_too_many_bytes_is_noticed(void **state)
{
	(void)state;
	struct fix *f = fix_of((struct place_rule){ .bytes_max = 2 * BYTES });
	for (int i = 0; i < 3; i++) {
		const uint32_t id = publish_confirmed(f);
		const uint32_t copy = oracle_copy_of(&f->oracle, id, PLACE_d0);
		oracle_weighed(&f->oracle, &f->oracle.copies[copy]);
	}
	fix_free(f, "d0 had 300 bytes, more than 200");
}

/* The one too much may be dropped, or refused where the queue does that. */
static void only_what_is_too_many_bytes_may_go(void **state)
{
	(void)state;
	for (uint32_t n = 2; n < 4; n++) {
		struct fix *f = fix_of((struct place_rule){ .bytes_max = 2 * BYTES });
		for (uint32_t i = 0; i < n; i++)
			(void)publish_confirmed(f);
		oracle_drained(&f->oracle, PLACE_d0);
		fix_free(f, n > 2 ? "" : "2 messages of d0 are lost");
		f = fix_of((struct place_rule){ .bytes_max = n * BYTES, .is_rejecting = true });
		for (uint32_t i = 0; i < 2; i++)
			(void)publish_confirmed(f);
		oracle_refused(&f->oracle, publish(f));
		fix_free(f, n > 2 ? "was refused, though there was room" : "");
	}
}

static void a_low_priority_before_a_high_one_is_noticed(void **state)
{
	(void)state;
	static const enum place_queue_kind kinds[] = { PLACE_RANKED, PLACE_COUNTED };
	for (uint32_t i = 0; i < 2; i++) {
		struct fix *f = fix_of((struct place_rule){ .kind = kinds[i] });
		struct oracle *o = &f->oracle;
		uint32_t low = publish_confirmed(f), high = low;
		while (place_priority(kinds[i], high) <= place_priority(kinds[i], low))
			high = publish_confirmed(f);
		oracle_users(o, PLACE_d0, 1);
		const uint64_t event = oracle_tick(o);
		oracle_look(o, PLACE_d0, 1, event);
		oracle_got(o, deliver(f, low, 0), event);
		fix_free(f, "of a higher priority is ready");
	}
}

/* ---- dead letters -------------------------------------------------------------------------- */

/* What is refused in d0 goes to d2. */
static struct fix *fix_mortal(void)
{
	struct fix *f = fix_of((struct place_rule){ .dead_to = PLACE_d2 });
	f->oracle.places.rule[PLACE_d2] = (struct place_rule){ .is_cemetery = true };
	oracle_queue_set(&f->oracle, PLACE_d2, LIFE_THERE);
	return f;
}

static uint32_t reject(struct fix *f)
{
	const uint32_t id = publish_confirmed(f);
	oracle_reject(&f->oracle, deliver(f, id, 0), 1, f->consumer);
	return id;
}

/* The broker gives a letter that says how it died; 0: something was wrong. */
static uint32_t deliver_letter(struct fix *f, uint32_t id, const char *reason, bool is_redelivered)
{
	uint8_t body[BYTES], own[LETTER_PROPS_MAX], props[1024];
	const struct letter l = oracle_letter(&f->oracle, id);
	const struct amqp091_death death = { .queue = slice_str("d0"),
					     .reason = slice_str(reason),
					     .key = slice_str("d0") };
	struct amqp091_dead dead;
	struct wr w = wr_of(props, sizeof props);
	if (amqp091_death_put(&w, letter_props(&l, own), &death, &dead) != ERR_OK)
		must(!"a dead letter");
	letter_put(&l, body);
	struct oracle_delivery d = { .client = 1,
				     .queue = PLACE_d2,
				     .channel = f->consumer,
				     .key = slice_str("d2"),
				     .props = wr_done(&w),
				     .body = slice_of(body, BYTES),
				     .is_redelivered = is_redelivered };
	return oracle_deliver(&f->oracle, &d);
}

static void drain_both(struct fix *f)
{
	oracle_drained(&f->oracle, PLACE_d0);
	oracle_drained(&f->oracle, PLACE_d2);
	oracle_all_drained(&f->oracle);
}

static void an_honest_dead_letter_is_believed(void **state)
{
	(void)state;
	struct fix *f = fix_mortal();
	const uint32_t id = reject(f);
	oracle_crash(&f->oracle, false);
	oracle_connected(&f->oracle, 1);
	for (int i = 0; i < 2; i++) /* the crash may have doubled it */
		oracle_settle(&f->oracle, deliver_letter(f, id, "rejected", false), 1, f->consumer);
	drain_both(f);
	fix_free(f, "");
}

static void what_was_refused_and_comes_nowhere_is_missed(void **state)
{
	(void)state;
	struct fix *f = fix_mortal();
	(void)reject(f);
	oracle_crash(&f->oracle, false);
	drain_both(f);
	fix_free(f, "is lost between d0 and where its dead letters go");
}

static void a_letter_that_nobody_refused_is_noticed(void **state)
{
	(void)state;
	struct fix *f = fix_mortal();
	(void)deliver_letter(f, publish_confirmed(f), "rejected", false);
	fix_free(f, "came out of d2 as a dead letter (rejected of d0)");
}

static void another_reason_is_noticed(void **state)
{
	(void)state;
	struct fix *f = fix_mortal();
	(void)deliver_letter(f, reject(f), "expired", false);
	fix_free(f, "came out of d2 as a dead letter (expired of d0)");
}

static void a_letter_that_comes_twice_is_noticed(void **state)
{
	(void)state;
	struct fix *f = fix_mortal();
	const uint32_t id = reject(f);
	(void)deliver_letter(f, id, "rejected", false);
	(void)deliver_letter(f, id, "rejected", false);
	fix_free(f, "is held by somebody");
}

static void what_has_died_must_not_come_where_it_died(void **state)
{
	(void)state;
	struct fix *f = fix_mortal();
	const uint32_t id = reject(f);
	(void)deliver_letter(f, id, "rejected", false);
	(void)deliver(f, id, 0);
	fix_free(f, "was settled by a connection that is still there");
}

/* ---- transactions -------------------------------------------------------------------------- */

/* Two messages are published in one, whose end is asked for and never answered. */
static uint32_t lose_two(struct fix *f, uint32_t settled)
{
	const uint32_t tx = oracle_tx_begin(&f->oracle), first = f->oracle.messages_n;
	for (uint32_t i = 0; i < 2; i++)
		oracle_tx_message(&f->oracle, tx, publish(f));
	if (settled) {
		oracle_settle(&f->oracle, settled, 1, f->consumer);
		oracle_tx_settled(&f->oracle, tx, settled);
	}
	oracle_tx_lost(&f->oracle, tx);
	oracle_crash(&f->oracle, false);
	return first;
}

static void a_transaction_may_be_done_or_not(void **state)
{
	(void)state;
	for (uint32_t is_done = 0; is_done < 2; is_done++) {
		struct fix *f = fix_new();
		const uint32_t first = lose_two(f, 0);
		for (uint32_t i = 0; is_done && i < 2; i++)
			(void)deliver(f, first + i, 0);
		oracle_drained(&f->oracle, PLACE_d0);
		fix_free(f, "");
	}
}

static void half_a_transaction_is_noticed(void **state)
{
	(void)state;
	struct fix *f = fix_new();
	(void)deliver(f, lose_two(f, 0) + 1, 0);
	oracle_drained(&f->oracle, PLACE_d0);
	fix_free(f, "is torn");
}

static void a_transaction_that_settles_and_does_not_publish_is_noticed(void **state)
{
	(void)state;
	struct fix *f = fix_new();
	(void)lose_two(f, deliver(f, publish_confirmed(f), 0));
	oracle_drained(&f->oracle, PLACE_d0);
	fix_free(f, "is torn");
}

static void what_was_committed_must_be_there(void **state)
{
	(void)state;
	struct fix *f = fix_new();
	const uint32_t tx = oracle_tx_begin(&f->oracle);
	oracle_tx_message(&f->oracle, tx, publish(f));
	oracle_tx_done(&f->oracle, tx);
	oracle_crash(&f->oracle, false);
	oracle_drained(&f->oracle, PLACE_d0);
	fix_free(f, "1 messages of d0 are lost");
}

static void what_was_rolled_back_must_not_come(void **state)
{
	(void)state;
	struct fix *f = fix_new();
	struct message m = { .publisher = f->publisher, .key = PLACE_d0, .bytes = BYTES };
	m.flags = LETTER_PERSISTENT;
	(void)deliver(f, oracle_number(&f->oracle, 0, &m), 0);
	fix_free(f, "was not routed there");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_honest_broker_is_believed),
		cmocka_unit_test(a_confirmed_message_that_is_lost_is_missed),
		cmocka_unit_test(one_that_was_not_confirmed_may_be_lost),
		cmocka_unit_test(an_invented_message_is_noticed),
		cmocka_unit_test(a_changed_body_is_noticed),
		cmocka_unit_test(what_was_acknowledged_must_not_come_back),
		cmocka_unit_test(a_message_is_given_to_one_at_a_time),
		cmocka_unit_test(messages_of_a_publisher_keep_their_order),
		cmocka_unit_test(a_message_is_confirmed_once),
		cmocka_unit_test(a_return_of_what_has_a_queue_is_noticed),
		cmocka_unit_test(a_queue_may_go_with_a_channel_that_ends_unheard),
		cmocka_unit_test(what_comes_after_its_time_is_noticed),
		cmocka_unit_test(what_is_gone_before_its_time_is_missed),
		cmocka_unit_test(what_may_have_expired_is_not_missed),
		cmocka_unit_test(a_queue_with_too_many_is_noticed),
		cmocka_unit_test(a_refusal_with_room_is_noticed),
		cmocka_unit_test(what_was_refused_must_not_come),
		cmocka_unit_test(a_queue_with_too_many_bytes_is_noticed),
		cmocka_unit_test(only_what_is_too_many_bytes_may_go),
		cmocka_unit_test(a_low_priority_before_a_high_one_is_noticed),
		cmocka_unit_test(an_honest_dead_letter_is_believed),
		cmocka_unit_test(what_was_refused_and_comes_nowhere_is_missed),
		cmocka_unit_test(a_letter_that_nobody_refused_is_noticed),
		cmocka_unit_test(another_reason_is_noticed),
		cmocka_unit_test(a_letter_that_comes_twice_is_noticed),
		cmocka_unit_test(what_has_died_must_not_come_where_it_died),
		cmocka_unit_test(a_transaction_may_be_done_or_not),
		cmocka_unit_test(half_a_transaction_is_noticed),
		cmocka_unit_test(a_transaction_that_settles_and_does_not_publish_is_noticed),
		cmocka_unit_test(what_was_committed_must_be_there),
		cmocka_unit_test(what_was_rolled_back_must_not_come),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
