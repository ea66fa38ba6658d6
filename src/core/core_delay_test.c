#include "base/byteorder.h"
#include "core/catalog.h"
#include "core/core_letter_for_tests.h"
#include "core/keeper.h"

#define Q 7u

static void open_keeper(struct rig *r, uint8_t flags)
{
	struct queue_rules rules = rules_none();
	rules.keeper = EXCHANGE_DELAYED;
	rules.has_dead_letter_exchange = true;
	rules.dead_letter_exchange = slice_str("x");
	rig_open(r, Q, flags | QUEUE_KEEPER, &rules);
}

static struct rig *rig_with(uint8_t flags)
{
	struct rig *r = rig_new();
	rig_at(r, 1000);
	core_dead_to(r->core, LETTER);
	open_keeper(r, flags);
	return r;
}

/* Message `number` of the rig's, due at that time. */
static void publish(struct rig *r, uint64_t number, uint8_t flags, uint64_t due_ms)
{
	struct publish_row row = { .mem = rig_message(r, number, 1),
				   .queue = Q,
				   .bytes = RIG_STORED_BYTES,
				   .expiry_ms = due_ms,
				   .flags = flags };
	rig_admit(r, rig_head(CMD_PUBLISH, 0, number), &row, sizeof row, 1);
	rig_give(r);
}

static struct queue *keeper(struct rig *r)
{
	return core_find_queue(r->core, Q);
}

static void messages_go_on_when_they_are_due(void **s)
{
	(void)s;
	struct rig *r = rig_with(0);
	publish(r, 1, 0, 1300);
	publish(r, 2, 0, 1100);
	publish(r, 3, 0, 1200);
	publish(r, 4, 0, 1100);
	assert_int_equal(core_deadline(r->core), 1100);
	rig_at(r, 1099);
	SAY("");
	rig_at(r, 1100);
	SAY("dead1 2 | dead1 4");
	assert_int_equal(keeper(r)->ready_n, 2);
	rig_at(r, 1500); /* late: in the order in which they were due all the same */
	SAY("dead1 3 | dead1 1");
	for (uint64_t n = 1; n <= 4; n++)
		letter_done(r, Q, n);
	assert_int_equal(keeper(r)->live_n, 0);
	assert_true(queue_counted(keeper(r))->due == 4 &&
		    queue_counted(keeper(r))->dead_lettered == 0);
	assert_int_equal(core_deadline(r->core), UINT64_MAX);
	core_check(r->core);
	rig_free(r);
}

static void one_that_is_due_stays_until_it_is_safe_elsewhere(void **s)
{
	(void)s;
	struct rig *r = rig_with(QUEUE_DURABLE);
	publish(r, 1, ENTRY_PERSISTENT, 1100);
	publish(r, 2, ENTRY_PERSISTENT, 1200);
	rig_commit(r);
	rig_at(r, 1100);
	SAY("dead1 1");
	assert_int_equal(r->live_bytes, 2 * RIG_STORED_BYTES);
	letter_done(r, Q, 1);
	rig_commit(r);
	assert_int_equal(r->live_bytes, RIG_STORED_BYTES);
	SAY("");
	rig_free(r);
}

static void after_a_crash_they_wait_on(void **s)
{
	(void)s;
	struct rig *r = rig_with(QUEUE_DURABLE);
	for (uint64_t n = 1; n <= 4; n++)
		publish(r, n, ENTRY_PERSISTENT, 1500 - 100 * n);
	rig_commit(r);
	rig_at(r, 1150);
	SAY("dead1 4");
	rig_crash(r);
	core_dead_to(r->core, LETTER);
	rig_replay(r, r->core, 0, r->committed);
	open_keeper(r, QUEUE_DURABLE);
	SAY("dead1 4"); /* nobody knows whether it went on */
	core_check(r->core);
	rig_at(r, 1300);
	SAY("dead1 3 | dead1 2");
	rig_at(r, 1400);
	SAY("dead1 1");
	rig_free(r);
}

