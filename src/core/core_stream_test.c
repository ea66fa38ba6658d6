#include "core/core_for_tests.h"
#include "core/core_stream.h"

#define Q       7u
#define SEGMENT 1u /* of the rig's first record, in which the first messages lie */

static struct rig *rig_with_empty_stream(void)
{
	struct rig *r = rig_new();
	struct queue_rules rules = rules_none();
	rules.type = QUEUE_STREAM;
	rig_open(r, Q, QUEUE_DURABLE | QUEUE_APPENDS, &rules);
	return r;
}

/* A stream of n messages, none of them in memory: who is given one reads it from its place. */
static struct rig *rig_with_stream(uint32_t n)
{
	struct rig *r = rig_with_empty_stream();
	core_cache_limit(r->core, 0);
	rig_publish(r, Q, 1, n, ENTRY_PERSISTENT);
	rig_commit(r);
	r->said = text_of(r->said_bytes, sizeof r->said_bytes);
	return r;
}

static void read_from(struct rig *r, uint64_t consumer, uint32_t messages, struct stream_from from)
{
	struct run *cmd = (struct run *)(void *)r->cmd_bytes;
	struct subscribe_row *row = (void *)(cmd + 1);
	*cmd = rig_head(CMD_SUBSCRIBE, Q, consumer);
	cmd->n = 1;
	cmd->row_bytes = sizeof *row;
	cmd->tail_len = sizeof from;
	*row = (struct subscribe_row){ { messages, CREDIT_NO_LIMIT }, 0 };
	memcpy(row + 1, &from, sizeof from);
	core_admit(r->core, cmd, r->now_ms, &r->now, &r->later, &r->post);
	rig_apply(r);
	rig_effects(r);
	rig_give(r);
}

static void read_from_first(struct rig *r, uint64_t consumer, uint32_t messages)
{
	read_from(r, consumer, messages, (struct stream_from){ .where = STREAM_FIRST });
}

static void settle(struct rig *r, uint64_t consumer, uint64_t offset)
{
	rig_settle(r, Q, consumer, offset + 1, SETTLE_ACCEPT);
}

/* The bits of the offsets that the walk would move now. */
static uint32_t movable(struct rig *r)
{
	struct live_walk at = { 0 };
	struct freed one;
	uint64_t offset;
	uint32_t bits = 0;
	core_check(r->core);
	while (core_move_next(r->core, SEGMENT, &at, &one, &offset) == MOVE_ONE) {
		must(one.loc >> 32 == SEGMENT && offset < 32 && !(bits >> offset & 1));
		bits |= UINT32_C(1) << offset;
	}
	core_move_end(r->core);
	return bits;
}

static uint64_t place_of(struct rig *r, uint64_t offset)
{
	struct live_walk at = { 0 };
	struct freed one;
	uint64_t found;
	while (core_move_next(r->core, SEGMENT, &at, &one, &found) == MOVE_ONE)
		if (found == offset)
			return one.loc;
	must(!"it may move");
	return 0;
}

static void what_a_reader_has_not_read_yet_stays_where_it_lies(void **s)
{
	(void)s;
	struct rig *r = rig_with_stream(6);
	must(movable(r) == 0x3f);
	read_from_first(r, 9, 3);
	SAY("reply 9 OK 6 1 | c9 1 | c9 2 | c9 3");
	must(movable(r) == 0x38);
	rig_do(r, CMD_UNSUBSCRIBE, Q, 9, 0);
	must(movable(r) == 0x3f);
	rig_free(r);
}

static void who_begins_with_one_that_is_to_come_gets_none_before(void **s)
{
	(void)s;
	struct rig *r = rig_with_stream(2);
	read_from(r, 9, 3, (struct stream_from){ .where = STREAM_OFFSET, .value = 4 });
	SAY("reply 9 OK 2 1");
	rig_publish(r, Q, 3, 2, ENTRY_PERSISTENT);
	rig_commit(r);
	SAY("");
	rig_publish(r, Q, 5, 1, ENTRY_PERSISTENT);
	rig_commit(r);
	SAY("c9 5");
	rig_do(r, CMD_UNSUBSCRIBE, Q, 9, 0);
	rig_free(r);
}

