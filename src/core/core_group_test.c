#include "core/core_for_tests.h"
#include "core/core_group.h"
#include "wire/record/head.h"

#define Q 7u

static uint64_t place(uint32_t slot)
{
	return pos_of(1, slot);
}

/* ---- messages of groups -------------------------------------------------------------------- */

/* A message with this number, of group 1, 2, ... ; 0: of none. */
static void publish_as(struct rig *r, uint64_t number, uint32_t group, bool is_last, uint8_t flags,
		       uint64_t expiry_ms)
{
	const struct publish_row row = {
		.mem = rig_message(r, number, 1),
		.queue = Q,
		.expiry_ms = group ? expiry_in_group(expiry_ms, group, is_last) : expiry_ms,
		.bytes = RIG_STORED_BYTES,
		.flags = flags
	};
	rig_admit(r, rig_head(CMD_PUBLISH, 0, number), &row, sizeof row, 1);
	rig_give(r);
}

static void publish(struct rig *r, uint64_t number, uint32_t group)
{
	publish_as(r, number, group, false, 0, 0);
}

static struct rig *rig_with_queue(void)
{
	struct rig *r = rig_new();
	core_cache_limit(r->core, UINT64_MAX);
	rig_do(r, CMD_QUEUE_OPEN, Q, 1, QUEUE_DURABLE);
	SAY("reply 1 OK 0 0");
	return r;
}

/* ---- who gets what ------------------------------------------------------------------------- */

static void a_group_stays_with_its_consumer(void **s)
{
	(void)s;
	struct rig *r = rig_with_queue();
	rig_subscribe(r, Q, 1, 0, CREDIT_NO_LIMIT);
	rig_subscribe(r, Q, 2, 0, CREDIT_NO_LIMIT);
	SAY("reply 1 OK 0 1 | reply 2 OK 0 2");
	assert_true(core_features(r->core) == 0);
	publish(r, 1, 1);
	assert_true(core_features(r->core) == FEATURE_GROUPS); /* older builds take it for a time */
	publish(r, 2, 2);
	publish(r, 3, 2);
	publish(r, 4, 1);
	publish(r, 5, 2);
	publish(r, 6, 0);
	publish(r, 7, 3);
	SAY("c1 1f | c2 2f | c2 3 | c1 4 | c2 5 | c1 6 | c2 7f");
	core_check(r->core);
	rig_free(r);
}

static void others_go_past_what_waits_for_its_consumer(void **s)
{
	(void)s;
	struct rig *r = rig_with_queue();
	rig_subscribe(r, Q, 1, 0, 1);
	publish(r, 1, 1);
	publish(r, 2, 1);
	publish(r, 3, 1);
	publish(r, 4, 2);
	publish(r, 5, 0);
	publish(r, 6, 2);
	SAY("reply 1 OK 0 1 | c1 1f");
	rig_subscribe(r, Q, 2, 0, CREDIT_NO_LIMIT);
	SAY("reply 2 OK 5 2 | c2 4f | c2 5 | c2 6");
	core_check(r->core);
	rig_settle(r, Q, 1, place(0), SETTLE_ACCEPT);
	SAY("c1 2");
	rig_settle(r, Q, 1, place(1), SETTLE_RELEASE);
	SAY("c1 2r");
	rig_settle(r, Q, 1, place(1), SETTLE_ACCEPT);
	SAY("c1 3");
	core_check(r->core);
	rig_free(r);
}

static void a_group_is_free_when_what_its_consumer_had_is_back(void **s)
{
	(void)s;
	struct rig *r = rig_with_queue();
	rig_subscribe(r, Q, 1, 0, 2);
	for (uint32_t i = 1; i <= 4; i++)
		publish(r, i, 1);
	rig_subscribe(r, Q, 2, 0, CREDIT_NO_LIMIT);
	SAY("reply 1 OK 0 1 | c1 1f | c1 2 | reply 2 OK 2 2");
	rig_do(r, CMD_UNSUBSCRIBE, Q, 1, 0);
	SAY("reply 1 OK 0 0");
	rig_settle(r, Q, 1, place(1), SETTLE_RELEASE);
	SAY("");
	core_check(r->core);
	rig_settle(r, Q, 1, place(0), SETTLE_RELEASE);
	SAY("c2 1rf | c2 2r | c2 3 | c2 4");
	core_check(r->core);
	rig_free(r);
}