static void no_more_are_under_way_than_dead_letters_may_be(void **s)
{
	(void)s;
	struct rig *r = rig_with(0);
	const uint32_t n = LIMIT_DEAD_LETTERS + 3;
	for (uint32_t i = 1; i <= n; i++)
		publish(r, i, 0, 2000 - i); /* the last first */
	rig_at(r, 3000);
	assert_int_equal(keeper(r)->ready_n, 3);
	r->said = text_of(r->said_bytes, sizeof r->said_bytes);
	rig_at(r, 3001);
	SAY("");
	letter_done(r, Q, n);
	SAY("dead1 3");
	letter_done(r, Q, n - 1);
	SAY("dead1 2");
	rig_free(r);
}

static void what_was_removed_early_is_passed_over(void **s)
{
	(void)s;
	struct rig *r = rig_with(0);
	for (uint32_t i = 1; i <= 5; i++)
		publish(r, i, 0, 1100);
	rig_do(r, CMD_PURGE, Q, 4, 0);
	SAY("reply 4 OK 5 0");
	publish(r, 6, 0, 1100);
	rig_at(r, 1100);
	SAY("dead1 6");
	rig_free(r);
}

static void many_that_were_removed_take_no_memory(void **s)
{
	(void)s;
	struct rig *r = rig_with(0);
	size_t used[2];
	for (int round = 0; round < 40; round++) {
		for (uint32_t i = 1; i <= 1000; i++)
			publish(r, i, 0, 100000 + i);
		rig_do(r, CMD_PURGE, Q, 4, 0);
		r->said = text_of(r->said_bytes, sizeof r->said_bytes);
		used[round >= 20] = r->heap.mem.used;
	}
	assert_true(used[1] <= used[0] + 65536);
	rig_free(r);
}

static void a_keeper_that_is_dropped_forgets_who_waits(void **s)
{
	(void)s;
	struct rig *r = rig_with(0);
	publish(r, 1, 0, 1100);
	rig_do(r, CMD_QUEUE_DROP, Q, 4, 0);
	SAY("reply 4 OK 1 0");
	assert_int_equal(core_deadline(r->core), UINT64_MAX);
	rig_at(r, 1200);
	SAY("");
	rig_free(r);
}

static void open_once(struct rig *r, uint8_t flags)
{
	struct queue_rules rules = rules_none();
	rules.keeper = EXCHANGE_DEDUPLICATION;
	rules.has_dead_letter_exchange = true;
	rules.dead_letter_exchange = slice_str("x");
	rules.cache_size = 3;
	rules.cache_ttl_ms = 100;
	rig_open(r, Q, flags | QUEUE_KEEPER, &rules);
}

static void a_message_goes_on_once(void **s)
{
	(void)s;
	struct rig *r = rig_new();
	rig_at(r, 1000);
	core_dead_to(r->core, LETTER);
	open_once(r, 0);
	publish(r, 1, 0, 11); /* where a time would be is its number */
	publish(r, 2, ENTRY_CONFIRM, 11);
	SAY("dead1 1 | confirm 2-2"); /* which is all that its publisher is told */
	publish(r, 3, 0, KEEPER_NO_NUMBER);
	publish(r, 4, 0, KEEPER_NO_NUMBER);
	SAY("dead1 3 | dead1 4");
	assert_true(queue_counted(keeper(r))->duplicates == 1 &&
		    queue_counted(keeper(r))->dropped == 0);
	rig_at(r, 1100);
	publish(r, 5, 0, 11);
	SAY("dead1 5");
	for (uint64_t n = 6; n <= 8; n++)
		publish(r, n, 0, 2 * n + 1);
	SAY("dead1 6 | dead1 7 | dead1 8");
	publish(r, 9, 0, 11); /* three others have come since */
	SAY("dead1 9");
	for (uint64_t n = 1; n <= 8; n++)
		letter_done(r, Q, n);
	assert_int_equal(keeper(r)->live_n, 0);
	rig_free(r);
}