static void a_time_that_is_later_than_all_is_the_end(void **s)
{
	(void)s;
	struct rig *r = rig_with_stream(2);
	read_from(r, 9, 3,
		  (struct stream_from){ .where = STREAM_SINCE, .value = r->now_ms + 9999 });
	SAY("reply 9 OK 2 1");
	rig_publish(r, Q, 3, 1, ENTRY_PERSISTENT);
	rig_commit(r);
	SAY("c9 3");
	rig_do(r, CMD_UNSUBSCRIBE, Q, 9, 0);
	rig_free(r);
}

/* It was free when the copy began, and is given before the copy is durable. */
static void what_is_given_while_it_is_copied_stays(void **s)
{
	(void)s;
	struct rig *r = rig_with_stream(6);
	uint64_t first = place_of(r, 1), last = place_of(r, 4);
	read_from_first(r, 9, 3);
	must(!core_relocate(r->core, Q, 1, first, first | RIG_MOVED));
	must(core_relocate(r->core, Q, 4, last, last | RIG_MOVED));
	core_move_end(r->core);
	must(movable(r) == 0x38);
	rig_do(r, CMD_UNSUBSCRIBE, Q, 9, 0);
	rig_free(r);
}

static void what_is_settled_moves_though_the_reader_goes_on(void **s)
{
	(void)s;
	struct rig *r = rig_with_stream(12);
	read_from_first(r, 9, 4);
	must(movable(r) == 0xff0); /* 0 to 3 are held */
	settle(r, 9, 0);
	must(movable(r) == 0xfe1); /* and 4 is given */
	settle(r, 9, 2);
	settle(r, 9, 1); /* 1 is in the same stretch as 3, 4, 5 and 6: these end it */
	must(movable(r) == 0xf81);
	for (uint64_t offset = 3; offset <= 6; offset++)
		settle(r, 9, offset);
	must(movable(r) == 0x87f);
	for (uint64_t offset = 7; offset <= 11; offset++)
		settle(r, 9, offset);
	must(movable(r) == 0xfff);
	rig_do(r, CMD_UNSUBSCRIBE, Q, 9, 0);
	rig_free(r);
}

static void readers_hold_what_each_of_them_was_given(void **s)
{
	(void)s;
	struct rig *r = rig_with_stream(10);
	read_from_first(r, 9, 2);
	read_from_first(r, 10, 5);
	must(movable(r) == 0x3e0);
	for (uint64_t offset = 0; offset <= 4; offset++)
		settle(r, 10, offset);
	must(movable(r) == 0x01c); /* 0 and 1 are the one's, 5 to 9 the other's */
	for (uint64_t offset = 0; offset <= 1; offset++)
		settle(r, 9, offset);
	must(movable(r) == 0x013);
	rig_do(r, CMD_UNSUBSCRIBE, Q, 10, 0);
	must(movable(r) == 0x3f3);
	rig_do(r, CMD_UNSUBSCRIBE, Q, 9, 0);
	rig_free(r);
}

/* What was given with its bytes needs no place. */
static void what_is_in_memory_moves_though_it_is_given(void **s)
{
	(void)s;
	struct rig *r = rig_with_empty_stream();
	core_cache_limit(r->core, 1 << 20);
	read_from_first(r, 9, 3);
	rig_publish(r, Q, 1, 6, ENTRY_PERSISTENT);
	rig_commit(r);
	must(movable(r) == 0x3f);
	rig_do(r, CMD_UNSUBSCRIBE, Q, 9, 0);
	rig_free(r);
}

/* The first of what waits for the log has chunks: once it is logged it is not in memory. */
static void first_has_chunks(struct rig *r)
{
	uint64_t index;
	uint32_t ordinal;
	struct add_row *row = run_rows(outcomes_ready(&r->later, UINT64_MAX, &index, &ordinal));
	msg_unref(row->mem, 1);
	row->mem = 0;
}

static void what_comes_with_a_large_message_leaves_memory(void **s)
{
	(void)s;
	struct rig *r = rig_with_empty_stream();
	core_cache_limit(r->core, 1 << 20);
	rig_publish(r, Q, 1, 3, ENTRY_PERSISTENT);
	rig_propose(r);
	first_has_chunks(r);
	rig_commit(r);
	rig_give(r);
	core_check(r->core);
	must(core_cached_bytes(r->core) == 0); /* nobody reads the stream */
	rig_free(r);
}

