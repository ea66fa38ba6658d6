#include "core/core_for_tests.h"

#define Q 7u

/* Chunks are numbered from 1 on. */
static uint64_t place(uint32_t slot)
{
	return pos_of(1, slot);
}

static struct rig *rig_with(bool is_single, bool is_quorum)
{
	struct rig *r = rig_new();
	struct queue_rules rules = rules_none();
	if (is_single)
		rules.single_active = 1;
	if (is_quorum)
		rules.type = QUEUE_QUORUM;
	rig_open(r, Q, QUEUE_DURABLE, &rules);
	return r;
}

static void end(struct rig *r, uint64_t consumer, uint8_t flags)
{
	rig_do(r, CMD_UNSUBSCRIBE, Q, consumer, flags);
}

/* ---- priorities -------------------------------------------------------------------------- */

static void higher_consumers_come_first_while_they_have_credit(void **s)
{
	(void)s;
	struct rig *r = rig_with(false, false);
	rig_subscribe_at(r, Q, 1, 0, CREDIT_NO_LIMIT, 0);
	rig_subscribe_at(r, Q, 2, 0, 2, 10);
	rig_subscribe_at(r, Q, 3, 0, CREDIT_NO_LIMIT, -5);
	rig_subscribe_at(r, Q, 4, 0, 2, 10);
	SAY("reply 1 OK 0 1 | reply 2 OK 0 2 | reply 3 OK 0 3 | reply 4 OK 0 4");
	rig_publish(r, Q, 1, 6, 0);
	SAY("c2 1 | c4 2 | c2 3 | c4 4 | c1 5 | c1 6");
	rig_settle(r, Q, 4, place(1), SETTLE_ACCEPT);
	rig_publish(r, Q, 7, 2, 0);
	SAY("c4 7 | c1 8");
	end(r, 1, 0);
	rig_publish(r, Q, 9, 1, 0);
	SAY("reply 1 OK 0 0 | c3 9");
	rig_free(r);
}

static void equals_take_turns_below_one_that_has_no_credit(void **s)
{
	(void)s;
	struct rig *r = rig_with(false, false);
	rig_subscribe_at(r, Q, 1, 0, 0, 5);
	rig_subscribe_at(r, Q, 2, 0, CREDIT_NO_LIMIT, 1);
	rig_subscribe_at(r, Q, 3, 0, CREDIT_NO_LIMIT, 1);
	rig_subscribe_at(r, Q, 4, 0, CREDIT_NO_LIMIT, 0);
	r->said = text_of(r->said_bytes, sizeof r->said_bytes);
	for (uint32_t i = 1; i <= 4; i++)
		rig_publish(r, Q, i, 1, 0);
	SAY("c2 1 | c3 2 | c2 3 | c3 4");
	rig_free(r);
}

/* ---- one at a time ----------------------------------------------------------------------- */

static void one_consumer_gets_everything_until_it_ends(void **s)
{
	(void)s;
	struct rig *r = rig_with(true, false);
	rig_subscribe(r, Q, 1, 0, 2);
	rig_subscribe(r, Q, 2, 0, CREDIT_NO_LIMIT);
	rig_subscribe(r, Q, 3, SUBSCRIBE_EXCLUSIVE, CREDIT_NO_LIMIT);
	SAY("reply 1 OK 0 1 | reply 2 OK 0 2 | reply 3 ACCESS_REFUSED 0 0");
	rig_publish(r, Q, 1, 4, 0);
	SAY("c1 1 | c1 2");
	end(r, 2, 0);
	rig_subscribe(r, Q, 4, 0, 1);
	rig_subscribe(r, Q, 5, 0, CREDIT_NO_LIMIT);
	SAY("reply 2 OK 0 0 | reply 4 OK 2 2 | reply 5 OK 2 3");
	end(r, 1, 0);
	SAY("reply 1 OK 0 0 | c4 3");
	rig_settle(r, Q, 1, place(0), SETTLE_RELEASE); /* what it holds is still its own */
	rig_settle(r, Q, 4, place(2), SETTLE_ACCEPT);
	SAY("c4 1r");
	rig_free(r);
}

static void the_next_one_waits_for_what_comes_back(void **s)
{
	(void)s;
	struct rig *r = rig_with(true, false);
	rig_subscribe(r, Q, 1, 0, 2);
	rig_subscribe(r, Q, 2, 0, CREDIT_NO_LIMIT);
	rig_publish(r, Q, 1, 4, 0);
	SAY("reply 1 OK 0 1 | reply 2 OK 0 2 | c1 1 | c1 2");
	end(r, 1, UNSUBSCRIBE_ENDING);
	rig_settle(r, Q, 1, place(1), SETTLE_RELEASE);
	SAY("reply 1 OK 0 0");
	rig_settle(r, Q, 1, place(0), SETTLE_RELEASE);
	SAY("c2 1r | c2 2r | c2 3 | c2 4");
	rig_free(r);
}

