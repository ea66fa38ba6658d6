#include "base/byteorder.h"
#include "core/catalog.h"
#include "core/core_letter_for_tests.h"
#include "core/keeper.h"

#define Q 7u

/* What an operator was told last. */
struct answer {
	struct reply_row row;
};

static void see(struct rig *r, const struct rig_fx *fx)
{
	struct answer *a = r->see_arg;
	if (!fx || fx->run.kind != FX_REPLY)
		return;
	a->row = fx->reply;
}

static struct rig *rig_with(uint32_t n, uint8_t flags)
{
	struct rig *r = rig_new();
	struct queue_rules rules = rules_none();
	rig_at(r, 1000);
	rig_open(r, Q, QUEUE_DURABLE, &rules);
	for (uint32_t i = 1; i <= n; i++)
		rig_publish(r, Q, i, 1, flags);
	rig_commit(r);
	r->said = text_of(r->said_bytes, sizeof r->said_bytes);
	return r;
}

static struct answer asked(struct rig *r, enum cmd kind, const uint64_t *words, uint32_t n)
{
	struct answer a = { .row = { .err = ERR_N } };
	struct run *cmd = (struct run *)(void *)r->cmd_bytes;
	r->see = see;
	r->see_arg = &a;
	*cmd = rig_head((uint8_t)kind, Q, 4);
	cmd->tail_len = n * (uint32_t)sizeof *words;
	memcpy(cmd + 1, words, cmd->tail_len);
	core_admit(r->core, cmd, r->now_ms, &r->now, &r->later, &r->post);
	rig_apply(r);
	rig_give(r);
	rig_commit(r);
	r->see = NULL;
	r->said = text_of(r->said_bytes, sizeof r->said_bytes);
	return a;
}

static struct answer cancel(struct rig *r, uint64_t id, uint64_t pos)
{
	return asked(r, CMD_CANCEL, (uint64_t[]){ id, pos }, 2);
}

static uint64_t id_at(struct rig *r, uint64_t pos)
{
	const struct queue *q = core_find_queue(r->core, Q);
	return queue_chunk(q, pos_chunk(pos))->entry[pos_slot(pos)].id;
}

static void a_list_comes_in_pages_and_ends(void **s)
{
	(void)s;
	struct rig *r = rig_with(700, 0);
	uint64_t pos = 0;
	uint32_t pages = 0;
	do {
		struct answer a = asked(r, CMD_LIST, &pos, 1);
		assert_int_equal(a.row.err, ERR_OK);
		assert_true(a.row.a == 0 || a.row.a > pos);
		pos = a.row.a;
		pages++;
	} while (pos != 0);
	assert_true(pages > 3 && pages < 20);
	rig_free(r);
}

static void one_message_is_removed_for_good(void **s)
{
	(void)s;
	struct rig *r = rig_with(3, ENTRY_PERSISTENT);
	uint64_t pos = pos_of(1, 1), id = id_at(r, pos);
	struct answer a = cancel(r, id, pos);
	assert_true(a.row.err == ERR_OK && a.row.a == 1 && a.row.op == CMD_CANCEL);
	assert_int_equal(core_find_queue(r->core, Q)->live_n, 2);
	assert_int_equal(r->live_bytes, 2 * RIG_STORED_BYTES);
	assert_int_equal(cancel(r, id, pos).row.err, ERR_NOT_FOUND);
	rig_crash(r);
	rig_replay(r, r->core, 0, r->committed);
	assert_int_equal(core_find_queue(r->core, Q)->durable_n, 2);
	rig_free(r);
}

static void a_lasting_message_is_found_at_another_place(void **s)
{
	(void)s;
	struct rig *r = rig_with(3, ENTRY_PERSISTENT);
	uint64_t id = id_at(r, pos_of(1, 2));
	assert_int_equal(cancel(r, id, pos_of(9, 9)).row.err, ERR_OK);
	assert_int_equal(cancel(r, id + 1, pos_of(9, 9)).row.err, ERR_NOT_FOUND);
	assert_int_equal(core_find_queue(r->core, Q)->live_n, 2);
	rig_free(r);
}

static void a_transient_one_needs_its_place(void **s)
{
	(void)s;
	struct rig *r = rig_with(3, 0);
	uint64_t pos = pos_of(1, 1), id = id_at(r, pos);
	assert_int_equal(cancel(r, id, pos_of(9, 9)).row.err, ERR_NOT_FOUND);
	assert_int_equal(cancel(r, id + 1, pos).row.err, ERR_NOT_FOUND);
	assert_int_equal(cancel(r, id, pos).row.err, ERR_OK);
	assert_int_equal(core_find_queue(r->core, Q)->live_n, 2);
	core_check(r->core);
	rig_free(r);
}