/* Its reader is told, and what was kept for him goes with it. */
static void a_stream_that_is_read_can_be_deleted(void **s)
{
	(void)s;
	struct rig *r = rig_with_empty_stream();
	core_cache_limit(r->core, 1 << 20);
	read_from_first(r, 9, 3);
	rig_publish(r, Q, 1, 6, ENTRY_PERSISTENT);
	rig_commit(r);
	must(core_cached_bytes(r->core) > 0);
	r->said = text_of(r->said_bytes, sizeof r->said_bytes);
	rig_do(r, CMD_QUEUE_DROP, Q, 0, 0);
	rig_commit(r);
	core_check(r->core);
	must(core_cached_bytes(r->core) == 0);
	rig_free(r);
}

/* An empty stream whose pages are short. */
static struct rig *rig_with_pages(void)
{
	struct rig *r = rig_new();
	struct queue_rules rules = rules_none();
	rules.type = QUEUE_STREAM;
	core_page_rows(r->core, 4);
	core_cache_limit(r->core, 0);
	rig_open(r, Q, QUEUE_DURABLE | QUEUE_APPENDS, &rules);
	return r;
}

/* A stream whose first page has left memory; its record is in `record`. */
static struct rig *rig_with_page(struct wr *record)
{
	struct rig *r = rig_with_pages();
	struct core_page page;
	rig_publish(r, Q, 1, 6, ENTRY_PERSISTENT);
	rig_commit(r);
	must(core_page_leaving(r->core, &page) && page.first == 0);
	core_page_put(r->core, &page, record);
	page.loc = (uint64_t)SEGMENT << 32 | 1000000;
	must(core_page_left(r->core, &page));
	return r;
}

/* The page had ended at the first offset before a crash: its messages lay in other segments. */
static void what_a_trimmed_page_had_before_the_first_message_goes(void **s)
{
	(void)s;
	for (uint32_t last_n = 2; last_n <= 3; last_n++) {
		struct rig *r = rig_with_pages();
		struct run trim = rig_head(OUTCOME_STREAM_TRIM, Q, 2);
		struct core_page page;
		trim.flags = RUN_LOGGED;
		for (uint32_t n = 0; n < 2; n++) { /* each lies in a segment of its own */
			rig_publish(r, Q, 1 + 2 * n, n ? last_n : 2, ENTRY_PERSISTENT);
			rig_commit(r);
		}
		core_apply(r->core, &trim, r->committed, 0, &r->post);
		core_check(r->core);
		must(stream_before(&core_find_queue(r->core, Q)->has->stream->s) ==
		     2 * RIG_STORED_BYTES);
		const bool is_leaving = core_page_leaving(r->core, &page);
		must(is_leaving == (last_n > 2) && (!is_leaving || page.first == 2));
		core_check(r->core);
		if (is_leaving)
			must(stream_before(&core_find_queue(r->core, Q)->has->stream->s) == 0);
		rig_free(r);
	}
}

/* Its messages are left out: whoever keeps the log must be able to say so. */
static void a_page_that_is_damaged_is_told_of(void **s)
{
	(void)s;
	for (uint32_t damaged = 0; damaged < 2; damaged++) {
		uint8_t bytes[256];
		struct wr w = wr_of(bytes, sizeof bytes);
		struct rig *r = rig_with_page(&w);
		struct slice there = wr_done(&w);
		struct core_page page;
		read_from_first(r, 9, 10);
		must(core_page_wanted(r->core, &page));
		bytes[there.n - 1] ^= (uint8_t)damaged;
		must(core_page_read(r->core, &page, &there) == !damaged);
		core_check(r->core);
		rig_do(r, CMD_UNSUBSCRIBE, Q, 9, 0);
		rig_free(r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_reader_has_not_read_yet_stays_where_it_lies),
		cmocka_unit_test(who_begins_with_one_that_is_to_come_gets_none_before),
		cmocka_unit_test(a_time_that_is_later_than_all_is_the_end),
		cmocka_unit_test(what_is_given_while_it_is_copied_stays),
		cmocka_unit_test(what_is_settled_moves_though_the_reader_goes_on),
		cmocka_unit_test(readers_hold_what_each_of_them_was_given),
		cmocka_unit_test(what_is_in_memory_moves_though_it_is_given),
		cmocka_unit_test(what_comes_with_a_large_message_leaves_memory),
		cmocka_unit_test(a_stream_that_is_read_can_be_deleted),
		cmocka_unit_test(what_a_trimmed_page_had_before_the_first_message_goes),
		cmocka_unit_test(a_page_that_is_damaged_is_told_of),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
