/* A queue whose rules are policies that change, as the oracle sees it: it is told lies, and must
 * say so. */
#include "sim/oracle_for_tests.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define TTL_MS 50u

static struct fix *fix_new(void)
{
	struct fix *f = fix_with(PLACE_d2);
	f->oracle.places.rule[PLACE_p0].ttl_ms = f->oracle.decree[0].ttl_ms = 0;
	oracle_queue_set(&f->oracle, PLACE_p0, LIFE_THERE);
	return f;
}

static uint32_t publish(struct fix *f)
{
	uint32_t id = publish_to(f, PLACE_p0, LETTER_PERSISTENT | LETTER_CONFIRM);
	oracle_confirmed(&f->oracle, id);
	return id;
}

static void deliver(struct fix *f, uint32_t id)
{
	deliver_from(f, PLACE_p0, id);
}

/* An operator's order, and that he is answered. */
static void order(struct fix *f, uint32_t ttl_ms, uint32_t length_max, uint8_t dead_to)
{
	struct place_rule rule = f->oracle.places.rule[PLACE_p0];
	rule.ttl_ms = ttl_ms;
	rule.length_max = length_max;
	rule.dead_to = dead_to;
	oracle_decree(&f->oracle, PLACE_p0, &rule);
}

static void obey(struct fix *f)
{
	oracle_decreed(&f->oracle, PLACE_p0);
	oracle_obeyed(&f->oracle, PLACE_p0);
}

static void policy(struct fix *f, uint32_t ttl_ms, uint32_t length_max, uint8_t dead_to)
{
	order(f, ttl_ms, length_max, dead_to);
	obey(f);
}

static void what_a_policy_lets_expire_does_not_come(void **state)
{
	(void)state;
	struct fix *f = fix_new();
	policy(f, TTL_MS, 0, 0);
	const uint32_t id = publish(f);
	f->now_ms = TTL_MS;
	oracle_expire(&f->oracle, PLACE_p0);
	deliver(f, id);
	fix_free(f, "is gone");
}

static void what_no_policy_lets_expire_any_more_comes(void **state)
{
	(void)state;
	struct fix *f = fix_new();
	policy(f, TTL_MS, 0, 0);
	policy(f, 0, 0, 0);
	(void)publish(f);
	f->now_ms = TTL_MS;
	oracle_drained(&f->oracle, PLACE_p0);
	fix_free(f, "1 messages of p0 are lost");
}

static void while_a_policy_changes_both_may_hold(void **state)
{
	(void)state;
	struct fix *f = fix_new();
	order(f, TTL_MS, 0, 0);
	const uint32_t id = publish(f);
	(void)publish(f);
	obey(f);
	f->now_ms = TTL_MS;
	oracle_expire(&f->oracle, PLACE_p0);
	deliver(f, id);
	oracle_drained(&f->oracle, PLACE_p0);
	fix_free(f, "");
}

static void more_than_a_policy_allows_is_noticed(void **state)
{
	(void)state;
	struct fix *f = fix_new();
	for (uint32_t n = 0; n < 3; n++)
		(void)publish(f);
	policy(f, 0, 2, 0);
	const uint64_t asked = oracle_tick(&f->oracle);
	oracle_look(&f->oracle, PLACE_p0, 1, asked);
	oracle_count_is(&f->oracle, PLACE_p0, asked, 3);
	fix_free(f, "p0 has 3 ready messages, more than 2");
}

static void a_dead_letter_by_policy_that_is_missing_is_noticed(void **state)
{
	(void)state;
	struct fix *f = fix_new();
	policy(f, TTL_MS, 0, PLACE_d2);
	(void)publish(f);
	f->now_ms = TTL_MS;
	oracle_expire(&f->oracle, PLACE_p0);
	oracle_drained(&f->oracle, PLACE_p0);
	oracle_drained(&f->oracle, PLACE_d2);
	oracle_all_drained(&f->oracle);
	fix_free(f, "m1 is lost between p0 and where its dead letters go");
}

static void what_died_before_a_policy_leaves_no_letter(void **state)
{
	(void)state;
	struct fix *f = fix_new();
	policy(f, TTL_MS, 0, 0);
	(void)publish(f);
	f->now_ms = TTL_MS;
	policy(f, TTL_MS, 0, PLACE_d2);
	oracle_expire(&f->oracle, PLACE_p0);
	oracle_drained(&f->oracle, PLACE_p0);
	oracle_all_drained(&f->oracle);
	fix_free(f, "");
}

/* ---- what is refused ---------------------------------------------------------------------- */