static void a_lost_session_hands_over_too(void **s)
{
	(void)s;
	struct rig *r = rig_with(true, false);
	rig_subscribe(r, Q, 1, 0, 1);
	struct subscribe_row row = { { 1, CREDIT_NO_LIMIT }, 0 };
	struct run other = rig_head(CMD_SUBSCRIBE, Q, 1);
	other.session = RIG_SESSION(2);
	rig_admit(r, other, &row, sizeof row, 1);
	rig_publish(r, Q, 1, 2, 0);
	SAY("reply 1 OK 0 1 | reply 1 OK 0 2 | c1 1");
	rig_do(r, CMD_SESSION_GONE, 0, 0, 0);
	SAY("");
	rig_settle(r, Q, 1, place(0), SETTLE_RELEASE);
	SAY("c1 1r");
	must(core_single_active(core_find_queue(r->core, Q))->session == RIG_SESSION(2));
	rig_free(r);
}

static void the_next_one_is_the_highest_and_then_the_first(void **s)
{
	(void)s;
	struct rig *r = rig_with(true, false);
	rig_subscribe_at(r, Q, 1, 0, CREDIT_NO_LIMIT, 0);
	rig_subscribe_at(r, Q, 2, 0, CREDIT_NO_LIMIT, 1);
	rig_subscribe_at(r, Q, 3, 0, CREDIT_NO_LIMIT, 7);
	rig_subscribe_at(r, Q, 4, 0, CREDIT_NO_LIMIT, 7);
	r->said = text_of(r->said_bytes, sizeof r->said_bytes);
	for (uint32_t i = 1; i <= 4; i++) {
		rig_publish(r, Q, i, 1, 0);
		end(r, i == 1 ? 1 : i == 2 ? 3 : i == 3 ? 4 : 2, 0);
	}
	SAY("c1 1 | reply 1 OK 0 0 | c3 2 | reply 3 OK 0 0 | c4 3 | reply 4 OK 0 0 | c2 4 | "
	    "reply 2 OK 0 0");
	rig_free(r);
}

static void in_a_replicated_queue_a_higher_one_takes_over_when_all_is_settled(void **s)
{
	(void)s;
	struct rig *r = rig_with(true, true);
	rig_subscribe_at(r, Q, 1, 0, 1, 0);
	rig_publish(r, Q, 1, 3, 0);
	rig_subscribe_at(r, Q, 2, 0, 1, 5);
	rig_subscribe_at(r, Q, 3, 0, 1, 5);
	SAY("reply 1 OK 0 1 | c1 1 | reply 2 OK 2 2 | reply 3 OK 2 3");
	rig_settle(r, Q, 1, place(0), SETTLE_ACCEPT);
	SAY("c2 2");
	end(r, 2, 0);
	SAY("reply 2 OK 0 0 | c3 3");
	end(r, 3, 0);
	rig_publish(r, Q, 4, 1, 0);
	SAY("reply 3 OK 0 0 | c1 4");
	rig_free(r);
}

/* What failed waits for the log with its count before it is ready again. */
static void who_follows_waits_for_attempts_that_are_being_counted(void **s)
{
	(void)s;
	struct rig *r = rig_with(true, true);
	rig_subscribe(r, Q, 1, 0, 4);
	rig_subscribe(r, Q, 2, 0, CREDIT_NO_LIMIT);
	rig_publish(r, Q, 1, 4, ENTRY_PERSISTENT);
	rig_commit(r);
	SAY("reply 1 OK 0 1 | reply 2 OK 0 2 | c1 1 | c1 2 | c1 3 | c1 4");
	rig_settle(r, Q, 1, place(1), SETTLE_FAIL);
	end(r, 1, UNSUBSCRIBE_ENDING);
	rig_settle(r, Q, 1, place(0), SETTLE_FAIL);
	rig_propose(r);
	rig_commit_to(r, r->proposed);
	rig_settle(r, Q, 1, place(2), SETTLE_FAIL);
	SAY("reply 1 OK 0 0");
	rig_settle(r, Q, 1, place(3), SETTLE_ACCEPT);
	rig_commit(r);
	SAY("c2 1r | c2 2r | c2 3r");
	rig_free(r);
}

