/* How far give marks run ahead of what is given. */
#include "core/core_letter_for_tests.h"
#include "core/core_replay_for_tests.h"

#define Q      7u
#define RECORD 256u

/* What the only consumer was given. */
struct taken {
	uint64_t n, redelivered_n;
};

static void count(struct rig *r, const struct rig_fx *f)
{
	struct taken *t = r->see_arg;
	if (!f || f->run.kind != FX_DELIVER)
		return;
	t->n++;
	t->redelivered_n += (f->deliver.flags & ENTRY_REDELIVERED) != 0;
}

static struct rig *new_backlog(struct taken *t, uint32_t n)
{
	struct rig *r = rig_new();
	r->see = count;
	r->see_arg = t;
	rig_do(r, CMD_QUEUE_OPEN, Q, 0, QUEUE_DURABLE);
	for (uint32_t at = 0; at < n; at += RECORD) {
		rig_publish(r, Q, at + 1, RECORD, ENTRY_PERSISTENT);
		rig_commit(r);
	}
	return r;
}

/* What the log was asked for by now is safe. */
static void sync_once(struct rig *r)
{
	rig_propose(r);
	rig_commit_to(r, r->proposed);
}

static void accept(struct rig *r, uint64_t first, uint32_t n)
{
	struct settle_row row[RECORD];
	assert_true(n <= RECORD);
	for (uint32_t i = 0; i < n; i++)
		row[i] = (struct settle_row){ .pos = pos_nth(first + i), .how = SETTLE_ACCEPT };
	rig_admit(r, rig_head(CMD_SETTLE, Q, 9), row, sizeof row[0], n);
	rig_give(r);
}

static uint64_t redelivered_after_a_crash(struct rig *r, struct taken *t)
{
	sync_once(r);
	rig_crash(r);
	rig_replay(r, r->core, 0, r->committed);
	*t = (struct taken){ 0 };
	rig_subscribe(r, Q, 9, 0, CREDIT_NO_LIMIT);
	rig_commit(r);
	return t->redelivered_n;
}

static void who_takes_all_waits_for_ever_fewer_syncs(void **state)
{
	(void)state;
	const uint32_t n = 320 * RECORD;
	struct taken t = { 0 };
	uint32_t syncs = 0;
	struct rig *r = new_backlog(&t, n);
	rig_subscribe(r, Q, 9, 0, CREDIT_NO_LIMIT);
	for (; t.n < n; syncs++)
		sync_once(r);
	assert_true(syncs <= 16); /* with marks that stay as far ahead: 40 */
	rig_free(r);
}

static void who_need_not_wait_may_have_got_little_more(void **state)
{
	(void)state;
	struct taken t = { 0 };
	struct rig *r = new_backlog(&t, 80 * RECORD);
	rig_subscribe(r, Q, 9, 0, RECORD);
	sync_once(r);
	for (uint64_t first = 1; first <= 40 * RECORD; first += RECORD) {
		assert_int_equal(t.n, first - 1 + RECORD);
		accept(r, first, RECORD);
		sync_once(r);
	}
	uint64_t n = redelivered_after_a_crash(r, &t);
	assert_true(n >= RECORD && n <= LIMIT_GIVE_MARK_AHEAD + LIMIT_CHUNK_ENTRIES);
	rig_free(r);
}

static void it_has_an_end(void **state)
{
	(void)state;
	const uint32_t taken_n = 600 * RECORD;
	struct taken t = { 0 };
	struct rig *r = new_backlog(&t, 1000 * RECORD);
	rig_subscribe(r, Q, 9, 0, taken_n);
	while (t.n < taken_n)
		sync_once(r);
	uint64_t n = redelivered_after_a_crash(r, &t);
	assert_true(n > taken_n + LIMIT_GIVE_MARK_AHEAD);
	assert_true(n <= taken_n + LIMIT_GIVE_MARK_AHEAD_MAX + LIMIT_CHUNK_ENTRIES);
	assert_int_equal(t.n, 1000 * RECORD);
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_takes_all_waits_for_ever_fewer_syncs),
		cmocka_unit_test(who_need_not_wait_may_have_got_little_more),
		cmocka_unit_test(it_has_an_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