/* ---- what a keeper has sent on its way ---------------------------------------------------- */

static void keep(struct rig *r)
{
	struct queue_rules rules = rules_none();
	rules.keeper = EXCHANGE_DELAYED;
	rules.has_dead_letter_exchange = true;
	rules.dead_letter_exchange = slice_str("x");
	core_dead_to(r->core, LETTER);
	rig_open(r, Q, QUEUE_DURABLE | QUEUE_KEEPER, &rules);
	r->said = text_of(r->said_bytes, sizeof r->said_bytes);
}

/* As many as that, due at 1100. */
static struct rig *rig_of_keeper(uint32_t n, uint8_t flags)
{
	struct rig *r = rig_new();
	rig_at(r, 1000);
	keep(r);
	for (uint32_t i = 1; i <= n; i++) {
		struct publish_row row = { .mem = rig_message(r, i, 1),
					   .queue = Q,
					   .bytes = RIG_STORED_BYTES,
					   .expiry_ms = 1100,
					   .flags = flags };
		rig_admit(r, rig_head(CMD_PUBLISH, 0, i), &row, sizeof row, 1);
		rig_give(r);
	}
	rig_commit(r);
	r->said = text_of(r->said_bytes, sizeof r->said_bytes);
	return r;
}

static void ask(struct rig *r, enum cmd kind, const uint64_t *words, uint32_t n)
{
	struct run head = rig_head((uint8_t)kind, Q, 4);
	head.tail_len = n * (uint32_t)sizeof *words;
	memcpy(r->cmd_bytes + sizeof head, words, head.tail_len);
	rig_admit(r, head, NULL, 0, 0);
	rig_give(r);
}

static void ask_cancel(struct rig *r, uint64_t n)
{
	ask(r, CMD_CANCEL, (uint64_t[]){ id_at(r, pos_nth(n)), pos_nth(n) }, 2);
}

/* The n-th is safe where it went, and would wait again until `due_ms`. */
static void goes_again(struct rig *r, uint64_t n, uint64_t due_ms)
{
	const struct settle_row row = { .pos = pos_nth(n) };
	struct run head = rig_head(CMD_SETTLE, Q, 0);
	head.session = LETTER;
	head.tail_len = SETTLE_AGAIN_BYTES;
	store_le64(r->cmd_bytes + sizeof head + sizeof row, due_ms);
	store_le16(r->cmd_bytes + sizeof head + sizeof row + 8, 1);
	rig_admit(r, head, &row, sizeof row, 1);
	rig_give(r);
}

struct lines {
	char text[2000];
};

static void see_text(struct rig *r, const struct rig_fx *fx)
{
	struct lines *l = r->see_arg;
	if (fx && fx->run.kind == FX_REPLY)
		snprintf(l->text, sizeof l->text, "%.*s", (int)fx->tail.n,
			 (const char *)fx->tail.p);
}

static struct lines listed(struct rig *r)
{
	struct lines l = { "" };
	r->see = see_text;
	r->see_arg = &l;
	ask(r, CMD_LIST, (uint64_t[]){ 0 }, 1);
	r->see = NULL;
	return l;
}

static void what_is_on_its_way_is_listed_until_it_has_come_to_its_end(void **s)
{
	(void)s;
	struct rig *r = rig_of_keeper(1, ENTRY_PERSISTENT);
	assert_non_null(strstr(listed(r).text, "in_ms 100 due_ms 1100"));
	assert_null(strstr(listed(r).text, "going"));
	rig_at(r, 1100);
	SAY("dead1 1");
	assert_non_null(strstr(listed(r).text, "in_ms 0 due_ms 1100"));
	assert_non_null(strstr(listed(r).text, "persistent going\n"));
	goes_again(r, 1, 1200);
	assert_non_null(strstr(listed(r).text, "going\n")); /* the log has it not yet */
	rig_commit(r);
	assert_non_null(strstr(listed(r).text, "in_ms 100 due_ms 1200"));
	rig_at(r, 1200);
	SAY("dead1 1");
	letter_done(r, Q, 1);
	assert_string_equal(listed(r).text, "");
	rig_free(r);
}

