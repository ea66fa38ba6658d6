#include "core/core_for_tests.h"

#define Q 7u

static struct rig *rig_with_queue(uint8_t flags)
{
	struct rig *r = rig_new();
	rig_do(r, CMD_QUEUE_OPEN, Q, 100, flags);
	SAY("reply 100 OK 0 0");
	return r;
}

/* The position of the i-th entry that ever was in the queue, while it never was empty. */
static uint64_t place(uint32_t i)
{
	return pos_of(1, 0) + i;
}

static void messages_go_round_the_consumers_one_at_a_time(void **s)
{
	(void)s;
	struct rig *r = rig_with_queue(0);
	rig_subscribe(r, Q, 1, 0, 2);
	rig_subscribe(r, Q, 2, 0, 3);
	rig_subscribe(r, Q, 3, SUBSCRIBE_NO_ACK, CREDIT_NO_LIMIT);
	SAY("reply 1 OK 0 1 | reply 2 OK 0 2 | reply 3 OK 0 3");
	rig_publish(r, Q, 1, 10, 0);
	SAY("c1 1 | c2 2 | c3 3 | c1 4 | c2 5 | c3 6 | c2 7 | c3 8 | c3 9 | c3 10");
	rig_free(r);
}

static void a_released_message_returns_to_its_place(void **s)
{
	(void)s;
	struct rig *r = rig_with_queue(0);
	rig_publish(r, Q, 1, 5, 0);
	rig_subscribe(r, Q, 1, 0, 3);
	SAY("reply 1 OK 5 1 | c1 1 | c1 2 | c1 3");
	rig_settle(r, Q, 1, place(1), SETTLE_RELEASE);
	SAY("c1 2r");
	rig_settle(r, Q, 1, place(0), SETTLE_ACCEPT);
	SAY("c1 4");
	rig_do(r, CMD_UNSUBSCRIBE, Q, 1, 0);
	rig_settle(r, Q, 1, place(2), SETTLE_RELEASE);
	rig_settle(r, Q, 1, place(1), SETTLE_RELEASE);
	rig_settle(r, Q, 1, place(1), SETTLE_RELEASE);
	SAY("reply 1 OK 0 0");
	rig_subscribe(r, Q, 2, 0, CREDIT_NO_LIMIT);
	SAY("reply 2 OK 3 1 | c2 2r | c2 3r | c2 5");
	rig_free(r);
}

static void a_durable_message_is_given_and_confirmed_when_it_is_committed(void **s)
{
	(void)s;
	struct rig *r = rig_with_queue(QUEUE_DURABLE);
	rig_subscribe(r, Q, 1, 0, CREDIT_NO_LIMIT);
	rig_publish(r, Q, 1, 3, ENTRY_PERSISTENT | ENTRY_CONFIRM);
	rig_do(r, CMD_QUEUE_STAT, Q, 5, 0);
	SAY("reply 1 OK 0 1");
	rig_commit(r);
	SAY("confirm 1-3 | c1 1 | c1 2 | c1 3 | reply 5 OK 0 1");
	rig_settle(r, Q, 1, place(0), SETTLE_ACCEPT);
	rig_settle(r, Q, 1, place(1), SETTLE_ACCEPT);
	rig_settle(r, Q, 1, place(1), SETTLE_RELEASE);
	must(r->live_bytes == 3 * RIG_STORED_BYTES);
	rig_propose(r);
	must(r->log[r->proposed].len == 12 + 16); /* two settlements are one range */
	rig_commit(r);
	must(r->live_bytes == RIG_STORED_BYTES);
	SAY("");
	rig_free(r);
}

static void transient_messages_stay_behind_durable_ones(void **s)
{
	(void)s;
	struct rig *r = rig_with_queue(QUEUE_DURABLE);
	rig_subscribe(r, Q, 1, SUBSCRIBE_NO_ACK, CREDIT_NO_LIMIT);
	rig_publish(r, Q, 1, 1, ENTRY_CONFIRM);
	SAY("reply 1 OK 0 1 | c1 1 | confirm 1-1");
	rig_publish(r, Q, 2, 1, ENTRY_PERSISTENT | ENTRY_CONFIRM);
	rig_publish(r, Q, 3, 1, ENTRY_CONFIRM);
	SAY("");
	rig_commit(r);
	SAY("confirm 2-3 | c1 2 | c1 3");
	rig_free(r);
}

