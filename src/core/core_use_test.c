#include "core/core_replay_for_tests.h"
#include "core/rules.h"
#include "wire/record/head.h"

#define Q 7u

/* Since when nobody uses a queue, in the log: its time goes on while the broker is down. */

static void open_queue(struct rig *r)
{
	struct queue_rules rules = rules_none();
	rules.expires_ms = 100;
	rules.logs_use = 1;
	rig_open(r, Q, QUEUE_DURABLE, &rules);
	rig_commit(r);
}

static struct rig *rig_at_1000(void)
{
	struct rig *r = rig_new();
	rig_at(r, 1000);
	open_queue(r);
	return r;
}

static void use(struct rig *r)
{
	rig_subscribe(r, Q, 4, 0, 0);
	rig_commit(r);
	SAY("reply 4 OK 0 1");
}

static void leave(struct rig *r)
{
	rig_do(r, CMD_UNSUBSCRIBE, Q, 4, 0);
	SAY("reply 4 OK 0 0");
}

static void die_and_come_back(struct rig *r, uint64_t at_ms)
{
	rig_crash(r);
	rig_replay(r, r->core, 0, r->committed);
	rig_at(r, at_ms);
	open_queue(r);
}

static void its_time_goes_on_while_the_broker_is_down(void **s)
{
	(void)s;
	struct rig *r = rig_at_1000();
	use(r);
	rig_at(r, 2000);
	leave(r);
	rig_commit(r);
	die_and_come_back(r, 2060);
	assert_int_equal(core_deadline(r->core), 2100);
	rig_at(r, 2099);
	SAY("");
	die_and_come_back(r, 2099);
	rig_at(r, 2100);
	SAY("command 23 queue 7");
	rig_free(r);
}

static void what_was_over_meanwhile_goes_at_once(void **s)
{
	(void)s;
	struct rig *r = rig_at_1000();
	use(r);
	rig_at(r, 2000);
	leave(r);
	rig_commit(r);
	die_and_come_back(r, 9000);
	rig_at(r, 9000);
	SAY("command 23 queue 7");
	rig_free(r);
}

/* When its user went nobody knows; from then on it counts, over all starts to come. */
static void who_was_there_at_the_end_counts_from_the_start(void **s)
{
	(void)s;
	struct rig *r = rig_at_1000();
	use(r);
	die_and_come_back(r, 5000);
	assert_int_equal(core_deadline(r->core), 5100);
	die_and_come_back(r, 5050);
	assert_int_equal(core_deadline(r->core), 5100);
	rig_free(r);
}

static void who_comes_in_time_begins_it_anew(void **s)
{
	(void)s;
	struct rig *r = rig_at_1000();
	use(r);
	leave(r);
	rig_at(r, 1050);
	use(r);
	rig_at(r, 3000);
	die_and_come_back(r, 4000);
	assert_int_equal(core_deadline(r->core), 4100);
	rig_free(r);
}

/* Or a crash just behind the answer would let it expire with the time of before. */
static void use_is_in_the_log_before_who_asks_is_answered(void **s)
{
	(void)s;
	struct rig *r = rig_at_1000();
	use(r);
	leave(r);
	rig_commit(r);
	rig_at(r, 1090);
	rig_do(r, CMD_QUEUE_STAT, Q, 6, 0);
	SAY("");
	rig_commit(r);
	SAY("reply 6 OK 0 0");
	die_and_come_back(r, 1100);
	assert_int_equal(core_deadline(r->core), 1190);
	use(r);
	rig_do(r, CMD_QUEUE_STAT, Q, 6, 0);
	SAY("reply 6 OK 0 1"); /* it is known to be used */
	rig_free(r);
}

static void without_the_rule_nothing_is_logged(void **s)
{
	(void)s;
	struct rig *r = rig_new();
	struct queue_rules rules = rules_none();
	rules.expires_ms = 100;
	rig_open(r, Q, QUEUE_DURABLE, &rules);
	use(r);
	leave(r);
	rig_do(r, CMD_QUEUE_STAT, Q, 6, 0);
	SAY("reply 6 OK 0 0");
	rig_commit(r);
	assert_int_equal(r->proposed, 0);
	rig_free(r);
}

/* The same rule for one that its connection takes along: nothing of it is in any log. */
static void a_queue_that_passes_logs_nothing(void **s)
{
	(void)s;
	struct rig *r = rig_new();
	struct queue_rules rules = rules_none();
	rules.expires_ms = 100;
	rules.logs_use = 1;
	rig_open(r, Q, 0, &rules);
	use(r);
	leave(r);
	rig_commit(r);
	assert_int_equal(r->proposed, 0);
	rig_free(r);
}

static void a_checkpoint_has_it(void **s)
{
	(void)s;
	uint8_t unit[CHECKPOINT_UNIT_MAX];
	struct unit_key key;
	uint32_t len;
	struct rig *r = rig_at_1000();
	use(r);
	core_checkpoint_begin(r->core);
	assert_true(core_checkpoint_next(r->core, &key, unit, sizeof unit, &len));
	core_checkpoint_end(r->core, true);
	assert_int_equal(core_features(r->core), 0); /* older builds can read it */
	rig_at(r, 2000);
	leave(r);
	rig_commit(r);
	const struct digest_sum before = rig_digest(r->core);
	core_checkpoint_begin(r->core);
	assert_true(core_checkpoint_next(r->core, &key, unit, sizeof unit, &len));
	core_checkpoint_end(r->core, true);
	assert_int_equal(core_features(r->core), FEATURE_UNUSED);
	rig_crash(r);
	assert_int_equal(core_restore(r->core, key, slice_of(unit, len)), ERR_OK);
	assert_int_equal(core_restored(r->core), ERR_OK);
	assert_int_equal(core_features(r->core), FEATURE_UNUSED);
	const struct digest_sum behind = rig_digest(r->core);
	assert_memory_equal(&before, &behind, sizeof before);
	rig_at(r, 2070);
	open_queue(r);
	assert_int_equal(core_deadline(r->core), 2100);
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(its_time_goes_on_while_the_broker_is_down),
		cmocka_unit_test(what_was_over_meanwhile_goes_at_once),
		cmocka_unit_test(who_was_there_at_the_end_counts_from_the_start),
		cmocka_unit_test(who_comes_in_time_begins_it_anew),
		cmocka_unit_test(use_is_in_the_log_before_who_asks_is_answered),
		cmocka_unit_test(without_the_rule_nothing_is_logged),
		cmocka_unit_test(a_queue_that_passes_logs_nothing),
		cmocka_unit_test(a_checkpoint_has_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