static void who_gives_way_and_is_cancelled_is_waited_for_no_more(void **s)
{
	(void)s;
	struct rig *r = rig_with(true, true);
	rig_subscribe_at(r, Q, 1, 0, 2, 0);
	rig_publish(r, Q, 1, 3, 0);
	rig_subscribe_at(r, Q, 2, 0, 5, 1);
	SAY("reply 1 OK 0 1 | c1 1 | c1 2 | reply 2 OK 1 2");
	end(r, 1, 0);
	SAY("reply 1 OK 0 0 | c2 3");
	rig_settle(r, Q, 1, place(1), SETTLE_RELEASE);
	SAY("c2 2r+1");
	rig_free(r);
}

static void a_rule_that_comes_late_and_goes_is_followed(void **s)
{
	(void)s;
	struct rig *r = rig_with(false, false);
	struct queue_rules rules = rules_none();
	rig_subscribe(r, Q, 1, 0, CREDIT_NO_LIMIT);
	rig_subscribe(r, Q, 2, 0, CREDIT_NO_LIMIT);
	rules.single_active = 1;
	rig_open(r, Q, QUEUE_DURABLE, &rules);
	rig_publish(r, Q, 1, 2, 0);
	SAY("reply 1 OK 0 1 | reply 2 OK 0 2 | c1 1 | c1 2");
	rules.single_active = RULE_NONE;
	rig_open(r, Q, QUEUE_DURABLE, &rules);
	rig_publish(r, Q, 3, 2, 0);
	SAY("c1 3 | c2 4");
	rig_free(r);
}

/* ---- alone ------------------------------------------------------------------------------- */

static void who_wants_to_be_alone_gets_everything_at_once(void **s)
{
	(void)s;
	struct rig *r = rig_with(false, false);
	rig_subscribe_at(r, Q, 1, 0, CREDIT_NO_LIMIT, 9);
	rig_subscribe(r, Q, 2, SUBSCRIBE_ALONE, CREDIT_NO_LIMIT);
	rig_subscribe(r, Q, 3, SUBSCRIBE_ALONE, CREDIT_NO_LIMIT);
	rig_publish(r, Q, 1, 2, 0);
	SAY("reply 1 OK 0 1 | reply 2 OK 0 2 | reply 3 OK 0 3 | c2 1 | c2 2");
	rig_subscribe_at(r, Q, 4, SUBSCRIBE_ALONE, CREDIT_NO_LIMIT, 1);
	rig_publish(r, Q, 3, 1, 0);
	SAY("reply 4 OK 0 4 | c4 3");
	end(r, 4, 0);
	rig_publish(r, Q, 4, 1, 0);
	end(r, 3, 0);
	rig_publish(r, Q, 5, 1, 0);
	SAY("reply 4 OK 0 0 | c3 4 | reply 3 OK 0 0 | c2 5");
	end(r, 2, 0);
	rig_subscribe_at(r, Q, 5, 0, CREDIT_NO_LIMIT, 9);
	rig_publish(r, Q, 6, 2, 0);
	SAY("reply 2 OK 0 0 | reply 5 OK 0 2 | c1 6 | c5 7");
	rig_free(r);
}

static void others_wait_for_what_who_was_alone_gives_back(void **s)
{
	(void)s;
	struct rig *r = rig_with(false, false);
	rig_subscribe(r, Q, 1, 0, 1);
	rig_publish(r, Q, 1, 3, 0);
	rig_subscribe(r, Q, 2, SUBSCRIBE_ALONE, 1);
	SAY("reply 1 OK 0 1 | c1 1 | reply 2 OK 2 2 | c2 2");
	rig_settle(r, Q, 1, place(0), SETTLE_ACCEPT);
	SAY("");
	end(r, 2, UNSUBSCRIBE_ENDING);
	SAY("reply 2 OK 0 0");
	rig_settle(r, Q, 2, place(1), SETTLE_RELEASE);
	SAY("c1 2r");
	rig_settle(r, Q, 1, place(1), SETTLE_ACCEPT);
	SAY("c1 3");
	rig_free(r);
}

static void a_rule_and_who_wants_to_be_alone_agree(void **s)
{
	(void)s;
	struct rig *r = rig_with(true, false);
	struct queue_rules rules = rules_none();
	rig_subscribe_at(r, Q, 1, 0, CREDIT_NO_LIMIT, 5);
	rig_subscribe(r, Q, 2, SUBSCRIBE_ALONE, CREDIT_NO_LIMIT);
	rig_publish(r, Q, 1, 1, 0);
	SAY("reply 1 OK 0 1 | reply 2 OK 0 2 | c2 1");
	rig_open(r, Q, QUEUE_DURABLE, &rules);
	rig_publish(r, Q, 2, 1, 0);
	SAY("c2 2");
	rules.single_active = 1;
	rig_open(r, Q, QUEUE_DURABLE, &rules);
	rig_subscribe_at(r, Q, 3, 0, CREDIT_NO_LIMIT, 7);
	end(r, 2, 0);
	rig_publish(r, Q, 3, 1, 0);
	SAY("reply 3 OK 0 3 | reply 2 OK 0 0 | c3 3");
	end(r, 3, 0);
	rig_publish(r, Q, 4, 1, 0);
	SAY("reply 3 OK 0 0 | c1 4");
	rig_free(r);
}