static void a_confirm_waits_for_every_queue_of_the_message(void **s)
{
	(void)s;
	struct rig *r = rig_with_queue(QUEUE_DURABLE);
	rig_do(r, CMD_QUEUE_OPEN, 8, 101, 0);
	SAY("reply 101 OK 0 0");
	uint64_t mem = rig_message(r, 1, 3);
	struct publish_row row[3] = {
		{ .mem = mem, .queue = Q, .bytes = RIG_STORED_BYTES, .flags = ENTRY_PERSISTENT },
		{ .mem = mem,
		  .queue = 8,
		  .bytes = RIG_STORED_BYTES,
		  .flags = ENTRY_PERSISTENT | ENTRY_SAME },
		{ .mem = mem,
		  .queue = 9,
		  .bytes = RIG_STORED_BYTES,
		  .flags = ENTRY_PERSISTENT | ENTRY_SAME | ENTRY_CONFIRM },
	};
	rig_admit(r, rig_head(CMD_PUBLISH, 0, 1), row, sizeof *row, 3);
	rig_give(r);
	SAY("");
	rig_publish(r, 8, 2, 1, ENTRY_CONFIRM);
	SAY("confirm 2-2");
	rig_commit(r);
	SAY("confirm 1-1");
	rig_free(r);
}

static void a_message_for_several_queues_is_stored_once(void **s)
{
	(void)s;
	struct rig *r = rig_with_queue(QUEUE_DURABLE);
	rig_do(r, CMD_QUEUE_OPEN, 8, 101, QUEUE_DURABLE);
	uint64_t mem = rig_message(r, 1, 2);
	struct publish_row row[2] = {
		{ .mem = mem, .queue = Q, .bytes = RIG_STORED_BYTES, .flags = ENTRY_PERSISTENT },
		{ .mem = mem,
		  .queue = 8,
		  .bytes = RIG_STORED_BYTES,
		  .flags = ENTRY_PERSISTENT | ENTRY_SAME | ENTRY_CONFIRM },
	};
	rig_admit(r, rig_head(CMD_PUBLISH, 0, 1), row, sizeof *row, 2);
	rig_commit(r);
	must(r->log[1].len == 2 * (12 + 6) + RIG_STORED_BYTES + 4);
	rig_crash(r);
	rig_replay(r, r->core, 0, 1);
	rig_subscribe(r, 8, 1, 0, CREDIT_NO_LIMIT);
	rig_commit(r);
	SAY("reply 101 OK 0 0 | confirm 1-1 | reply 1 OK 1 1 | c1 1");
	rig_free(r);
}

static void what_may_have_been_given_comes_back_redelivered(void **s)
{
	(void)s;
	struct rig *r = rig_with_queue(QUEUE_DURABLE);
	rig_publish(r, Q, 1, 2, ENTRY_PERSISTENT);
	rig_commit(r);
	rig_subscribe(r, Q, 1, 0, 1);
	SAY("reply 1 OK 2 1"); /* not before the log knows that it may be given */
	rig_commit(r);
	SAY("c1 1");
	rig_crash(r);
	rig_replay(r, r->core, 0, r->committed);
	rig_subscribe(r, Q, 1, 0, CREDIT_NO_LIMIT);
	rig_commit(r);
	SAY("reply 1 OK 2 1 | c1 1r | c1 2r");
	rig_publish(r, Q, 3, 1, ENTRY_PERSISTENT);
	rig_commit(r);
	SAY("c1 3");
	rig_free(r);
}

static void without_ack_a_message_is_gone_when_it_is_given(void **s)
{
	(void)s;
	struct rig *r = rig_with_queue(QUEUE_DURABLE);
	rig_subscribe(r, Q, 1, SUBSCRIBE_NO_ACK, CREDIT_NO_LIMIT);
	rig_publish(r, Q, 1, 2, ENTRY_PERSISTENT);
	rig_commit(r);
	SAY("reply 1 OK 0 1 | c1 1 | c1 2");
	must(r->live_bytes == 0);
	rig_crash(r);
	rig_replay(r, r->core, 0, r->committed);
	rig_do(r, CMD_QUEUE_STAT, Q, 5, 0);
	SAY("reply 5 OK 0 0");
	rig_free(r);
}

