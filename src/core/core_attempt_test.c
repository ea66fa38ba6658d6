#include "core/core_attempt.h"
#include "core/catalog.h"
#include "core/core_letter_for_tests.h"
#include "core/rules.h"
#include "wire/record/head.h"

#define Q 7u

/* A durable queue that counts attempts; RULE_NONE: without a limit. */
static void open_queue(struct rig *r, uint64_t limit, bool has_dead_letters)
{
	struct queue_rules rules = rules_none();
	rules.type = QUEUE_QUORUM;
	rules.delivery_limit = limit;
	rules.has_dead_letter_exchange = has_dead_letters;
	rig_open(r, Q, QUEUE_DURABLE, &rules);
}

static struct rig *new_rig(uint64_t limit, bool has_dead_letters)
{
	struct rig *r = rig_new();
	core_dead_to(r->core, LETTER);
	open_queue(r, limit, has_dead_letters);
	rig_subscribe(r, Q, 5, 0, 10);
	return r;
}

static void in_vain(struct rig *r, uint64_t n)
{
	rig_settle(r, Q, 5, pos_nth(n), SETTLE_FAIL);
}

static const struct chunk *chunk_of(const struct rig *r, uint64_t n)
{
	const struct queue *q = core_find_queue(r->core, Q);
	return queue_chunk(q, pos_chunk(pos_nth(n)));
}

static uint16_t count_of(const struct rig *r, uint64_t n)
{
	return chunk_of(r, n)->entry[pos_slot(pos_nth(n))].count;
}

static void a_failed_attempt_is_in_the_log_before_the_next(void **s)
{
	(void)s;
	struct rig *r = new_rig(RULE_NONE, false);
	rig_publish(r, Q, 1, 1, ENTRY_PERSISTENT);
	rig_commit(r);
	SAY("reply 5 OK 0 1 | c5 1");
	in_vain(r, 1);
	in_vain(r, 1); /* it is not held any more */
	SAY("");
	rig_commit(r);
	SAY("c5 1r");
	assert_int_equal(count_of(r, 1), 1);
	in_vain(r, 1);
	rig_commit(r);
	SAY("c5 1r");
	assert_int_equal(count_of(r, 1), 2);
	rig_free(r);
}

static void what_need_not_survive_is_given_at_once(void **s)
{
	(void)s;
	struct rig *r = new_rig(1, false);
	rig_publish(r, Q, 1, 1, 0);
	in_vain(r, 1);
	SAY("reply 5 OK 0 1 | c5 1 | c5 1r");
	in_vain(r, 1);
	SAY("");
	assert_int_equal(core_find_queue(r->core, Q)->live_n, 0);
	rig_free(r);
}

static void beyond_the_limit_it_is_gone_or_a_dead_letter(void **s)
{
	(void)s;
	for (int has_dead_letters = 0; has_dead_letters < 2; has_dead_letters++) {
		struct rig *r = new_rig(2, has_dead_letters);
		rig_publish(r, Q, 1, 1, ENTRY_PERSISTENT);
		rig_commit(r);
		for (int i = 0; i < 3; i++) {
			in_vain(r, 1);
			rig_commit(r);
		}
		SAY(has_dead_letters ? "reply 5 OK 0 1 | c5 1 | c5 1r | c5 1r | dead3 1"
				     : "reply 5 OK 0 1 | c5 1 | c5 1r | c5 1r");
		assert_int_equal(core_find_queue(r->core, Q)->live_n, has_dead_letters);
		rig_free(r);
	}
}

static void again(struct rig *r, uint64_t n)
{
	rig_settle(r, Q, 5, pos_nth(n), SETTLE_RELEASE);
}

static void a_release_is_counted_apart_and_is_in_the_log_before_the_next(void **s)
{
	(void)s;
	struct rig *r = new_rig(0, false);
	rig_publish(r, Q, 1, 1, ENTRY_PERSISTENT);
	rig_commit(r);
	SAY("reply 5 OK 0 1 | c5 1");
	for (int i = 0; i < 3; i++) {
		again(r, 1);
		again(r, 1); /* it is not held any more */
		SAY("");
		rig_commit(r);
		SAY(i == 0 ? "c5 1r+1" : i == 1 ? "c5 1r+2" : "c5 1r+3");
		assert_int_equal(count_of(r, 1), 0);
	}
	rig_free(r);
}

