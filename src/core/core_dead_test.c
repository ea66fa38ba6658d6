#include "core/core_letter_for_tests.h"
#include "core/rules.h"

#define Q 7u

/* What the session for dead letters was told of: the positions, in order. */
struct told {
	uint64_t pos[4 * LIMIT_DEAD_LETTERS];
	uint32_t n, row_n;
	uint8_t reason;
};

static void see_dead(struct rig *r, const struct rig_fx *fx)
{
	struct told *t = r->see_arg;
	if (!fx || fx->run.kind != FX_DEAD_LETTER)
		return;
	assert_int_equal(fx->run.session, LETTER);
	assert_int_equal(fx->run.queue, Q);
	t->reason = fx->run.flags;
	t->pos[t->n++] = fx->deliver.pos;
}

/* A queue whose dead letters go somewhere, or (has = false) do not. */
static void open_queue(struct rig *r, uint8_t flags, bool has)
{
	struct queue_rules rules = rules_none();
	rules.has_dead_letter_exchange = has;
	rig_open(r, Q, flags, &rules);
}

static struct rig *new_rig(uint8_t flags, bool has)
{
	struct rig *r = rig_new();
	core_dead_to(r->core, LETTER);
	open_queue(r, flags, has);
	return r;
}

static void reject(struct rig *r, uint64_t n)
{
	rig_settle(r, Q, 5, pos_nth(n), SETTLE_REJECT);
}

/* Consumer 5 has got two transient messages, or one, and rejects the first. */
static struct rig *rejected_rig(bool has, uint32_t n)
{
	struct rig *r = new_rig(0, has);
	rig_subscribe(r, Q, 5, 0, 10);
	rig_publish(r, Q, 1, n, 0);
	reject(r, 1);
	return r;
}

static void the_first_is_done(struct rig *r)
{
	letter_done(r, Q, 1);
}

static void a_rejected_message_is_kept_until_its_dead_letter_is_safe(void **s)
{
	(void)s;
	struct rig *r = new_rig(QUEUE_DURABLE, true);
	rig_subscribe(r, Q, 5, 0, 10);
	rig_publish(r, Q, 1, 2, ENTRY_PERSISTENT);
	rig_commit(r);
	SAY("reply 5 OK 0 1 | c5 1 | c5 2");
	reject(r, 1);
	SAY("dead0 1");
	rig_commit(r);
	assert_true(r->live_bytes == 2 * RIG_STORED_BYTES);
	the_first_is_done(r);
	rig_commit(r);
	SAY("");
	assert_true(r->live_bytes == RIG_STORED_BYTES);
	rig_free(r);
}

static void a_transient_message_is_too(void **s)
{
	(void)s;
	struct rig *r = rejected_rig(true, 1);
	SAY("reply 5 OK 0 1 | c5 1 | dead0 1");
	struct queue *q = core_find_queue(r->core, Q);
	assert_int_equal(q->live_n, 1);
	the_first_is_done(r);
	assert_int_equal(q->live_n, 0);
	SAY("");
	rig_free(r);
}

static void without_a_place_for_dead_letters_it_is_gone(void **s)
{
	(void)s;
	struct rig *r = rejected_rig(false, 1);
	SAY("reply 5 OK 0 1 | c5 1");
	assert_int_equal(core_find_queue(r->core, Q)->live_n, 0);
	rig_free(r);
}

static void what_is_buried_is_nowhere_lost(void **s)
{
	(void)s;
	struct rig *r = new_rig(QUEUE_DURABLE, false);
	rig_subscribe(r, Q, 5, 0, 1);
	rig_publish(r, Q, 1, 2, ENTRY_PERSISTENT);
	rig_commit(r);
	SAY("reply 5 OK 0 1 | c5 1");
	rig_settle(r, Q, 5, pos_nth(1), SETTLE_BURY);
	SAY("c5 2 | dead4 1");
	assert_int_equal(core_find_queue(r->core, Q)->live_n, 2);
	reject(r, 2); /* of which nobody has said that it is to stay */
	rig_commit(r);
	assert_int_equal(core_find_queue(r->core, Q)->live_n, 1);
	the_first_is_done(r);
	rig_commit(r);
	SAY("");
	assert_int_equal(core_find_queue(r->core, Q)->live_n, 0);
	assert_null(core_find_queue(r->core, Q)->has->dead);
	assert_true(r->live_bytes == 0);
	rig_free(r);
}