static void what_must_be_read_first_is_settled_by_the_reader(void **s)
{
	(void)s;
	struct rig *r = rig_with_queue(QUEUE_DURABLE);
	core_cache_limit(r->core, 0);
	rig_publish(r, Q, 1, 2, ENTRY_PERSISTENT);
	rig_commit(r);
	must(core_cached_bytes(r->core) == 0);
	rig_subscribe(r, Q, 1, SUBSCRIBE_NO_ACK, CREDIT_NO_LIMIT);
	rig_commit(r);
	SAY("reply 1 OK 2 1 | c1 1! | c1 2!");
	rig_commit(r);
	must(r->live_bytes == 2 * RIG_STORED_BYTES);
	rig_settle(r, Q, 1, place(0), SETTLE_ACCEPT);
	rig_settle(r, Q, 1, place(1), SETTLE_ACCEPT);
	rig_commit(r);
	must(r->live_bytes == 0);
	rig_free(r);
}

static void get_gives_one_and_says_how_many_are_left(void **s)
{
	(void)s;
	struct rig *r = rig_with_queue(QUEUE_DURABLE);
	rig_do(r, CMD_GET, Q, 1, 0);
	rig_do(r, CMD_GET, 99, 2, 0);
	SAY("reply 1 NOT_FOUND 1 0 | reply 2 NOT_FOUND 0 0");
	rig_publish(r, Q, 1, 1, ENTRY_PERSISTENT);
	rig_do(r, CMD_GET, Q, 3, 0);
	rig_do(r, CMD_GET, Q, 4, 0);
	SAY("");
	rig_commit(r);
	SAY("got 1 | reply 4 NOT_FOUND 1 0");
	rig_publish(r, Q, 2, 2, 0);
	rig_do(r, CMD_GET, Q, 5, GET_NO_ACK);
	SAY("got 2");
	rig_free(r);
}

static void purge_leaves_what_is_given(void **s)
{
	(void)s;
	struct rig *r = rig_with_queue(QUEUE_DURABLE);
	rig_publish(r, Q, 1, 4, ENTRY_PERSISTENT);
	rig_commit(r);
	rig_subscribe(r, Q, 1, 0, 1);
	rig_commit(r);
	SAY("reply 1 OK 4 1 | c1 1");
	rig_publish(r, Q, 5, 1, ENTRY_PERSISTENT);
	rig_do(r, CMD_PURGE, Q, 9, 0);
	rig_commit(r);
	SAY("reply 9 OK 4 0");
	must(r->live_bytes == RIG_STORED_BYTES);
	rig_settle(r, Q, 1, place(0), SETTLE_RELEASE);
	rig_publish(r, Q, 6, 1, 0);
	rig_do(r, CMD_PURGE, Q, 10, 0);
	SAY("c1 1r | reply 10 OK 1 0");
	rig_free(r);
}

static void a_queue_is_deleted_through_the_catalog(void **s)
{
	(void)s;
	struct rig *r = rig_with_queue(QUEUE_DURABLE);
	rig_publish(r, Q, 1, 2, ENTRY_PERSISTENT);
	rig_do(r, CMD_QUEUE_DELETE, Q, 2, DELETE_IF_EMPTY);
	rig_commit(r);
	rig_subscribe(r, Q, 1, 0, 1);
	rig_commit(r);
	rig_do(r, CMD_QUEUE_DELETE, Q, 3, DELETE_IF_UNUSED);
	SAY("reply 2 PRECONDITION_FAILED 2 0 | reply 1 OK 2 1 | c1 1 | "
	    "reply 3 PRECONDITION_FAILED 1 0");
	rig_do(r, CMD_QUEUE_DELETE, Q, 4, 0);
	rig_publish(r, Q, 3, 1, ENTRY_PERSISTENT | ENTRY_CONFIRM);
	SAY("command 23 queue 7 | confirm 3-3");
	rig_do(r, CMD_QUEUE_DROP, Q, 4, 0);
	SAY("");
	rig_commit(r);
	SAY("cancelled 1 | reply 4 OK 1 0");
	must(r->live_bytes == 0);
	rig_settle(r, Q, 1, place(0), SETTLE_ACCEPT);
	rig_do(r, CMD_QUEUE_DROP, Q, 5, 0);
	rig_do(r, CMD_QUEUE_DELETE, Q, 6, 0);
	SAY("reply 5 OK 0 0 | reply 6 OK 0 0");
	rig_free(r);
}