static void what_failed_and_what_did_not_may_come_back_together(void **s)
{
	(void)s;
	struct rig *r = new_rig(9, false);
	rig_publish(r, Q, 1, 4, ENTRY_PERSISTENT);
	rig_publish(r, Q, 5, 2, 0);
	rig_commit(r);
	SAY("reply 5 OK 0 1 | c5 1 | c5 2 | c5 3 | c5 4 | c5 5 | c5 6");
	const struct settle_row rows[] = { { .pos = pos_nth(1), .how = SETTLE_RELEASE },
					   { .pos = pos_nth(2), .how = SETTLE_FAIL },
					   { .pos = pos_nth(3), .how = SETTLE_RELEASE },
					   { .pos = pos_nth(4), .how = SETTLE_ACCEPT },
					   { .pos = pos_nth(5), .how = SETTLE_RELEASE } };
	rig_admit(r, rig_head(CMD_SETTLE, Q, 5), rows, sizeof rows[0], 5);
	rig_give(r);
	SAY("c5 5r+1");
	rig_commit(r);
	SAY("c5 1r+1 | c5 2r | c5 3r+1");
	assert_int_equal(count_of(r, 2), 1);
	again(r, 2);
	rig_commit(r);
	SAY("c5 2r+1");
	assert_int_equal(count_of(r, 2), 1);
	rig_free(r);
}

static void who_asks_for_one_is_told_too(void **s)
{
	(void)s;
	struct rig *r = new_rig(0, false);
	rig_publish(r, Q, 1, 2, ENTRY_PERSISTENT);
	rig_commit(r);
	SAY("reply 5 OK 0 1 | c5 1 | c5 2");
	rig_do(r, CMD_UNSUBSCRIBE, Q, 5, 0);
	again(r, 1);
	rig_commit(r);
	SAY("reply 5 OK 0 0");
	rig_do(r, CMD_GET, Q, 8, GET_NO_ACK);
	SAY("got 1r+1");
	rig_free(r);
}

/* What has been given back has its old place, as soon as the log has its count. */
static void who_asks_for_one_waits_for_what_comes_back(void **s)
{
	(void)s;
	struct rig *r = rig_new();
	open_queue(r, RULE_NONE, false);
	rig_publish(r, Q, 1, 2, ENTRY_PERSISTENT);
	rig_commit(r);
	rig_do(r, CMD_GET, Q, 8, 0);
	rig_commit(r);
	SAY("got 1");
	rig_settle(r, Q, 0, pos_nth(1), SETTLE_FAIL);
	rig_do(r, CMD_GET, Q, 9, 0);
	SAY("");
	rig_commit(r);
	SAY("got 1r");
	must(core_find_queue(r->core, Q)->has->counting_n == 0);
	rig_free(r);
}