static void what_is_buried_goes_where_its_queue_says(void **s)
{
	(void)s;
	struct rig *r = new_rig(0, true);
	rig_subscribe(r, Q, 5, 0, 10);
	rig_publish(r, Q, 1, 1, 0);
	SAY("reply 5 OK 0 1 | c5 1");
	rig_settle(r, Q, 5, pos_nth(1), SETTLE_BURY);
	SAY("dead0 1");
	the_first_is_done(r);
	assert_int_equal(core_find_queue(r->core, Q)->live_n, 0);
	rig_free(r);
}

static void who_has_rejected_a_message_has_no_more_say_in_it(void **s)
{
	(void)s;
	struct rig *r = new_rig(0, true);
	rig_subscribe(r, Q, 5, 0, 1);
	rig_publish(r, Q, 1, 2, 0);
	SAY("reply 5 OK 0 1 | c5 1");
	reject(r, 1);
	SAY("c5 2 | dead0 1");
	rig_settle(r, Q, 5, pos_nth(1), SETTLE_RELEASE);
	reject(r, 1);
	rig_do(r, CMD_PURGE, Q, 3, 0);
	SAY("reply 3 OK 0 0");
	the_first_is_done(r);
	SAY("");
	rig_free(r);
}

static void a_crash_brings_it_back(void **s)
{
	(void)s;
	struct rig *r = new_rig(QUEUE_DURABLE, true);
	rig_subscribe(r, Q, 5, 0, 10);
	rig_publish(r, Q, 1, 1, ENTRY_PERSISTENT);
	rig_commit(r);
	reject(r, 1);
	rig_commit(r);
	SAY("reply 5 OK 0 1 | c5 1 | dead0 1");
	rig_crash(r);
	core_dead_to(r->core, LETTER);
	rig_replay(r, r->core, 0, r->committed);
	open_queue(r, QUEUE_DURABLE, true);
	rig_subscribe(r, Q, 5, 0, 10);
	rig_commit(r);
	SAY("reply 5 OK 1 1 | c5 1r");
	rig_free(r);
}

static void no_more_are_under_way_than_the_limit(void **s)
{
	(void)s;
	struct rig *r = new_rig(0, true);
	struct told t = { .n = 0 };
	const uint32_t more = 10, n = LIMIT_DEAD_LETTERS + more;
	rig_subscribe(r, Q, 5, 0, CREDIT_NO_LIMIT);
	for (uint32_t i = 0; i < n; i += 2)
		rig_publish(r, Q, i + 1, 2, 0);
	r->said = text_of(r->said_bytes, sizeof r->said_bytes);
	r->see = see_dead;
	r->see_arg = &t;
	for (uint32_t i = 1; i <= n; i++)
		reject(r, i);
	assert_int_equal(t.n, LIMIT_DEAD_LETTERS);
	assert_int_equal(core_dead_room(core_find_queue(r->core, Q)), 0);
	letters_done(r, Q, t.pos, 4);
	assert_int_equal(t.n, LIMIT_DEAD_LETTERS + 4);
	letters_done(r, Q, t.pos + 4, t.n - 4);
	assert_int_equal(t.n, n);
	letters_done(r, Q, t.pos + LIMIT_DEAD_LETTERS + 4, more - 4);
	for (uint32_t i = 0; i < n; i++)
		assert_int_equal(t.pos[i], pos_nth(i + 1));
	assert_int_equal(core_find_queue(r->core, Q)->live_n, 0);
	r->see = NULL;
	rig_free(r);
}

