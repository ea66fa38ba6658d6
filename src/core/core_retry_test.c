#include "core/core_for_tests.h"

#define Q 7u

/* Chunks are numbered from 1 on. */
static uint64_t place(uint32_t slot)
{
	return pos_of(1, slot);
}

static struct queue_rules rules_of(uint64_t type, uint64_t min_ms, uint64_t max_ms)
{
	struct queue_rules rules = rules_none();
	rules.type = QUEUE_QUORUM;
	rules.delivery_limit = 20;
	rules.retry_type = type;
	rules.retry_min_ms = min_ms;
	rules.retry_max_ms = max_ms;
	return rules;
}

static struct rig *rig_with(uint64_t type, uint64_t min_ms, uint64_t max_ms)
{
	struct rig *r = rig_new();
	struct queue_rules rules = rules_of(type, min_ms, max_ms);
	rig_at(r, 1000);
	rig_open(r, Q, QUEUE_DURABLE, &rules);
	rig_subscribe(r, Q, 1, 0, CREDIT_NO_LIMIT);
	return r;
}

static void back(struct rig *r, uint32_t slot, enum settle how)
{
	rig_settle(r, Q, 1, place(slot), how);
	rig_commit(r);
}

static void what_failed_waits_longer_each_time(void **s)
{
	(void)s;
	struct rig *r = rig_with(RETRY_FAILED, 100, 250);
	rig_publish(r, Q, 1, 1, ENTRY_PERSISTENT);
	rig_commit(r);
	SAY("reply 1 OK 0 1 | c1 1");
	static const uint64_t wait[] = { 100, 200, 250, 250 };
	for (uint32_t i = 0; i < 4; i++) {
		back(r, 0, SETTLE_FAIL);
		rig_at(r, r->now_ms + wait[i] - 1);
		SAY("");
		rig_at(r, r->now_ms + 1);
		SAY("c1 1r");
	}
	back(r, 0, SETTLE_RELEASE); /* which is not what waits here */
	SAY("c1 1r+1");
	back(r, 0, SETTLE_ACCEPT);
	rig_free(r);
}

static void who_waits_lets_others_pass_and_comes_back_in_order(void **s)
{
	(void)s;
	struct rig *r = rig_with(RETRY_ALL, 100, RULE_NONE);
	rig_publish(r, Q, 1, 3, 0);
	SAY("reply 1 OK 0 1 | c1 1 | c1 2 | c1 3");
	back(r, 2, SETTLE_RELEASE);
	back(r, 0, SETTLE_FAIL);
	rig_publish(r, Q, 4, 1, 0);
	SAY("c1 4");
	rig_do(r, CMD_PURGE, Q, 5, 0);
	SAY("reply 5 OK 0 0");
	rig_at(r, 1099);
	SAY("");
	rig_at(r, 1100);
	SAY("c1 1r | c1 3r+1");
	rig_free(r);
}

static void without_the_rule_nobody_waits_any_more(void **s)
{
	(void)s;
	struct rig *r = rig_with(RETRY_RETURNED, 100, 1000);
	struct queue_rules none = rules_of(RULE_NONE, RULE_NONE, RULE_NONE);
	rig_publish(r, Q, 1, 2, 0);
	back(r, 0, SETTLE_RELEASE);
	back(r, 1, SETTLE_FAIL);
	SAY("reply 1 OK 0 1 | c1 1 | c1 2 | c1 2r");
	rig_open(r, Q, QUEUE_DURABLE, &none);
	SAY("c1 1r+1");
	rig_at(r, 5000);
	SAY("");
	rig_free(r);
}

static void a_queue_may_go_while_messages_wait(void **s)
{
	(void)s;
	struct rig *r = rig_with(RETRY_ALL, 100, 1000);
	rig_publish(r, Q, 1, 40, ENTRY_PERSISTENT);
	rig_commit(r);
	for (uint32_t i = 0; i < 40; i++)
		back(r, i, SETTLE_FAIL);
	rig_do(r, CMD_QUEUE_DROP, Q, 9, 0);
	rig_commit(r);
	rig_at(r, 5000);
	must(core_deadline(r->core) == UINT64_MAX);
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_failed_waits_longer_each_time),
		cmocka_unit_test(who_waits_lets_others_pass_and_comes_back_in_order),
		cmocka_unit_test(without_the_rule_nobody_waits_any_more),
		cmocka_unit_test(a_queue_may_go_while_messages_wait),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