static void what_was_on_its_way_goes_on_after_a_crash(void **s)
{
	(void)s;
	struct rig *r = rig_new();
	rig_at(r, 1000);
	core_dead_to(r->core, LETTER);
	open_once(r, QUEUE_DURABLE);
	publish(r, 1, ENTRY_PERSISTENT, 11);
	publish(r, 2, ENTRY_PERSISTENT, 11); /* while the first waits for the log */
	rig_commit(r);
	SAY("dead1 1");
	rig_crash(r);
	core_dead_to(r->core, LETTER);
	rig_replay(r, r->core, 0, r->committed);
	open_once(r, QUEUE_DURABLE);
	rig_at(r, 1001);
	SAY("dead1 1");
	rig_free(r);
}

/* The first is safe where it went, and is to wait again until `due_ms`, as due before so often. */
static void goes_again(struct rig *r, uint64_t due_ms, uint16_t times_n)
{
	const struct settle_row row = { .pos = pos_nth(1) };
	struct run head = rig_head(CMD_SETTLE, Q, 0);
	head.session = LETTER;
	head.tail_len = SETTLE_AGAIN_BYTES;
	store_le64(r->cmd_bytes + sizeof head + sizeof row, due_ms);
	store_le16(r->cmd_bytes + sizeof head + sizeof row + 8, times_n);
	rig_admit(r, head, &row, sizeof row, 1);
	rig_give(r);
}

/* How often the first was due before. */
static uint32_t times(struct rig *r)
{
	const uint64_t pos = pos_nth(1);
	return queue_chunk(keeper(r), pos_chunk(pos))->entry[pos_slot(pos)].count;
}

static void what_goes_again_waits_when_the_log_has_that(void **s)
{
	(void)s;
	struct rig *r = rig_with(QUEUE_DURABLE);
	publish(r, 1, ENTRY_PERSISTENT, 1100);
	rig_commit(r);
	rig_at(r, 1100);
	SAY("dead1 1");
	goes_again(r, 1200, 1);
	rig_at(r, 1200);
	SAY(""); /* the log has it not yet */
	rig_commit(r);
	SAY("dead1 1");
	assert_int_equal(times(r), 1);
	goes_again(r, 1300, 5);
	rig_commit(r);
	assert_int_equal(core_deadline(r->core), 1300);
	rig_at(r, 1300);
	SAY("dead1 1");
	assert_int_equal(times(r), 5); /* whatever he says who knows what it is repeated for */
	letter_done(r, Q, 1);
	rig_commit(r);
	assert_true(keeper(r)->live_n == 0 && r->live_bytes == 0);
	core_check(r->core);
	rig_free(r);
}

static void after_a_crash_it_waits_for_the_next_time(void **s)
{
	(void)s;
	struct rig *r = rig_with(QUEUE_DURABLE);
	publish(r, 1, ENTRY_PERSISTENT, 1100);
	rig_commit(r);
	rig_at(r, 1100);
	SAY("dead1 1");
	goes_again(r, 1200, 1);
	rig_commit(r);
	rig_crash(r);
	core_dead_to(r->core, LETTER);
	rig_replay(r, r->core, 0, r->committed);
	open_keeper(r, QUEUE_DURABLE);
	SAY("");
	assert_int_equal(core_deadline(r->core), 1200);
	core_check(r->core);
	rig_at(r, 1200);
	SAY("dead1 1");
	assert_int_equal(times(r), 1);
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_go_on_when_they_are_due),
		cmocka_unit_test(one_that_is_due_stays_until_it_is_safe_elsewhere),
		cmocka_unit_test(after_a_crash_they_wait_on),
		cmocka_unit_test(no_more_are_under_way_than_dead_letters_may_be),
		cmocka_unit_test(what_was_removed_early_is_passed_over),
		cmocka_unit_test(many_that_were_removed_take_no_memory),
		cmocka_unit_test(a_keeper_that_is_dropped_forgets_who_waits),
		cmocka_unit_test(what_goes_again_waits_when_the_log_has_that),
		cmocka_unit_test(after_a_crash_it_waits_for_the_next_time),
		cmocka_unit_test(a_message_goes_on_once),
		cmocka_unit_test(what_was_on_its_way_goes_on_after_a_crash),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
