#include "core/core_cold_for_tests.h"

#define TICKET 5u

static struct browse_row place; /* as it was answered last */
static bool is_over;

/* Writes down what a rig always does, and keeps the place. */
static void keep_place(struct rig *r, const struct rig_fx *fx)
{
	if (!fx)
		return;
	if (fx->run.kind == FX_REPLY && fx->reply.op == CMD_BROWSE) {
		is_over = fx->reply.b || fx->reply.err != ERR_OK;
		if (fx->reply.err == ERR_OK)
			memcpy(&place, fx->tail.p, sizeof place);
	}
	r->see = NULL;
	rig_tell(r, fx);
	r->see = keep_place;
}

static void page(struct rig *r, uint16_t messages)
{
	place.messages = messages;
	place.bytes = LIMIT_BROWSE_BYTES;
	r->see = keep_place;
	rig_admit(r, rig_head(CMD_BROWSE, Q, TICKET), &place, sizeof place, 1);
	rig_give(r);
	r->see = NULL;
}

/* From the beginning. */
static void browse(struct rig *r, uint16_t messages)
{
	place = (struct browse_row){ .pos = 0 };
	page(r, messages);
}

static struct rig *rig_with(uint32_t n)
{
	struct rig *r = rig_new();
	rig_do(r, CMD_QUEUE_OPEN, Q, 0, QUEUE_DURABLE);
	rig_publish(r, Q, 1, n, ENTRY_PERSISTENT);
	rig_commit(r);
	silence(r);
	return r;
}

static uint64_t pos_of_nth(struct rig *r, uint32_t n)
{
	uint64_t pos = 0;
	for (; n > 0; n--, pos += n > 0)
		must(queue_next_live(queue_of(r), &pos) != NULL);
	return pos;
}

static void see_nothing(struct rig *r, const struct rig_fx *fx)
{
	must(r->core != NULL && (!fx || fx->run.kind <= FX_TRACE));
}

static void drop_queue(struct rig *r)
{
	rig_do(r, CMD_QUEUE_DROP, Q, 0, 0);
	rig_commit(r);
}

/* ---- what is shown ------------------------------------------------------------------------ */

static void what_is_there_is_shown_and_stays(void **s)
{
	(void)s;
	struct rig *r = rig_with(3);
	browse(r, 10);
	SAY("found 1 | found 2 | found 3 | reply 5 OK 3 1");
	must(is_over && queue_of(r)->ready_n == 3);
	browse(r, 10);
	SAY("found 1 | found 2 | found 3 | reply 5 OK 3 1");
	rig_subscribe(r, Q, 9, 0, 2);
	rig_commit(r);
	SAY("reply 9 OK 3 1 | c9 1 | c9 2");
	browse(r, 10); /* what somebody has is shown, too */
	SAY("found 1 | found 2 | found 3 | reply 5 OK 3 1");
	rig_free(r);
}

static void a_page_goes_on_where_the_last_one_ended(void **s)
{
	(void)s;
	struct rig *r = rig_with(5);
	browse(r, 2);
	SAY("found 1 | found 2 | reply 5 OK 2 0");
	rig_subscribe(r, Q, 9, 0, 3);
	rig_commit(r);
	silence(r);
	rig_settle(r, Q, 9, pos_of_nth(r, 1), SETTLE_ACCEPT);
	rig_settle(r, Q, 9, pos_of_nth(r, 3), SETTLE_ACCEPT);
	rig_publish(r, Q, 6, 1, ENTRY_PERSISTENT); /* it was not there when the first page was */
	rig_commit(r);
	silence(r);
	page(r, 2);
	SAY("found 4 | found 5 | reply 5 OK 2 0");
	page(r, 2);
	SAY("reply 5 OK 0 1");
	rig_free(r);
}

static void what_is_being_settled_is_not_shown(void **s)
{
	(void)s;
	struct rig *r = rig_with(2);
	rig_subscribe(r, Q, 9, 0, 1);
	rig_commit(r);
	silence(r);
	rig_settle(r, Q, 9, pos_of_nth(r, 1), SETTLE_ACCEPT); /* the log does not know yet */
	browse(r, 10);
	SAY("c9 2 | found 2 | reply 5 OK 1 1");
	rig_commit(r);
	rig_free(r);
}

static void a_page_has_so_many_bytes_and_one_message(void **s)
{
	(void)s;
	struct rig *r = rig_with(3);
	place = (struct browse_row){ .messages = 10, .bytes = RIG_STORED_BYTES + 1 };
	r->see = keep_place;
	rig_admit(r, rig_head(CMD_BROWSE, Q, TICKET), &place, sizeof place, 1);
	r->see = NULL;
	SAY("found 1 | found 2 | reply 5 OK 2 0");
	rig_free(r);
}

static void it_comes_behind_what_was_published_before(void **s)
{
	(void)s;
	struct rig *r = rig_with(1);
	rig_publish(r, Q, 2, 1, ENTRY_PERSISTENT);
	r->see = keep_place;
	place = (struct browse_row){ .messages = 10, .bytes = LIMIT_BROWSE_BYTES };
	rig_admit(r, rig_head(CMD_BROWSE, Q, TICKET), &place, sizeof place, 1);
	rig_give(r);
	SAY("");
	rig_commit(r);
	r->see = NULL;
	SAY("found 1 | found 2 | reply 5 OK 2 1");
	rig_free(r);
}