/* Full: LIMIT_DEAD_LETTERS of them are under way. Gives their positions. */
static void fill(struct rig *r, struct told *t)
{
	rig_subscribe(r, Q, 5, 0, CREDIT_NO_LIMIT);
	for (uint32_t i = 0; i < LIMIT_DEAD_LETTERS; i += 2)
		rig_publish(r, Q, i + 1, 2, 0);
	r->see = see_dead;
	r->see_arg = t;
	for (uint32_t i = 1; i <= LIMIT_DEAD_LETTERS; i++)
		reject(r, i);
	r->see = NULL;
	assert_int_equal(core_dead_room(core_find_queue(r->core, Q)), 0);
	rig_do(r, CMD_UNSUBSCRIBE, Q, 5, 0);
	r->said = text_of(r->said_bytes, sizeof r->said_bytes);
}

static void who_publishes_beyond_the_limit_waits(void **s)
{
	(void)s;
	struct rig *r = new_rig(QUEUE_DURABLE, true);
	struct told t = { .n = 0 };
	fill(r, &t);
	rig_publish(r, Q, 5001, 2, ENTRY_CONFIRM);
	rig_publish(r, Q, 5003, 1, ENTRY_CONFIRM | ENTRY_PERSISTENT);
	rig_commit(r);
	SAY("");
	letters_done(r, Q, t.pos, 1);
	SAY("confirm 5001-5003");
	rig_publish(r, Q, 5004, 1, ENTRY_CONFIRM);
	SAY("confirm 5004-5004");
	rig_free(r);
}

static void who_waits_is_told_when_the_rule_or_the_queue_goes(void **s)
{
	(void)s;
	for (int drops = 0; drops < 2; drops++) {
		struct rig *r = new_rig(0, true);
		struct told t = { .n = 0 };
		fill(r, &t);
		rig_publish(r, Q, 5001, 2, ENTRY_CONFIRM);
		rig_commit(r);
		SAY("");
		if (drops)
			rig_do(r, CMD_QUEUE_DROP, Q, 8, 0);
		else
			open_queue(r, 0, false);
		SAY(drops ? "confirm 5001-5002 | reply 8 OK 2 0" : "confirm 5001-5002");
		rig_free(r);
	}
}

static void a_queue_that_is_dropped_forgets_its_dead_letters(void **s)
{
	(void)s;
	struct rig *r = rejected_rig(true, 1);
	SAY("reply 5 OK 0 1 | c5 1 | dead0 1");
	rig_do(r, CMD_QUEUE_DROP, Q, 4, 0);
	SAY("cancelled 5 | reply 4 OK 0 0");
	the_first_is_done(r);
	SAY("");
	rig_free(r);
}

static void what_is_under_way_ends_as_it_began_when_the_rule_goes(void **s)
{
	(void)s;
	struct rig *r = rejected_rig(true, 2);
	open_queue(r, 0, false);
	reject(r, 2);
	SAY("reply 5 OK 0 1 | c5 1 | c5 2 | dead0 1");
	struct queue *q = core_find_queue(r->core, Q);
	assert_int_equal(q->live_n, 1);
	the_first_is_done(r);
	assert_null(q->has->dead);
	assert_int_equal(q->live_n, 0);
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_rejected_message_is_kept_until_its_dead_letter_is_safe),
		cmocka_unit_test(a_transient_message_is_too),
		cmocka_unit_test(without_a_place_for_dead_letters_it_is_gone),
		cmocka_unit_test(what_is_buried_is_nowhere_lost),
		cmocka_unit_test(what_is_buried_goes_where_its_queue_says),
		cmocka_unit_test(who_has_rejected_a_message_has_no_more_say_in_it),
		cmocka_unit_test(a_crash_brings_it_back),
		cmocka_unit_test(no_more_are_under_way_than_the_limit),
		cmocka_unit_test(who_publishes_beyond_the_limit_waits),
		cmocka_unit_test(who_waits_is_told_when_the_rule_or_the_queue_goes),
		cmocka_unit_test(a_queue_that_is_dropped_forgets_its_dead_letters),
		cmocka_unit_test(what_is_under_way_ends_as_it_began_when_the_rule_goes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