/* So does who asks how many there are, looks at them, or wants them gone. */
static void who_asks_how_many_waits_for_what_comes_back(void **s)
{
	(void)s;
	static const struct {
		uint8_t cmd, flags;
		const char *before, *behind;
	} rows[] = {
		{ CMD_QUEUE_STAT, 0, "", "reply 9 OK 1 0" },
		{ CMD_PURGE, 0, "", "reply 9 OK 1 0" },
		{ CMD_QUEUE_DELETE, DELETE_IF_EMPTY, "reply 9 PRECONDITION_FAILED 2 0", "" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct rig *r = rig_new();
		open_queue(r, RULE_NONE, false);
		rig_publish(r, Q, 1, 1, ENTRY_PERSISTENT);
		rig_commit(r);
		rig_do(r, CMD_GET, Q, 8, 0);
		rig_commit(r);
		SAY("got 1");
		rig_settle(r, Q, 0, pos_nth(1), SETTLE_FAIL);
		rig_do(r, rows[i].cmd, Q, 9, rows[i].flags);
		SAY(rows[i].before);
		rig_commit(r);
		SAY(rows[i].behind);
		rig_free(r);
	}
}

/* Nobody counts there: it is ready at once. */
static void a_queue_that_does_not_count_says_nothing(void **s)
{
	(void)s;
	struct rig *r = rig_new();
	const struct queue_rules rules = rules_none();
	rig_open(r, Q, QUEUE_DURABLE, &rules);
	rig_subscribe(r, Q, 5, 0, 10);
	rig_publish(r, Q, 1, 1, ENTRY_PERSISTENT);
	rig_commit(r);
	again(r, 1);
	SAY("reply 5 OK 0 1 | c5 1 | c5 1r");
	rig_free(r);
}

/* Unless the broker is told to let it count; its limit means something then. */
static void a_classic_queue_counts_if_it_is_to(void **s)
{
	(void)s;
	struct rig *r = rig_new();
	struct queue_rules rules = rules_none();
	rules.delivery_limit = 1;
	core_count_classic(r->core);
	rig_open(r, Q, QUEUE_DURABLE, &rules);
	rig_subscribe(r, Q, 5, 0, 10);
	rig_publish(r, Q, 1, 1, ENTRY_PERSISTENT);
	rig_commit(r);
	in_vain(r, 1);
	SAY("reply 5 OK 0 1 | c5 1");
	rig_commit(r);
	SAY("c5 1r");
	assert_int_equal(count_of(r, 1), 1);
	in_vain(r, 1);
	rig_commit(r);
	SAY("");
	assert_int_equal(core_find_queue(r->core, Q)->live_n, 0);
	rules = rules_none();
	rules.keeper = EXCHANGE_DELAYED; /* the broker's own does not */
	rig_open(r, Q + 1, QUEUE_DURABLE | QUEUE_KEEPER, &rules);
	assert_true(!core_find_queue(r->core, Q + 1)->has->ruled);
	rig_free(r);
}

static void the_count_survives_a_crash(void **s)
{
	(void)s;
	struct rig *r = new_rig(5, false);
	rig_publish(r, Q, 1, 3, ENTRY_PERSISTENT);
	rig_commit(r);
	in_vain(r, 2);
	rig_commit(r);
	in_vain(r, 2);
	in_vain(r, 3);
	rig_commit(r);
	again(r, 3);
	rig_commit(r);
	again(r, 3);
	rig_commit(r);
	struct digest_sum before = rig_digest(r->core);
	rig_crash(r);
	core_dead_to(r->core, LETTER);
	rig_replay(r, r->core, 0, r->committed);
	struct digest_sum after = rig_digest(r->core);
	assert_memory_equal(&before, &after, sizeof before);
	assert_int_equal(count_of(r, 1), 0);
	assert_int_equal(count_of(r, 2), 2);
	assert_int_equal(count_of(r, 3), 1);
	r->said = text_of(r->said_bytes, sizeof r->said_bytes);
	open_queue(r, 5, false);
	rig_subscribe(r, Q, 5, 0, 10);
	rig_commit(r);
	SAY("reply 5 OK 3 1 | c5 1r | c5 2r | c5 3r+2");
	rig_free(r);
}

static void an_attempt_whose_count_is_not_in_the_log_was_none(void **s)
{
	(void)s;
	struct rig *r = new_rig(5, false);
	rig_publish(r, Q, 1, 1, ENTRY_PERSISTENT);
	rig_commit(r);
	in_vain(r, 1);
	rig_crash(r);
	rig_replay(r, r->core, 0, r->committed);
	assert_int_equal(count_of(r, 1), 0);
	rig_free(r);
}

static void a_queue_that_is_dropped_meanwhile_is_no_matter(void **s)
{
	(void)s;
	struct rig *r = new_rig(5, false);
	rig_publish(r, Q, 1, 1, ENTRY_PERSISTENT);
	rig_commit(r);
	in_vain(r, 1);
	rig_do(r, CMD_QUEUE_DROP, Q, 4, 0);
	rig_commit(r);
	assert_null(core_find_queue(r->core, Q));
	r->said = text_of(r->said_bytes, sizeof r->said_bytes);
	rig_free(r);
}

static void restart_from_checkpoint(struct rig *r)
{
	static uint8_t bytes[4][CHECKPOINT_UNIT_MAX];
	struct unit_key key[4];
	uint32_t len[4], n = 0;
	core_checkpoint_begin(r->core);
	while (core_checkpoint_next(r->core, &key[n], bytes[n], sizeof bytes[n], &len[n]))
		must(++n < 4);
	core_checkpoint_end(r->core, true);
	rig_crash(r);
	for (uint32_t i = n; i-- > 0;) {
		enum err e = core_restore(r->core, key[i], slice_of(bytes[i], len[i]));
		must(e == ERR_OK);
	}
	enum err e = core_restored(r->core);
	must(e == ERR_OK);
	core_dead_to(r->core, LETTER);
	open_queue(r, 2, false);
	rig_subscribe(r, Q, 5, 0, 10);
	rig_commit(r);
}

/* Slots of what is gone before it are called as the first that was restored is. */
static void the_first_of_a_restored_chunk_is_counted_too(void **s)
{
	(void)s;
	struct rig *r = new_rig(2, false);
	rig_publish(r, Q, 1, 3, ENTRY_PERSISTENT);
	rig_commit(r);
	rig_settle(r, Q, 5, pos_nth(1), SETTLE_ACCEPT);
	rig_commit(r);
	SAY("reply 5 OK 0 1 | c5 1 | c5 2 | c5 3");
	restart_from_checkpoint(r);
	SAY("reply 5 OK 2 1 | c5 2r | c5 3r");
	in_vain(r, 2);
	rig_commit(r);
	SAY("c5 2r");
	assert_int_equal(count_of(r, 2), 1);
	rig_free(r);
}

/* Its table has room for the few of a small chunk first. */
static void a_checkpoint_knows_how_often(void **s)
{
	(void)s;
	struct rig *r = new_rig(2, false);
	const uint64_t older = core_features(r->core);
	rig_publish(r, Q, 1, 2, ENTRY_PERSISTENT);
	rig_commit(r);
	again(r, 2);
	rig_commit(r);
	again(r, 2);
	rig_commit(r);
	rig_publish(r, Q, 3, 7, ENTRY_PERSISTENT);
	rig_commit(r);
	again(r, 9);
	in_vain(r, 9);
	rig_commit(r);
	SAY("reply 5 OK 0 1 | c5 1 | c5 2 | c5 2r+1 | c5 2r+2 | c5 3 | c5 4 | c5 5 | c5 6 | "
	    "c5 7 | c5 8 | c5 9 | c5 9r+1");
	struct digest_sum before = chunk_sum(chunk_of(r, 1));
	assert_int_equal(core_features(r->core), older);
	restart_from_checkpoint(r);
	assert_int_equal(core_features(r->core), older | FEATURE_RETURNS);
	SAY("reply 5 OK 9 1 | c5 1r | c5 2r+2 | c5 3r | c5 4r | c5 5r | c5 6r | c5 7r | c5 8r | "
	    "c5 9r+1");
	struct digest_sum after = chunk_sum(chunk_of(r, 1));
	assert_memory_equal(&before, &after, sizeof before);
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_failed_attempt_is_in_the_log_before_the_next),
		cmocka_unit_test(what_need_not_survive_is_given_at_once),
		cmocka_unit_test(beyond_the_limit_it_is_gone_or_a_dead_letter),
		cmocka_unit_test(a_release_is_counted_apart_and_is_in_the_log_before_the_next),
		cmocka_unit_test(what_failed_and_what_did_not_may_come_back_together),
		cmocka_unit_test(who_asks_for_one_is_told_too),
		cmocka_unit_test(who_asks_for_one_waits_for_what_comes_back),
		cmocka_unit_test(who_asks_how_many_waits_for_what_comes_back),
		cmocka_unit_test(a_queue_that_does_not_count_says_nothing),
		cmocka_unit_test(a_classic_queue_counts_if_it_is_to),
		cmocka_unit_test(the_count_survives_a_crash),
		cmocka_unit_test(an_attempt_whose_count_is_not_in_the_log_was_none),
		cmocka_unit_test(a_queue_that_is_dropped_meanwhile_is_no_matter),
		cmocka_unit_test(the_first_of_a_restored_chunk_is_counted_too),
		cmocka_unit_test(a_checkpoint_knows_how_often),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