/* A policy for one message, which may refuse others. The next one is on its way. */
static uint32_t too_many(struct fix *f, bool is_rejecting, bool is_passing_on)
{
	struct place_rule rule = f->oracle.places.rule[PLACE_p0];
	rule.length_max = 1;
	rule.dead_to = PLACE_d2;
	rule.is_rejecting = is_rejecting;
	rule.is_passing_on = is_passing_on;
	oracle_decree(&f->oracle, PLACE_p0, &rule);
	obey(f);
	(void)publish(f);
	return publish_to(f, PLACE_p0, LETTER_PERSISTENT | LETTER_CONFIRM);
}

static void what_a_policy_refuses_does_not_come(void **state)
{
	(void)state;
	struct fix *f = fix_new();
	const uint32_t id = too_many(f, true, false);
	oracle_refused(&f->oracle, id);
	must(f->oracle.decreed_n == 1 && !f->story.is_wrong);
	deliver(f, id);
	fix_free(f, "m2, given from p0, is gone");
}

static void what_no_policy_refuses_is_noticed(void **state)
{
	(void)state;
	for (uint32_t is_first = 0; is_first < 2; is_first++) {
		struct fix *f = fix_new();
		const uint32_t id = too_many(f, is_first, false);
		oracle_refused(&f->oracle, is_first ? publish_to(f, PLACE_d2, LETTER_CONFIRM) : id);
		fix_free(f, "was refused, though there was room");
	}
}

static void what_was_given_before_it_was_refused_is_noticed(void **state)
{
	(void)state;
	struct fix *f = fix_new();
	const uint32_t id = too_many(f, true, false);
	deliver(f, id);
	oracle_refused(&f->oracle, id);
	fix_free(f, "m2 was refused, though p0 has given it");
}

/* While the policy changes the one before may still refuse, and the next one already. */
static void either_policy_may_refuse(void **state)
{
	(void)state;
	for (uint32_t is_before = 0; is_before < 2; is_before++) {
		struct fix *f = fix_new();
		uint32_t id = too_many(f, is_before, false);
		struct place_rule rule = f->oracle.decree[0];
		rule.is_rejecting = !is_before;
		oracle_decree(&f->oracle, PLACE_p0, &rule);
		if (is_before)
			id = publish_to(f, PLACE_p0, LETTER_PERSISTENT | LETTER_CONFIRM);
		oracle_refused(&f->oracle, id);
		fix_free(f, "");
	}
}

/* The operator is answered before the queue has heard of it. */
static void the_rule_before_may_refuse_until_the_broker_is_idle(void **state)
{
	(void)state;
	for (uint32_t is_idle = 0; is_idle < 2; is_idle++) {
		struct fix *f = fix_new();
		(void)too_many(f, true, false);
		order(f, 0, 0, 0);
		oracle_decreed(&f->oracle, PLACE_p0);
		if (is_idle)
			oracle_quiet(&f->oracle, 3, true, true);
		oracle_refused(&f->oracle,
			       publish_to(f, PLACE_p0, LETTER_PERSISTENT | LETTER_CONFIRM));
		fix_free(f, is_idle ? "was refused, though there was room" : "");
	}
}

/* As a dead letter of a queue that was too long. */
static void what_is_refused_dies_only_where_it_is_passed_on(void **state)
{
	(void)state;
	for (uint32_t is_passing_on = 0; is_passing_on < 2; is_passing_on++) {
		struct fix *f = fix_new();
		const uint32_t id = too_many(f, true, is_passing_on);
		oracle_refused(&f->oracle, id);
		const uint32_t c = f->oracle.messages[id].first_copy;
		must(f->oracle.copies[c].state == COPY_GONE);
		must(f->oracle.copies[c].is_crowded == is_passing_on);
		oracle_all_drained(&f->oracle);
		fix_free(f, "");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_policy_lets_expire_does_not_come),
		cmocka_unit_test(what_no_policy_lets_expire_any_more_comes),
		cmocka_unit_test(while_a_policy_changes_both_may_hold),
		cmocka_unit_test(more_than_a_policy_allows_is_noticed),
		cmocka_unit_test(a_dead_letter_by_policy_that_is_missing_is_noticed),
		cmocka_unit_test(what_died_before_a_policy_leaves_no_letter),
		cmocka_unit_test(what_a_policy_refuses_does_not_come),
		cmocka_unit_test(what_no_policy_refuses_is_noticed),
		cmocka_unit_test(what_was_given_before_it_was_refused_is_noticed),
		cmocka_unit_test(either_policy_may_refuse),
		cmocka_unit_test(the_rule_before_may_refuse_until_the_broker_is_idle),
		cmocka_unit_test(what_is_refused_dies_only_where_it_is_passed_on),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
