#include "core/core_for_tests.h"

#define Q 7u

static struct queue_rules ttl(uint64_t ms)
{
	struct queue_rules rules = rules_none();
	rules.message_ttl_ms = ms;
	return rules;
}

static struct rig *rig_with(uint8_t flags, struct queue_rules rules)
{
	struct rig *r = rig_new();
	rig_open(r, Q, flags, &rules);
	return r;
}

/* One message of the rig's with an expiry of its own. */
static void publish(struct rig *r, uint64_t number, uint8_t flags, uint64_t expiry_ms)
{
	struct publish_row row = { .mem = rig_message(r, number, 1),
				   .queue = Q,
				   .bytes = RIG_STORED_BYTES,
				   .expiry_ms = expiry_ms,
				   .flags = flags };
	rig_admit(r, rig_head(CMD_PUBLISH, 0, number), &row, sizeof row, 1);
	rig_give(r);
}

static uint64_t ready_n(struct rig *r)
{
	return core_find_queue(r->core, Q)->ready_n;
}

static void a_message_lives_as_long_as_its_queue_says(void **s)
{
	(void)s;
	struct rig *r = rig_with(0, ttl(100));
	rig_at(r, 1000);
	rig_publish(r, Q, 1, 3, 0);
	must(core_deadline(r->core) == 1100);
	rig_at(r, 1050);
	rig_publish(r, Q, 4, 1, 0);
	rig_at(r, 1099);
	must(ready_n(r) == 4);
	rig_at(r, 1100);
	must(ready_n(r) == 1 && core_deadline(r->core) == 1150);
	rig_at(r, 5000);
	must(ready_n(r) == 0 && core_deadline(r->core) == UINT64_MAX);
	must(r->core->count.expired == 4);
	SAY("");
	rig_free(r);
}

static void a_message_expires_wherever_it_stands(void **s)
{
	(void)s;
	struct rig *r = rig_with(0, rules_none());
	publish(r, 1, 0, 0);
	publish(r, 2, 0, 50);
	publish(r, 3, 0, 30);
	publish(r, 4, 0, 0);
	publish(r, 5, 0, 40);
	must(core_deadline(r->core) == 30);
	rig_at(r, 40);
	must(ready_n(r) == 3 && core_deadline(r->core) == 50);
	rig_at(r, 60);
	rig_subscribe(r, Q, 1, 0, CREDIT_NO_LIMIT);
	SAY("reply 1 OK 2 1 | c1 1 | c1 4");
	must(core_deadline(r->core) == UINT64_MAX);
	rig_free(r);
}

static void the_shorter_of_two_times_counts(void **s)
{
	(void)s;
	struct rig *r = rig_with(0, ttl(100));
	publish(r, 1, 0, 40);
	publish(r, 2, 0, 400);
	rig_at(r, 99);
	must(ready_n(r) == 1);
	rig_at(r, 100);
	must(ready_n(r) == 0);
	rig_free(r);
}

static void what_may_not_wait_goes_to_who_waits_or_dies(void **s)
{
	(void)s;
	struct rig *r = rig_with(QUEUE_DURABLE, ttl(0));
	rig_at(r, 10);
	rig_publish(r, Q, 1, 2, 0);
	must(ready_n(r) == 0 && r->core->count.expired == 2);
	rig_publish(r, Q, 3, 2, ENTRY_PERSISTENT | ENTRY_CONFIRM);
	rig_commit(r);
	SAY("confirm 3-4");
	must(core_find_queue(r->core, Q)->live_n == 0);
	rig_subscribe(r, Q, 1, 0, 2);
	rig_publish(r, Q, 5, 3, 0);
	SAY("reply 1 OK 0 1 | c1 5 | c1 6");
	must(ready_n(r) == 0);
	rig_settle(r, Q, 1, pos_of(3, 0), SETTLE_RELEASE); /* too late for another time */
	rig_settle(r, Q, 1, pos_of(3, 1), SETTLE_ACCEPT);
	must(core_find_queue(r->core, Q)->live_n == 0);
	rig_publish(r, Q, 8, 3, 0);
	SAY("c1 8 | c1 9");
	rig_do(r, CMD_GET, Q, 77, 0);
	SAY("reply 77 NOT_FOUND 1 0");
	rig_free(r);
}

static void who_does_not_acknowledge_gets_nothing_that_is_over(void **s)
{
	(void)s;
	struct rig *r = rig_with(0, rules_none());
	rig_at(r, 100);
	rig_subscribe(r, Q, 1, SUBSCRIBE_NO_ACK, CREDIT_NO_LIMIT);
	publish(r, 1, 0, 100);
	publish(r, 2, 0, 101);
	publish(r, 3, 0, EXPIRY_AT_ONCE);
	SAY("reply 1 OK 0 1 | c1 2 | c1 3");
	must(core_find_queue(r->core, Q)->live_n == 0);
	rig_free(r);
}