static void the_last_of_a_group_lets_go_of_it(void **s)
{
	(void)s;
	struct rig *r = rig_with_queue();
	rig_subscribe(r, Q, 1, 0, CREDIT_NO_LIMIT);
	rig_subscribe(r, Q, 2, 0, CREDIT_NO_LIMIT);
	SAY("reply 1 OK 0 1 | reply 2 OK 0 2");
	publish(r, 1, 1);
	publish_as(r, 2, 1, true, 0, 0);
	publish(r, 3, 1);
	SAY("c1 1f | c1 2");
	publish(r, 4, 0);
	SAY("c2 4");
	rig_settle(r, Q, 1, place(0), SETTLE_ACCEPT);
	rig_settle(r, Q, 1, place(1), SETTLE_ACCEPT);
	SAY("c1 3f");
	rig_do(r, CMD_UNSUBSCRIBE, Q, 1, 0);
	rig_settle(r, Q, 1, place(2), SETTLE_ACCEPT);
	publish(r, 5, 1);
	SAY("reply 1 OK 0 0 | c2 5f");
	core_check(r->core);
	rig_free(r);
}

static void without_acks_a_group_keeps_its_consumer_too(void **s)
{
	(void)s;
	struct rig *r = rig_with_queue();
	rig_subscribe(r, Q, 1, SUBSCRIBE_NO_ACK, CREDIT_NO_LIMIT);
	rig_subscribe(r, Q, 2, SUBSCRIBE_NO_ACK, CREDIT_NO_LIMIT);
	SAY("reply 1 OK 0 1 | reply 2 OK 0 2");
	publish(r, 1, 1);
	publish(r, 2, 1);
	publish(r, 3, 1);
	publish(r, 4, 2);
	publish(r, 5, 1);
	publish_as(r, 6, 1, true, 0, 0);
	SAY("c1 1f | c1 2 | c1 3 | c2 4f | c1 5 | c1 6");
	rig_do(r, CMD_UNSUBSCRIBE, Q, 1, 0);
	publish(r, 7, 1);
	SAY("reply 1 OK 0 0 | c2 7f");
	rig_free(r);
}

/* ---- with what else a queue has ------------------------------------------------------------ */

static void groups_are_known_after_a_restart(void **s)
{
	(void)s;
	struct rig *r = rig_with_queue();
	for (uint32_t i = 1; i <= 6; i++)
		publish_as(r, i, 1 + i % 2, false, ENTRY_PERSISTENT, 0);
	rig_commit(r);
	const uint64_t to = r->committed;
	rig_crash(r);
	rig_replay(r, r->core, 0, to);
	rig_do(r, CMD_QUEUE_OPEN, Q, 1, QUEUE_DURABLE);
	rig_subscribe(r, Q, 1, 0, 2);
	rig_subscribe(r, Q, 2, 0, 2);
	rig_commit(r);
	core_check(r->core);
	SAY("reply 1 OK 6 0 | reply 1 OK 6 1 | reply 2 OK 6 2 | c1 1f | c2 2f | c1 3 | c2 4");
	rig_free(r);
}

static void what_is_over_dies_in_a_group_too(void **s)
{
	(void)s;
	struct rig *r = rig_with_queue();
	rig_at(r, 1000);
	publish_as(r, 1, 1, false, 0, 1500);
	publish_as(r, 2, 1, false, 0, 0);
	core_check(r->core);
	must(core_deadline(r->core) <= 1500);
	rig_at(r, 1600);
	rig_subscribe(r, Q, 1, 0, CREDIT_NO_LIMIT);
	SAY("reply 1 OK 1 1 | c1 2f");
	rig_free(r);
}

static void a_single_active_consumer_has_all_groups(void **s)
{
	(void)s;
	struct rig *r = rig_with_queue();
	rig_subscribe(r, Q, 1, 0, CREDIT_NO_LIMIT);
	publish(r, 1, 1);
	SAY("reply 1 OK 0 1 | c1 1f");
	rig_subscribe(r, Q, 2, SUBSCRIBE_ALONE, CREDIT_NO_LIMIT);
	publish(r, 2, 1);
	SAY("reply 2 OK 0 2 | c2 2");
	rig_do(r, CMD_UNSUBSCRIBE, Q, 2, 0);
	publish(r, 3, 1);
	SAY("reply 2 OK 0 0 | c1 3");
	core_check(r->core);
	rig_free(r);
}

static void a_get_takes_the_first_of_any_group(void **s)
{
	(void)s;
	struct rig *r = rig_with_queue();
	rig_subscribe(r, Q, 1, 0, 1);
	publish(r, 1, 1);
	publish(r, 2, 1);
	SAY("reply 1 OK 0 1 | c1 1f");
	rig_do(r, CMD_GET, Q, 9, 0);
	SAY("got 2");
	rig_settle(r, Q, 1, place(1), SETTLE_RELEASE);
	rig_settle(r, Q, 1, place(0), SETTLE_ACCEPT);
	SAY("c1 2r");
	core_check(r->core);
	rig_free(r);
}