static void what_is_on_its_way_is_gone_when_it_is_settled(void **s)
{
	(void)s;
	struct rig *r = rig_of_keeper(2, ENTRY_PERSISTENT);
	rig_at(r, 1100);
	SAY("dead1 1 | dead1 2");
	ask_cancel(r, 1);
	rig_commit(r);
	SAY(""); /* nobody knows yet what comes of it */
	goes_again(r, 1, 1101);
	SAY("");
	rig_commit(r);
	SAY("reply 4 OK 1 0");
	goes_again(r, 2, 1101);
	rig_commit(r);
	rig_at(r, 1101);
	SAY("dead1 2");
	rig_crash(r);
	rig_replay(r, r->core, 0, r->committed);
	assert_int_equal(core_find_queue(r->core, Q)->durable_n, 1);
	rig_free(r);
}

/* It is not told that it was cancelled: it has gone. */
static void what_went_for_the_last_time_is_not_cancelled(void **s)
{
	(void)s;
	struct rig *r = rig_of_keeper(1, ENTRY_PERSISTENT);
	rig_at(r, 1100);
	SAY("dead1 1");
	ask_cancel(r, 1);
	letter_done(r, Q, 1);
	SAY("reply 4 NOT_FOUND 0 0");
	rig_free(r);
}

static void what_waits_for_the_log_to_go_again_is_cancelled_behind_it(void **s)
{
	(void)s;
	struct rig *r = rig_of_keeper(1, ENTRY_PERSISTENT);
	rig_at(r, 1100);
	SAY("dead1 1");
	goes_again(r, 1, 100000);
	ask_cancel(r, 1);
	SAY("");
	rig_commit(r);
	rig_commit(r);
	SAY("reply 4 OK 1 0");
	assert_int_equal(core_find_queue(r->core, Q)->live_n, 0);
	assert_int_equal(core_deadline(r->core), 100000); /* whoever wakes finds nothing */
	rig_free(r);
}

static void all_are_cancelled_wherever_they_are(void **s)
{
	(void)s;
	struct rig *r = rig_of_keeper(LIMIT_DEAD_LETTERS + 5, ENTRY_PERSISTENT);
	rig_at(r, 1100); /* five wait for room */
	r->said = text_of(r->said_bytes, sizeof r->said_bytes);
	ask(r, CMD_PURGE, (uint64_t[]){ 0 }, 0);
	rig_commit(r);
	SAY("");
	assert_int_equal(core_find_queue(r->core, Q)->live_n, LIMIT_DEAD_LETTERS);
	for (uint64_t n = 2; n <= LIMIT_DEAD_LETTERS; n++)
		goes_again(r, n, 1101);
	rig_commit(r);
	SAY("");
	letter_done(r, Q, 1);
	rig_commit(r);
	char want[64];
	snprintf(want, sizeof want, "reply 4 OK %llu 0", LIMIT_DEAD_LETTERS + 4ull);
	SAY(want);
	assert_int_equal(core_find_queue(r->core, Q)->live_n, 0);
	rig_free(r);
}

static void those_due_between_two_times_are_cancelled(void **s)
{
	(void)s;
	struct rig *r = rig_of_keeper(5, ENTRY_PERSISTENT);
	rig_at(r, 1100);
	r->said = text_of(r->said_bytes, sizeof r->said_bytes);
	for (uint64_t n = 1; n <= 4; n++)
		goes_again(r, n, 1000 + 1000 * n);
	rig_commit(r);
	ask(r, CMD_CANCEL, (uint64_t[]){ 0, 0, 3000, 4000 }, 4);
	rig_commit(r);
	SAY("reply 4 OK 2 0");
	ask(r, CMD_CANCEL, (uint64_t[]){ 0, 0, 5, 4 }, 4);
	SAY("reply 4 OK 0 0");
	ask(r, CMD_CANCEL, (uint64_t[]){ 0, 0, 1100, 2000 }, 4);
	goes_again(r, 5, 7000); /* it was due then, and would go again */
	rig_commit(r);
	SAY("reply 4 OK 2 0");
	assert_int_equal(core_find_queue(r->core, Q)->live_n, 1);
	rig_free(r);
}

static void a_place_is_enough_to_be_cancelled_in_one_life(void **s)
{
	(void)s;
	struct rig *r = rig_of_keeper(2, ENTRY_PERSISTENT);
	ask(r, CMD_CANCEL, (uint64_t[]){ 0, pos_nth(2) }, 2);
	rig_commit(r);
	SAY("reply 4 OK 1 0");
	ask(r, CMD_CANCEL, (uint64_t[]){ 0, pos_nth(2) }, 2);
	SAY("reply 4 NOT_FOUND 0 0");
	assert_int_equal(core_find_queue(r->core, Q)->live_n, 1);
	rig_free(r);
}

