#include "core/core_letter_for_tests.h"
#include "core/core_replay_for_tests.h"
#include "core/rules.h"

#define Q 7u

static void open_queue(struct rig *r)
{
	struct queue_rules rules = rules_none();
	rules.expires_ms = 100;
	rules.bequeaths = 1;
	rules.has_dead_letter_exchange = true;
	rules.dead_letter_exchange = slice_str("x");
	rig_open(r, Q, QUEUE_DURABLE | QUEUE_KEEPER, &rules);
}

/* A queue that somebody uses, with `n` messages in the log. */
static struct rig *rig_with(uint32_t n)
{
	struct rig *r = rig_new();
	rig_at(r, 1000);
	core_dead_to(r->core, LETTER);
	open_queue(r);
	rig_subscribe(r, Q, 4, 0, 0);
	if (n)
		rig_publish(r, Q, 1, n, ENTRY_PERSISTENT);
	rig_commit(r);
	SAY("reply 4 OK 0 1");
	return r;
}

static void what_is_left_goes_on_before_the_queue_goes(void **s)
{
	(void)s;
	struct rig *r = rig_with(2);
	rig_at(r, 5000);
	SAY("");
	rig_do(r, CMD_UNSUBSCRIBE, Q, 4, 0);
	assert_int_equal(core_deadline(r->core), 5100);
	rig_at(r, 5099);
	SAY("reply 4 OK 0 0");
	rig_at(r, 5100);
	SAY("dead1 1 | dead1 2");
	letter_done(r, Q, 1);
	letter_done(r, Q, 2);
	SAY("");
	rig_commit(r); /* that they are gone */
	SAY("command 23 queue 7");
	core_check(r->core);
	rig_free(r);
}

static void who_uses_it_in_time_keeps_it(void **s)
{
	(void)s;
	struct rig *r = rig_with(1);
	rig_do(r, CMD_UNSUBSCRIBE, Q, 4, 0);
	rig_at(r, 1099);
	rig_subscribe(r, Q, 5, 0, 0);
	rig_do(r, CMD_UNSUBSCRIBE, Q, 5, 0);
	rig_at(r, 1198);
	SAY("reply 4 OK 0 0 | reply 5 OK 1 1 | reply 5 OK 0 0");
	rig_at(r, 1199);
	SAY("dead1 1");
	rig_free(r);
}

/* What has gone on has gone; the queue stays for whoever came meanwhile. */
static void who_comes_too_late_finds_it_empty(void **s)
{
	(void)s;
	struct rig *r = rig_with(1);
	rig_do(r, CMD_UNSUBSCRIBE, Q, 4, 0);
	rig_at(r, 1100);
	rig_subscribe(r, Q, 5, 0, 0);
	letter_done(r, Q, 1);
	rig_commit(r);
	SAY("reply 4 OK 0 0 | dead1 1 | reply 5 OK 0 1");
	assert_int_equal(core_find_queue(r->core, Q)->live_n, 0);
	rig_free(r);
}

static void it_can_be_told_to_expire(void **s)
{
	(void)s;
	struct rig *r = rig_with(1);
	rig_do(r, CMD_QUEUE_DELETE, Q, 6, DELETE_EXPIRED); /* whoever uses it */
	rig_do(r, CMD_UNSUBSCRIBE, Q, 4, 0);
	SAY("dead1 1 | reply 4 OK 0 0");
	rig_do(r, CMD_QUEUE_DELETE, Q, 7, DELETE_EXPIRED);
	SAY("reply 6 OK 0 0"); /* each is answered */
	letter_done(r, Q, 1);
	rig_commit(r);
	SAY("command 23 queue 7");
	rig_do(r, CMD_QUEUE_DROP, Q, 7, 0);
	rig_commit(r);
	SAY("reply 7 OK 0 0");
	rig_free(r);
}

static void deleted_it_leaves_nothing(void **s)
{
	(void)s;
	struct rig *r = rig_with(1);
	rig_do(r, CMD_QUEUE_DELETE, Q, 6, 0);
	rig_do(r, CMD_UNSUBSCRIBE, Q, 4, 0);
	SAY("command 23 queue 7 | reply 4 OK 0 0");
	rig_at(r, 9000);
	SAY("");
	rig_free(r);
}

static void who_waits_for_its_end_hears_of_another(void **s)
{
	(void)s;
	struct rig *r = rig_with(1);
	rig_do(r, CMD_QUEUE_DELETE, Q, 6, DELETE_EXPIRED);
	rig_do(r, CMD_QUEUE_DELETE, Q, 7, 0);
	SAY("dead1 1 | reply 6 OK 0 0 | command 23 queue 7");
	rig_free(r);
	r = rig_with(1);
	rig_do(r, CMD_QUEUE_DELETE, Q, 6, DELETE_EXPIRED);
	rig_do(r, CMD_QUEUE_DROP, Q, 7, 0);
	rig_commit(r);
	SAY("dead1 1 | reply 6 OK 0 0 | cancelled 4 | reply 7 OK 0 0");
	rig_free(r);
}

static void an_empty_one_waits_for_its_first_user(void **s)
{
	(void)s;
	struct rig *r = rig_new();
	rig_at(r, 1000);
	core_dead_to(r->core, LETTER);
	open_queue(r);
	rig_at(r, 60999);
	SAY("");
	rig_at(r, 61000);
	SAY("command 23 queue 7");
	rig_free(r);
}

static void after_a_restart_it_waits_anew(void **s)
{
	(void)s;
	struct rig *r = rig_with(1);
	rig_crash(r);
	rig_replay(r, r->core, 0, r->committed);
	core_dead_to(r->core, LETTER);
	rig_at(r, 9000);
	open_queue(r);
	rig_at(r, 9099);
	SAY("");
	rig_at(r, 9100);
	SAY("dead1 1");
	rig_free(r);
}

static void without_a_publisher_of_dead_letters_it_just_goes(void **s)
{
	(void)s;
	struct rig *r = rig_new();
	open_queue(r);
	rig_publish(r, Q, 1, 1, ENTRY_PERSISTENT);
	rig_commit(r);
	rig_do(r, CMD_QUEUE_STAT, Q, 3, 0);
	rig_at(r, 100);
	SAY("reply 3 OK 1 0 | command 23 queue 7");
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_left_goes_on_before_the_queue_goes),
		cmocka_unit_test(who_uses_it_in_time_keeps_it),
		cmocka_unit_test(who_comes_too_late_finds_it_empty),
		cmocka_unit_test(it_can_be_told_to_expire),
		cmocka_unit_test(deleted_it_leaves_nothing),
		cmocka_unit_test(who_waits_for_its_end_hears_of_another),
		cmocka_unit_test(an_empty_one_waits_for_its_first_user),
		cmocka_unit_test(after_a_restart_it_waits_anew),
		cmocka_unit_test(without_a_publisher_of_dead_letters_it_just_goes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