static void what_is_held_expires_when_it_is_given_back(void **s)
{
	(void)s;
	struct rig *r = rig_with(0, ttl(100));
	rig_subscribe(r, Q, 1, 0, 2);
	rig_publish(r, Q, 1, 2, 0);
	SAY("reply 1 OK 0 1 | c1 1 | c1 2");
	rig_at(r, 99);
	rig_settle(r, Q, 1, pos_of(1, 0), SETTLE_RELEASE);
	SAY("c1 1r"); /* its time goes on */
	rig_at(r, 500);
	must(core_find_queue(r->core, Q)->live_n == 2 && core_deadline(r->core) == UINT64_MAX);
	rig_settle(r, Q, 1, pos_of(1, 0), SETTLE_RELEASE);
	must(core_find_queue(r->core, Q)->live_n == 1);
	SAY("");
	rig_free(r);
}

static void a_durable_message_expires_in_the_log(void **s)
{
	(void)s;
	struct rig *r = rig_with(QUEUE_DURABLE, ttl(100));
	rig_publish(r, Q, 1, 2, ENTRY_PERSISTENT);
	rig_commit(r);
	rig_at(r, 50);
	rig_publish(r, Q, 3, 1, ENTRY_PERSISTENT);
	rig_commit(r);
	rig_at(r, 100);
	must(ready_n(r) == 1 && core_find_queue(r->core, Q)->live_n == 3);
	rig_commit(r);
	must(core_find_queue(r->core, Q)->live_n == 1 && r->live_bytes == RIG_STORED_BYTES);
	struct digest_sum before = rig_digest(r->core);
	rig_crash(r);
	rig_replay(r, r->core, 0, r->committed);
	must(digest_eq(before, rig_digest(r->core)));
	must(core_deadline(r->core) == UINT64_MAX); /* nobody decides yet */
	struct queue_rules rules = ttl(100);
	rig_open(r, Q, QUEUE_DURABLE, &rules);
	must(core_deadline(r->core) == 150);
	rig_at(r, 150);
	rig_commit(r);
	must(core_find_queue(r->core, Q)->live_n == 0 && r->live_bytes == 0);
	rig_free(r);
}

static void nothing_dies_before_its_queue_has_rules(void **s)
{
	(void)s;
	struct queue_rules rules = ttl(100), none = rules_none();
	rules.has_dead_letter_exchange = true;
	struct rig *r = rig_with(QUEUE_DURABLE, rules);
	rig_publish(r, Q, 1, 1, ENTRY_PERSISTENT);
	rig_commit(r);
	rig_crash(r);
	rig_replay(r, r->core, 0, r->committed);
	r->now_ms = 500;
	struct run open = rig_head(CMD_QUEUE_OPEN, 8, 0);
	open.session = 0;
	rig_admit(r, open, NULL, 0, 0); /* as a start does: queue by queue, without a turn */
	core_dead_to(r->core, RIG_SESSION(9));
	must(ready_n(r) == 1);
	rig_open(r, Q, QUEUE_DURABLE, &rules);
	SAY("dead1 1");
	rig_open(r, 8, 0, &none);
	rig_free(r);
}

static void what_the_log_was_too_slow_for_is_not_given(void **s)
{
	(void)s;
	struct rig *r = rig_with(QUEUE_DURABLE, ttl(10));
	rig_subscribe(r, Q, 1, 0, CREDIT_NO_LIMIT);
	rig_publish(r, Q, 1, 1, ENTRY_PERSISTENT);
	rig_propose(r);
	rig_at(r, 10);
	rig_commit(r);
	SAY("reply 1 OK 0 1");
	must(core_find_queue(r->core, Q)->live_n == 0);
	rig_free(r);
}

static void many_expire_over_many_chunks(void **s)
{
	(void)s;
	struct rig *r = rig_with(QUEUE_DURABLE, rules_none());
	for (uint64_t n = 1; n <= 3 * CHUNK_N; n++)
		publish(r, n, n % 2 ? ENTRY_PERSISTENT : 0, n % 3 ? 100 + n % 7 : 0);
	rig_commit(r);
	for (uint64_t ms = 100; ms <= 106; ms++) {
		rig_at(r, ms);
		rig_commit(r);
		core_check(r->core);
	}
	must(ready_n(r) == CHUNK_N && core_deadline(r->core) == UINT64_MAX);
	rig_free(r);
}

#define MANY (40 * CHUNK_N)

