#include "core/core_for_tests.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_list_comes_in_pages_and_ends),
		cmocka_unit_test(one_message_is_removed_for_good),
		cmocka_unit_test(a_lasting_message_is_found_at_another_place),
		cmocka_unit_test(a_transient_one_needs_its_place),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