/* ---- numbers ----------------------------------------------------------------------------- */

#define NUMBERED_N 300u

struct numbers {
	uint16_t of[NUMBERED_N + 1]; /* by message */
	uint32_t n, mismatches_n;
};

static void see_number(struct rig *r, const struct rig_fx *fx)
{
	struct numbers *k = r->see_arg;
	if (!fx || fx->run.kind != FX_DELIVER)
		return;
	must(fx->number <= NUMBERED_N);
	k->mismatches_n += k->n >= NUMBERED_N && k->of[fx->number] != fx->deliver.count;
	k->of[fx->number] = fx->deliver.count;
	k->n++;
}

static void numbers_are_the_same_after_a_crash_and_differ(void **s)
{
	(void)s;
	struct rig *r = rig_with(false, false);
	struct numbers k = { 0 };
	static bool is_used[UINT16_MAX + 1];
	r->see = see_number;
	r->see_arg = &k;
	rig_subscribe(r, Q, 1, SUBSCRIBE_NUMBERED, CREDIT_NO_LIMIT);
	for (uint64_t i = 1; i <= NUMBERED_N; i += 3) {
		rig_publish(r, Q, i, 3, ENTRY_PERSISTENT);
		rig_commit(r);
	}
	assert_int_equal(k.n, NUMBERED_N);
	for (uint32_t i = 1; i <= NUMBERED_N; i++) {
		assert_true(k.of[i] > 0 && !is_used[k.of[i]]);
		is_used[k.of[i]] = true;
	}
	rig_crash(r);
	rig_replay(r, r->core, 0, r->proposed);
	rig_subscribe(r, Q, 1, SUBSCRIBE_NUMBERED, CREDIT_NO_LIMIT);
	assert_int_equal(k.n, 2 * NUMBERED_N);
	assert_int_equal(k.mismatches_n, 0);
	rig_free(r);
}

static void only_who_asks_for_numbers_gets_them_and_only_of_what_survives(void **s)
{
	(void)s;
	struct rig *r = rig_with(false, false);
	struct numbers k = { 0 };
	r->see = see_number;
	r->see_arg = &k;
	rig_subscribe(r, Q, 1, SUBSCRIBE_NUMBERED, 1);
	rig_publish(r, Q, 1, 1, 0);
	assert_int_equal(k.of[1], 0);
	rig_subscribe(r, Q, 2, SUBSCRIBE_NUMBERED | SUBSCRIBE_NO_ACK, 1);
	rig_publish(r, Q, 2, 1, ENTRY_PERSISTENT);
	rig_commit(r);
	assert_int_not_equal(k.of[2], 0);
	rig_subscribe(r, Q, 3, 0, 1);
	rig_publish(r, Q, 3, 1, ENTRY_PERSISTENT);
	rig_commit(r);
	assert_int_equal(k.of[3], 0);
	assert_int_equal(k.n, 3);
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(higher_consumers_come_first_while_they_have_credit),
		cmocka_unit_test(equals_take_turns_below_one_that_has_no_credit),
		cmocka_unit_test(one_consumer_gets_everything_until_it_ends),
		cmocka_unit_test(the_next_one_waits_for_what_comes_back),
		cmocka_unit_test(a_lost_session_hands_over_too),
		cmocka_unit_test(the_next_one_is_the_highest_and_then_the_first),
		cmocka_unit_test(in_a_replicated_queue_a_higher_one_takes_over_when_all_is_settled),
		cmocka_unit_test(who_follows_waits_for_attempts_that_are_being_counted),
		cmocka_unit_test(who_gives_way_and_is_cancelled_is_waited_for_no_more),
		cmocka_unit_test(a_rule_that_comes_late_and_goes_is_followed),
		cmocka_unit_test(who_wants_to_be_alone_gets_everything_at_once),
		cmocka_unit_test(others_wait_for_what_who_was_alone_gives_back),
		cmocka_unit_test(a_rule_and_who_wants_to_be_alone_agree),
		cmocka_unit_test(numbers_are_the_same_after_a_crash_and_differ),
		cmocka_unit_test(only_who_asks_for_numbers_gets_them_and_only_of_what_survives),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