static void an_auto_delete_queue_goes_with_its_last_consumer(void **s)
{
	(void)s;
	struct rig *r = rig_with_queue(QUEUE_AUTO_DELETE);
	rig_subscribe(r, Q, 1, 0, 1);
	rig_subscribe(r, Q, 2, 0, 1);
	rig_do(r, CMD_UNSUBSCRIBE, Q, 1, 0);
	rig_do(r, CMD_UNSUBSCRIBE, Q, 1, 0);
	SAY("reply 1 OK 0 1 | reply 2 OK 0 2 | reply 1 OK 0 0 | reply 1 OK 0 0");
	rig_do(r, CMD_SESSION_GONE, 0, 0, 0);
	SAY("command 23 queue 7");
	rig_do(r, CMD_QUEUE_STAT, Q, 3, 0);
	SAY("reply 3 NOT_FOUND 0 0");
	rig_free(r);
}

static void an_exclusive_consumer_is_alone(void **s)
{
	(void)s;
	struct rig *r = rig_with_queue(0);
	rig_subscribe(r, Q, 1, SUBSCRIBE_EXCLUSIVE, 1);
	rig_subscribe(r, Q, 2, 0, 1);
	SAY("reply 1 OK 0 1 | reply 2 ACCESS_REFUSED 0 0");
	rig_do(r, CMD_UNSUBSCRIBE, Q, 1, 0);
	rig_subscribe(r, Q, 2, 0, 1);
	rig_subscribe(r, Q, 3, SUBSCRIBE_EXCLUSIVE, 1);
	SAY("reply 1 OK 0 0 | reply 2 OK 0 1 | reply 3 ACCESS_REFUSED 0 0");
	rig_free(r);
}

static void a_large_message_passes_small_credit_once(void **s)
{
	(void)s;
	struct rig *r = rig_with_queue(0);
	struct subscribe_row first = { { CREDIT_NO_LIMIT, 10 }, 0 };
	rig_admit(r, rig_head(CMD_SUBSCRIBE, Q, 1), &first, sizeof first, 1);
	rig_publish(r, Q, 1, 3, 0);
	SAY("reply 1 OK 0 1 | c1 1");
	struct credit_row row = { 0, RIG_STORED_BYTES - 10 };
	rig_admit(r, rig_head(CMD_CREDIT, Q, 1), &row, sizeof row, 1);
	rig_give(r);
	SAY("");
	rig_settle(r, Q, 1, place(0), SETTLE_ACCEPT);
	SAY("c1 2");
	rig_free(r);
}

static void a_long_queue_goes_through_many_chunks(void **s)
{
	(void)s;
	struct rig *r = rig_with_queue(QUEUE_DURABLE);
	for (uint64_t i = 0; i < 40; i++)
		rig_publish(r, Q, 1 + i * 250, 250, i % 3 ? ENTRY_PERSISTENT : 0);
	rig_commit(r);
	core_check(r->core);
	rig_do(r, CMD_QUEUE_STAT, Q, 1, 0);
	SAY("reply 1 OK 10000 0");
	uint64_t chunks_n = r->core->chunks.out_n;
	must(chunks_n == (10000 + CHUNK_N - 1) / CHUNK_N);
	rig_subscribe(r, Q, 1, SUBSCRIBE_NO_ACK, CREDIT_NO_LIMIT);
	rig_commit(r);
	must(r->core->chunks.out_n == 0 && r->live_bytes == 0 && core_cached_bytes(r->core) == 0);
	char last[] = "| c1 10000";
	must(strcmp(r->said.p + r->said.n - strlen(last), last) == 0);
	r->said = text_of(r->said_bytes, sizeof r->said_bytes);
	must(core_queue_next(r->core, 0) == Q && core_queue_next(r->core, Q) == 0);
	rig_free(r);
}

/* 8 and 8 and 4 of them. */
static void what_is_too_much_for_a_record_is_several_runs(void **s)
{
	(void)s;
	struct rig *r = rig_new();
	core_run_bytes(r->core, 8 * RIG_STORED_BYTES);
	const struct queue_rules rules = rules_none();
	rig_open(r, Q, QUEUE_DURABLE, &rules);
	rig_commit(r);
	const uint64_t before = r->later.runs_n;
	rig_publish(r, Q, 1, 20, ENTRY_PERSISTENT | ENTRY_CONFIRM);
	must(r->later.runs_n == before + 3);
	rig_commit(r);
	SAY("confirm 1-20");
	rig_free(r);
}