static void what_has_expired_is_not_shown(void **s)
{
	(void)s;
	struct rig *r = rig_with(1);
	struct publish_row row = {
		.mem = rig_message(r, 2, 1), .queue = Q, .expiry_ms = 50, .bytes = RIG_STORED_BYTES
	};
	rig_admit(r, rig_head(CMD_PUBLISH, 0, 2), &row, sizeof row, 1);
	rig_give(r);
	rig_subscribe(r, Q, 9, 0, 2);
	rig_commit(r);
	silence(r);
	browse(r, 10);
	SAY("found 1 | found 2 | reply 5 OK 2 1");
	rig_at(r, 60);
	browse(r, 10); /* who has it may still settle it */
	SAY("found 1 | reply 5 OK 1 1");
	rig_free(r);
}

/* ---- whose -------------------------------------------------------------------------------- */

static void a_queue_that_is_not_there_is_over(void **s)
{
	(void)s;
	struct rig *r = rig_with(3);
	browse(r, 2);
	silence(r);
	drop_queue(r);
	silence(r);
	page(r, 2);
	SAY("reply 5 NOT_FOUND 0 0");
	must(is_over);
	rig_free(r);
}

static void streams_are_not_shown(void **s)
{
	(void)s;
	struct rig *r = rig_new();
	struct queue_rules rules = rules_none();
	rules.type = QUEUE_STREAM;
	rig_open(r, Q, QUEUE_DURABLE | QUEUE_APPENDS, &rules);
	browse(r, 2);
	SAY("reply 5 NOT_IMPLEMENTED 0 0");
	rig_free(r);
}

/* ---- priorities --------------------------------------------------------------------------- */

static void the_highest_priority_is_shown_first(void **s)
{
	(void)s;
	static const uint8_t priority[] = { 0, 3, 1, 7, 0, 2, 3 }; /* 7 counts as 3 */
	struct rig *r = rig_new();
	struct queue_rules rules = rules_none();
	rules.max_priority = 3;
	rig_open(r, Q, QUEUE_DURABLE, &rules);
	for (uint32_t i = 0; i < 7; i++) {
		struct publish_row row = { .mem = rig_message(r, i, 1),
					   .queue = Q,
					   .bytes = RIG_STORED_BYTES,
					   .priority = priority[i] };
		rig_admit(r, rig_head(CMD_PUBLISH, 0, i), &row, sizeof row, 1);
	}
	rig_give(r);
	silence(r);
	browse(r, 2);
	SAY("found 1 | found 3 | reply 5 OK 2 0");
	page(r, 10); /* one priority to a page */
	SAY("found 6 | reply 5 OK 1 0");
	page(r, 10);
	SAY("found 5 | reply 5 OK 1 0");
	page(r, 10);
	SAY("found 2 | reply 5 OK 1 0");
	page(r, 10);
	SAY("found 0 | found 4 | reply 5 OK 2 1");
	rig_free(r);
}

/* ---- what is not in memory ---------------------------------------------------------------- */

static void see_found_in_order(struct rig *r, const struct rig_fx *fx)
{
	uint64_t *last = r->see_arg;
	if (fx && fx->run.kind == FX_DELIVER)
		must(fx->number == ++*last && fx->deliver.flags & ENTRY_STREAM);
	if (fx && fx->run.kind == FX_REPLY) {
		must(fx->reply.err == ERR_OK);
		memcpy(&place, fx->tail.p, sizeof place);
		is_over = fx->reply.b;
	}
}

static void cold_chunks_come_back_one_by_one_and_leave_again(void **s)
{
	(void)s;
	uint64_t last = 0;
	const uint32_t n = 10 * CHUNK_N + 3;
	struct rig *r = rig_with_messages(n);
	take(r);
	must(queue_of(r)->cold_n == 11);
	place = (struct browse_row){ .messages = 100, .bytes = LIMIT_BROWSE_BYTES };
	r->see = see_found_in_order;
	r->see_arg = &last;
	for (is_over = false; !is_over;) {
		rig_admit(r, rig_head(CMD_BROWSE, Q, TICKET), &place, sizeof place, 1);
		rig_give(r);
		must(queue_of(r)->cold_n >= 9);
	}
	must(last == n && kept.read_n == 11);
	r->see = see_nothing;
	end(r);
}

static void a_chunk_that_goes_while_it_is_read_is_passed_over(void **s)
{
	(void)s;
	struct rig *r = rig_with_messages(2 * CHUNK_N);
	take(r);
	r->is_slow = true;
	browse(r, 100);
	SAY("");
	rig_do(r, CMD_PURGE, Q, 8, 0);
	silence(r);
	r->is_slow = false;
	r->see = keep_place;
	rig_bring(r, UINT32_MAX);
	rig_commit(r);
	r->see = NULL;
	SAY("reply 5 OK 0 1 | reply 8 OK 1024 0");
	end(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_there_is_shown_and_stays),
		cmocka_unit_test(a_page_goes_on_where_the_last_one_ended),
		cmocka_unit_test(what_is_being_settled_is_not_shown),
		cmocka_unit_test(a_page_has_so_many_bytes_and_one_message),
		cmocka_unit_test(it_comes_behind_what_was_published_before),
		cmocka_unit_test(what_has_expired_is_not_shown),
		cmocka_unit_test(a_queue_that_is_not_there_is_over),
		cmocka_unit_test(streams_are_not_shown),
		cmocka_unit_test(the_highest_priority_is_shown_first),
		cmocka_unit_test(cold_chunks_come_back_one_by_one_and_leave_again),
		cmocka_unit_test(a_chunk_that_goes_while_it_is_read_is_passed_over),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