static void what_expires_at_once_goes_turn_by_turn_and_is_given_to_nobody(void **s)
{
	(void)s;
	struct rig *r = rig_with(0, rules_none());
	for (uint64_t n = 1; n <= MANY; n++)
		publish(r, n, 0, 100);
	publish(r, MANY + 1, 0, 0);
	r->now_ms = 100;
	core_tick(r->core, 100, &r->now, &r->later, &r->post);
	must(ready_n(r) > MANY / 2 && ready_n(r) < MANY); /* others are served in between */
	must(core_deadline(r->core) <= 100);
	rig_subscribe(r, Q, 1, 0, 10);
	SAY("reply 1 OK 12289 1 | c1 20481"); /* the one that has not expired */
	must(ready_n(r) == 0);
	must(r->core->count.expired == MANY);
	core_check(r->core);
	rig_free(r);
}

static void turns_end_when_all_that_is_due_has_gone(void **s)
{
	(void)s;
	struct rig *r = rig_with(QUEUE_DURABLE, rules_none());
	for (uint64_t n = 1; n <= MANY; n++) {
		publish(r, n, ENTRY_PERSISTENT, 100);
		if (n % 512 == 0)
			rig_commit(r);
	}
	uint32_t turns = 0;
	for (r->now_ms = 100; core_deadline(r->core) <= 100; turns++) {
		core_tick(r->core, 100, &r->now, &r->later, &r->post);
		rig_commit(r);
		core_check(r->core);
		must(turns < 100);
	}
	must(ready_n(r) == 0 && r->core->count.expired == MANY);
	rig_free(r);
}

/* ---- queues ------------------------------------------------------------------------------ */

static struct rig *rig_expiring(uint64_t ms)
{
	struct queue_rules rules = rules_none();
	rules.expires_ms = ms;
	return rig_with(0, rules);
}

static void a_queue_that_nobody_uses_goes(void **s)
{
	(void)s;
	struct rig *r = rig_expiring(100);
	rig_publish(r, Q, 1, 1, 0); /* is no use */
	rig_at(r, 99);
	SAY("");
	rig_at(r, 100);
	SAY("command 23 queue 7");
	must(core_deadline(r->core) == UINT64_MAX);
	rig_do(r, CMD_GET, Q, 5, 0);
	SAY("reply 5 NOT_FOUND 0 0");
	rig_free(r);
}

static void every_use_keeps_a_queue(void **s)
{
	(void)s;
	struct rig *r = rig_expiring(100);
	rig_at(r, 90);
	rig_do(r, CMD_GET, Q, 5, 0);
	rig_at(r, 180);
	rig_do(r, CMD_QUEUE_STAT, Q, 6, 0);
	rig_at(r, 270);
	rig_subscribe(r, Q, 1, 0, 1);
	must(core_deadline(r->core) == UINT64_MAX);
	rig_at(r, 5000);
	rig_subscribe(r, Q, 2, 0, 1);
	rig_do(r, CMD_UNSUBSCRIBE, Q, 1, 0);
	must(core_deadline(r->core) == UINT64_MAX);
	rig_do(r, CMD_SESSION_GONE, 0, 0, 0);
	SAY("reply 5 NOT_FOUND 1 0 | reply 6 OK 0 0 | reply 1 OK 0 1 | reply 2 OK 0 2 | "
	    "reply 1 OK 0 0");
	must(core_deadline(r->core) == 5100);
	rig_at(r, 5100);
	SAY("command 23 queue 7");
	rig_free(r);
}

static void rules_can_come_and_go(void **s)
{
	(void)s;
	struct rig *r = rig_expiring(100);
	struct queue_rules none = rules_none(), some = ttl(50);
	rig_open(r, Q, 0, &none);
	must(core_deadline(r->core) == UINT64_MAX);
	rig_open(r, Q, 0, &some);
	rig_publish(r, Q, 1, 1, 0);
	rig_open(r, Q, 0, &none);
	rig_publish(r, Q, 2, 1, 0);
	rig_at(r, 1000);
	must(ready_n(r) == 1);
	SAY("");
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_message_lives_as_long_as_its_queue_says),
		cmocka_unit_test(a_message_expires_wherever_it_stands),
		cmocka_unit_test(the_shorter_of_two_times_counts),
		cmocka_unit_test(what_may_not_wait_goes_to_who_waits_or_dies),
		cmocka_unit_test(who_does_not_acknowledge_gets_nothing_that_is_over),
		cmocka_unit_test(what_is_held_expires_when_it_is_given_back),
		cmocka_unit_test(a_durable_message_expires_in_the_log),
		cmocka_unit_test(nothing_dies_before_its_queue_has_rules),
		cmocka_unit_test(what_the_log_was_too_slow_for_is_not_given),
		cmocka_unit_test(many_expire_over_many_chunks),
		cmocka_unit_test(what_expires_at_once_goes_turn_by_turn_and_is_given_to_nobody),
		cmocka_unit_test(turns_end_when_all_that_is_due_has_gone),
		cmocka_unit_test(a_queue_that_nobody_uses_goes),
		cmocka_unit_test(every_use_keeps_a_queue),
		cmocka_unit_test(rules_can_come_and_go),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