/* While it is out the rest of its group waits for nobody. */
static void what_nobody_owns_may_be_had_and_settled(void **s)
{
	(void)s;
	struct rig *r = rig_with_queue();
	publish(r, 1, 1);
	publish(r, 2, 1);
	publish(r, 3, 2);
	rig_do(r, CMD_GET, Q, 9, 0);
	SAY("got 1");
	rig_subscribe(r, Q, 1, 0, CREDIT_NO_LIMIT);
	SAY("reply 1 OK 2 1 | c1 3f");
	core_check(r->core);
	rig_settle(r, Q, 1, place(0), SETTLE_ACCEPT);
	SAY("c1 2f");
	rig_settle(r, Q, 1, place(1), SETTLE_ACCEPT);
	rig_settle(r, Q, 1, place(2), SETTLE_ACCEPT);
	core_check(r->core);
	rig_free(r);
}

static void a_single_active_consumer_settles_what_it_has(void **s)
{
	(void)s;
	struct rig *r = rig_with_queue();
	publish_as(r, 1, 1, false, ENTRY_PERSISTENT, 0);
	rig_commit(r);
	publish(r, 2, 1);
	rig_subscribe(r, Q, 1, SUBSCRIBE_ALONE, CREDIT_NO_LIMIT);
	rig_commit(r);
	SAY("reply 1 OK 2 1 | c1 1 | c1 2");
	rig_settle(r, Q, 1, place(0), SETTLE_ACCEPT);
	rig_settle(r, Q, 1, place(1), SETTLE_RELEASE);
	SAY("c1 2r");
	rig_do(r, CMD_UNSUBSCRIBE, Q, 1, 0);
	rig_subscribe(r, Q, 2, 0, CREDIT_NO_LIMIT);
	SAY("reply 1 OK 0 0 | reply 2 OK 0 1");
	rig_settle(r, Q, 1, place(1), SETTLE_RELEASE);
	SAY("c2 2rf");
	core_check(r->core);
	rig_free(r);
}

static void what_waits_for_its_consumer_is_not_taken_for_less(void **s)
{
	(void)s;
	struct rig *r = rig_with_queue();
	struct queue_rules rules = rules_none();
	rules.max_length = 3;
	rig_open(r, Q, QUEUE_DURABLE, &rules);
	rig_subscribe(r, Q, 1, 0, 1);
	publish(r, 1, 1);
	rig_subscribe(r, Q, 2, 0, CREDIT_NO_LIMIT);
	SAY("reply 1 OK 0 1 | c1 1f | reply 2 OK 0 2");
	for (uint32_t i = 2; i <= 6; i++)
		publish(r, i, 1);
	must(core_find_queue(r->core, Q)->ready_n == 3);
	rig_settle(r, Q, 1, place(0), SETTLE_ACCEPT);
	SAY("c1 4"); /* the oldest have gone */
	publish_as(r, 7, 1, false, ENTRY_CONFIRM, 0);
	rules.overflow = OVERFLOW_REJECT;
	rig_open(r, Q, QUEUE_DURABLE, &rules);
	publish_as(r, 8, 1, false, ENTRY_CONFIRM, 0);
	SAY("confirm 7-7 | refused 8-8");
	core_check(r->core);
	rig_free(r);
}

static void far_behind_what_waits_others_get_theirs(void **s)
{
	(void)s;
	struct rig *r = rig_with_queue();
	rig_subscribe(r, Q, 1, 0, 1);
	for (uint32_t i = 1; i <= 2000; i++)
		publish(r, i, 1);
	publish(r, 2001, 2);
	SAY("reply 1 OK 0 1 | c1 1f");
	rig_subscribe(r, Q, 2, 0, CREDIT_NO_LIMIT);
	SAY("reply 2 OK 2000 2 | c2 2001f");
	core_check(r->core);
	rig_do(r, CMD_PURGE, Q, 5, 0);
	SAY("reply 5 OK 1999 0");
	core_check(r->core);
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_group_stays_with_its_consumer),
		cmocka_unit_test(others_go_past_what_waits_for_its_consumer),
		cmocka_unit_test(a_group_is_free_when_what_its_consumer_had_is_back),
		cmocka_unit_test(the_last_of_a_group_lets_go_of_it),
		cmocka_unit_test(without_acks_a_group_keeps_its_consumer_too),
		cmocka_unit_test(groups_are_known_after_a_restart),
		cmocka_unit_test(what_is_over_dies_in_a_group_too),
		cmocka_unit_test(a_single_active_consumer_has_all_groups),
		cmocka_unit_test(a_get_takes_the_first_of_any_group),
		cmocka_unit_test(what_nobody_owns_may_be_had_and_settled),
		cmocka_unit_test(a_single_active_consumer_settles_what_it_has),
		cmocka_unit_test(what_waits_for_its_consumer_is_not_taken_for_less),
		cmocka_unit_test(far_behind_what_waits_others_get_theirs),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