static void who_waits_is_told_when_the_keeper_goes(void **s)
{
	(void)s;
	struct rig *r = rig_of_keeper(1, ENTRY_PERSISTENT);
	rig_at(r, 1100);
	SAY("dead1 1");
	ask_cancel(r, 1);
	rig_do(r, CMD_QUEUE_DROP, Q, 5, 0);
	rig_commit(r);
	SAY("reply 4 NOT_FOUND 0 0 | reply 5 OK 0 0");
	rig_free(r);
}

static void see_found(struct rig *r, const struct rig_fx *fx)
{
	struct lines *l = r->see_arg;
	struct text t = { l->text, sizeof l->text, strlen(l->text) };
	if (!fx || fx->run.kind != FX_DELIVER)
		return;
	assert_true(fx->run.flags & DELIVER_FOUND);
	text_putf(&t, "%llu of", (unsigned long long)fx->number);
	assert_int_equal(fx->tail.n, fx->run.n * sizeof(uint64_t));
	for (size_t i = 0; i < fx->run.n; i++)
		text_putf(&t, " %llu", (unsigned long long)load_le64(fx->tail.p + 8 * i));
	text_puts(&t, "; ");
}

static void what_is_kept_is_shown_with_when_it_is_due(void **s)
{
	(void)s;
	struct rig *r = rig_of_keeper(2, ENTRY_PERSISTENT);
	const struct browse_row from = { .messages = 10, .bytes = 1000 };
	struct lines l = { "" };
	rig_at(r, 1100);
	r->said = text_of(r->said_bytes, sizeof r->said_bytes);
	goes_again(r, 1, 2000);
	rig_commit(r);
	r->see = see_found;
	r->see_arg = &l;
	rig_admit(r, rig_head(CMD_BROWSE, Q, 4), &from, sizeof from, 1);
	rig_give(r);
	r->see = NULL;
	assert_string_equal(l.text, "1 of 2000 1100; 2 of 2000 1100; ");
	letter_done(r, Q, 2);
	rig_free(r);
}

struct count {
	uint64_t place; /* where to go on */
	uint32_t n;     /* lines */
};

static void see_count(struct rig *r, const struct rig_fx *fx)
{
	struct count *all = r->see_arg;
	if (!fx || fx->run.kind != FX_REPLY)
		return;
	all->place = fx->reply.a;
	for (size_t i = 0; i < fx->tail.n; i++)
		all->n += fx->tail.p[i] == '\n';
}

/* However little memory its entries may take. */
static void no_chunk_of_a_keeper_leaves_memory(void **s)
{
	(void)s;
	struct rig *r = rig_of_keeper(5 * CHUNK_N, ENTRY_PERSISTENT);
	core_entries_limit(r->core, 1);
	core_checkpoint_begin(r->core);
	static uint8_t unit[CHECKPOINT_UNIT_MAX];
	struct unit_key key;
	uint32_t n, units_n = 0;
	while (core_checkpoint_next(r->core, &key, unit, sizeof unit, &n))
		units_n++;
	core_checkpoint_close(r->core);
	core_checkpoint_end(r->core, true);
	assert_int_equal(units_n, 5);
	assert_int_equal(core_cold_count(r->core).left_n, 0);
	struct count all = { .place = 0 };
	r->see = see_count;
	r->see_arg = &all;
	do {
		const uint64_t from = all.place;
		ask(r, CMD_LIST, &from, 1);
	} while (all.place != 0);
	assert_int_equal(all.n, 5 * CHUNK_N);
	r->see = NULL;
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_list_comes_in_pages_and_ends),
		cmocka_unit_test(one_message_is_removed_for_good),
		cmocka_unit_test(a_lasting_message_is_found_at_another_place),
		cmocka_unit_test(a_transient_one_needs_its_place),
		cmocka_unit_test(what_is_on_its_way_is_listed_until_it_has_come_to_its_end),
		cmocka_unit_test(what_is_on_its_way_is_gone_when_it_is_settled),
		cmocka_unit_test(what_went_for_the_last_time_is_not_cancelled),
		cmocka_unit_test(what_waits_for_the_log_to_go_again_is_cancelled_behind_it),
		cmocka_unit_test(all_are_cancelled_wherever_they_are),
		cmocka_unit_test(those_due_between_two_times_are_cancelled),
		cmocka_unit_test(a_place_is_enough_to_be_cancelled_in_one_life),
		cmocka_unit_test(who_waits_is_told_when_the_keeper_goes),
		cmocka_unit_test(what_is_kept_is_shown_with_when_it_is_due),
		cmocka_unit_test(no_chunk_of_a_keeper_leaves_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