static void the_cache_keeps_the_oldest(void **s)
{
	(void)s;
	struct rig *r = rig_with_queue(QUEUE_DURABLE);
	core_cache_limit(r->core, 10 * RIG_STORED_BYTES);
	rig_subscribe(r, Q, 1, 0, 0);
	rig_publish(r, Q, 1, 20, ENTRY_PERSISTENT);
	rig_commit(r);
	must(core_cached_bytes(r->core) == 5 * RIG_STORED_BYTES); /* one queue: half of it */
	struct chunk *k = queue_chunk(core_find_queue(r->core, Q), 1);
	must(k->entry[4].mem && !k->entry[5].mem && k->loc[19]);
	rig_free(r);
}

static void without_consumers_the_cache_keeps_little(void **s)
{
	(void)s;
	struct rig *r = rig_with_queue(QUEUE_DURABLE);
	core_cache_limit(r->core, 32 * RIG_STORED_BYTES);
	rig_publish(r, Q, 1, 20, ENTRY_PERSISTENT);
	rig_commit(r);
	must(core_cached_bytes(r->core) == 2 * RIG_STORED_BYTES);
	rig_subscribe(r, Q, 1, 0, 0);
	rig_publish(r, Q, 21, 20, ENTRY_PERSISTENT);
	rig_commit(r);
	must(core_cached_bytes(r->core) == 16 * RIG_STORED_BYTES);
	rig_do(r, CMD_SESSION_GONE, 0, 0, 0);
	rig_commit(r);
	must(core_cached_bytes(r->core) == 2 * RIG_STORED_BYTES);
	struct chunk *k = queue_chunk(core_find_queue(r->core, Q), 1);
	must(k->entry[1].mem && !k->entry[2].mem && k->loc[2]);
	rig_free(r);
}

static void a_dump_and_a_digest_are_answered(void **s)
{
	(void)s;
	struct rig *r = rig_with_queue(QUEUE_DURABLE);
	rig_publish(r, Q, 1, 2, ENTRY_PERSISTENT);
	rig_commit(r);
	rig_do(r, CMD_DUMP, Q, 1, 0);
	rig_do(r, CMD_DUMP, 0, 2, 0);
	rig_do(r, CMD_DUMP, 99, 3, 0);
	SAY("reply 1 OK 0 0 | reply 2 OK 0 0 | reply 3 NOT_FOUND 0 0");
	struct digest_sum before = rig_digest(r->core);
	rig_settle(r, Q, 1, place(0), SETTLE_ACCEPT);
	must(digest_eq(before, rig_digest(r->core)));
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_go_round_the_consumers_one_at_a_time),
		cmocka_unit_test(a_released_message_returns_to_its_place),
		cmocka_unit_test(a_durable_message_is_given_and_confirmed_when_it_is_committed),
		cmocka_unit_test(transient_messages_stay_behind_durable_ones),
		cmocka_unit_test(a_confirm_waits_for_every_queue_of_the_message),
		cmocka_unit_test(a_message_for_several_queues_is_stored_once),
		cmocka_unit_test(what_may_have_been_given_comes_back_redelivered),
		cmocka_unit_test(without_ack_a_message_is_gone_when_it_is_given),
		cmocka_unit_test(what_must_be_read_first_is_settled_by_the_reader),
		cmocka_unit_test(get_gives_one_and_says_how_many_are_left),
		cmocka_unit_test(purge_leaves_what_is_given),
		cmocka_unit_test(a_queue_is_deleted_through_the_catalog),
		cmocka_unit_test(an_auto_delete_queue_goes_with_its_last_consumer),
		cmocka_unit_test(an_exclusive_consumer_is_alone),
		cmocka_unit_test(a_large_message_passes_small_credit_once),
		cmocka_unit_test(a_long_queue_goes_through_many_chunks),
		cmocka_unit_test(what_is_too_much_for_a_record_is_several_runs),
		cmocka_unit_test(the_cache_keeps_the_oldest),
		cmocka_unit_test(without_consumers_the_cache_keeps_little),
		cmocka_unit_test(a_dump_and_a_digest_are_answered),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
