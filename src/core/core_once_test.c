#include "base/prng.h"
#include "core/core_letter_for_tests.h"

#define Q 7u

static void open_queue(struct rig *r, uint64_t length, enum overflow overflow, bool is_dead)
{
	struct queue_rules rules = rules_none();
	rules.once = 1;
	rules.max_length = length;
	rules.overflow = overflow;
	rules.has_dead_letter_exchange = is_dead;
	rules.dead_letter_exchange = slice_str("x");
	if (is_dead && !r->core->dead_session)
		core_dead_to(r->core, LETTER);
	rig_open(r, Q, QUEUE_DURABLE | QUEUE_ONCE, &rules);
}

static struct rig *rig_with(uint64_t length, enum overflow overflow, bool is_dead)
{
	struct rig *r = rig_new();
	rig_at(r, 1000);
	open_queue(r, length, overflow, is_dead);
	return r;
}

static void publish_until(struct rig *r, uint64_t n, uint8_t flags, uint64_t number,
			  uint64_t expiry_ms)
{
	struct publish_row row = { .mem = rig_message(r, n, 1),
				   .queue = Q,
				   .expiry_ms = expiry_ms,
				   .bytes = RIG_STORED_BYTES,
				   .flags = flags };
	struct run *cmd = (struct run *)(void *)r->cmd_bytes;
	*cmd = rig_head(CMD_PUBLISH, 0, n);
	cmd->n = 1;
	cmd->row_bytes = sizeof row;
	cmd->tail_len = number ? sizeof number : 0;
	memcpy(cmd + 1, &row, sizeof row);
	memcpy((uint8_t *)(cmd + 1) + sizeof row, &number, sizeof number);
	core_admit(r->core, cmd, r->now_ms, &r->now, &r->later, &r->post);
	rig_apply(r);
	rig_effects(r);
	rig_give(r);
}

static void publish(struct rig *r, uint64_t n, uint8_t flags, uint64_t number)
{
	publish_until(r, n, flags | ENTRY_CONFIRM, number, 0);
}

static struct queue *queue(struct rig *r)
{
	return core_find_queue(r->core, Q);
}

static void crash(struct rig *r)
{
	rig_crash(r);
	rig_replay(r, r->core, 0, r->committed);
	open_queue(r, RULE_NONE, OVERFLOW_DROP_HEAD, false);
	rig_at(r, r->now_ms + 1);
}

static void what_is_in_the_queue_is_not_taken_again(void **s)
{
	(void)s;
	struct rig *r = rig_with(RULE_NONE, OVERFLOW_DROP_HEAD, false);
	publish(r, 1, 0, 11);
	publish(r, 2, 0, 11);
	publish(r, 3, 0, 13);
	publish(r, 4, 0, 0);
	publish(r, 5, 0, 0);
	SAY("confirm 1-1 | confirm 2-2 | confirm 3-3 | confirm 4-4 | confirm 5-5");
	assert_int_equal(queue(r)->ready_n, 4);
	assert_true(queue_counted(queue(r))->duplicates == 1 && r->core->count.duplicates == 1);
	rig_free(r);
}

static void a_held_message_is_still_there_and_a_settled_one_is_not(void **s)
{
	(void)s;
	struct rig *r = rig_with(RULE_NONE, OVERFLOW_DROP_HEAD, false);
	rig_subscribe(r, Q, 1, 0, 10);
	SAY("reply 1 OK 0 1");
	publish(r, 1, ENTRY_PERSISTENT, 11);
	rig_commit(r);
	SAY("confirm 1-1 | c1 1");
	publish(r, 2, ENTRY_PERSISTENT, 11);
	SAY("confirm 2-2");
	rig_settle(r, Q, 1, pos_of(1, 0), SETTLE_RELEASE);
	SAY("c1 1r");
	publish(r, 3, ENTRY_PERSISTENT, 11);
	SAY("confirm 3-3");
	rig_settle(r, Q, 1, pos_of(1, 0), SETTLE_ACCEPT);
	publish(r, 4, ENTRY_PERSISTENT, 11); /* before the log knows that the first is gone */
	rig_commit(r);
	SAY("confirm 4-4 | c1 4");
	rig_settle(r, Q, 1, pos_of(2, 0), SETTLE_REJECT);
	publish(r, 5, 0, 11);
	rig_commit(r);
	assert_int_equal(queue(r)->live_n + queue_counted(queue(r))->rejected, 2);
	r->said = text_of(r->said_bytes, sizeof r->said_bytes);
	rig_free(r);
}

static void who_publishes_it_again_hears_of_it_when_the_first_is_safe(void **s)
{
	(void)s;
	struct rig *r = rig_with(RULE_NONE, OVERFLOW_DROP_HEAD, false);
	publish(r, 1, ENTRY_PERSISTENT, 11);
	publish(r, 2, ENTRY_PERSISTENT, 11);
	publish(r, 3, 0, 11);
	SAY("");
	rig_commit(r);
	SAY("confirm 1-3");
	publish(r, 4, ENTRY_PERSISTENT, 11);
	SAY("confirm 4-4");
	rig_free(r);
}

static void what_a_consumer_takes_at_once_has_left(void **s)
{
	(void)s;
	struct rig *r = rig_with(RULE_NONE, OVERFLOW_DROP_HEAD, false);
	rig_subscribe(r, Q, 1, SUBSCRIBE_NO_ACK, CREDIT_NO_LIMIT);
	for (uint64_t n = 1; n <= 3; n++)
		publish(r, n, 0, 11);
	SAY("reply 1 OK 0 1 | c1 1 | confirm 1-1 | c1 2 | confirm 2-2 | c1 3 | confirm 3-3");
	publish(r, 4, ENTRY_PERSISTENT, 11);
	rig_commit(r);
	publish(r, 5, ENTRY_PERSISTENT, 11);
	rig_commit(r);
	SAY("confirm 4-4 | c1 4 | confirm 5-5 | c1 5");
	rig_free(r);
}

static void what_expires_is_purged_or_is_too_much_has_left(void **s)
{
	(void)s;
	struct rig *r = rig_with(2, OVERFLOW_DROP_HEAD, false);
	publish_until(r, 1, 0, 11, 1010);
	rig_at(r, 1010);
	publish_until(r, 2, 0, 11, 0);
	assert_int_equal(queue(r)->ready_n, 1);
	rig_do(r, CMD_PURGE, Q, 4, 0);
	publish_until(r, 3, ENTRY_PERSISTENT, 11, 0);
	publish_until(r, 4, ENTRY_PERSISTENT, 13, 0);
	publish_until(r, 5, ENTRY_PERSISTENT, 15, 0);
	rig_commit(r); /* the third pushes the first out */
	publish_until(r, 6, ENTRY_PERSISTENT, 13, 0);
	publish_until(r, 7, ENTRY_PERSISTENT, 11, 0);
	rig_commit(r);
	assert_true(queue(r)->ready_n == 2 && queue_counted(queue(r))->duplicates == 1);
	r->said = text_of(r->said_bytes, sizeof r->said_bytes);
	rig_free(r);
}

static void what_is_refused_was_never_there(void **s)
{
	(void)s;
	struct rig *r = rig_with(1, OVERFLOW_REJECT, false);
	publish(r, 1, 0, 11);
	publish(r, 2, 0, 13);
	publish(r, 3, 0, 11);
	SAY("confirm 1-1 | refused 2-2 | confirm 3-3");
	rig_do(r, CMD_PURGE, Q, 4, 0);
	publish(r, 4, 0, 13);
	SAY("reply 4 OK 1 0 | confirm 4-4");
	rig_free(r);
}

static void a_dead_letter_may_come_back_before_it_has_gone(void **s)
{
	(void)s;
	struct rig *r = rig_with(RULE_NONE, OVERFLOW_DROP_HEAD, true);
	publish_until(r, 1, ENTRY_PERSISTENT, 11, 1010);
	rig_commit(r);
	rig_at(r, 1010);
	SAY("dead1 1");
	publish(r, 2, ENTRY_PERSISTENT, 11); /* by the session for dead letters, say */
	rig_commit(r);
	SAY("confirm 2-2");
	letter_done(r, Q, 1);
	rig_commit(r);
	publish(r, 3, ENTRY_PERSISTENT, 11);
	SAY("confirm 3-3");
	assert_int_equal(queue(r)->ready_n, 1);
	rig_free(r);
}

/* A crash before the first was settled leaves both, and either keeps others out. */
static void two_of_one_number_are_told_apart(void **s)
{
	(void)s;
	struct rig *r = rig_with(RULE_NONE, OVERFLOW_DROP_HEAD, true);
	publish_until(r, 1, ENTRY_PERSISTENT, 11, 1010);
	rig_commit(r);
	rig_at(r, 1010);
	publish(r, 2, ENTRY_PERSISTENT, 11);
	rig_commit(r);
	rig_crash(r);
	rig_replay(r, r->core, 0, r->committed);
	open_queue(r, RULE_NONE, OVERFLOW_DROP_HEAD, false);
	rig_commit(r); /* the first expires again */
	r->said = text_of(r->said_bytes, sizeof r->said_bytes);
	assert_int_equal(queue_counted(queue(r))->expired, 1);
	publish(r, 3, ENTRY_PERSISTENT, 11);
	SAY("confirm 3-3");
	assert_true(queue(r)->ready_n == 1 && queue_counted(queue(r))->duplicates == 1);
	rig_free(r);
}

static void it_is_known_after_a_crash(void **s)
{
	(void)s;
	struct rig *r = rig_with(RULE_NONE, OVERFLOW_DROP_HEAD, false);
	for (uint64_t n = 1; n <= 600; n++) /* more than a chunk holds */
		publish(r, n, ENTRY_PERSISTENT, 2 * n + 1);
	rig_commit(r);
	crash(r);
	r->said = text_of(r->said_bytes, sizeof r->said_bytes);
	struct digest_sum before = rig_digest(r->core);
	for (uint64_t n = 1; n <= 600; n++)
		publish_until(r, 600 + n, 0, 2 * n + 1, 0);
	SAY("");
	assert_int_equal(queue_counted(queue(r))->duplicates, 600);
	assert_true(digest_eq(before, rig_digest(r->core)));
	rig_do(r, CMD_PURGE, Q, 4, 0);
	rig_commit(r);
	r->said = text_of(r->said_bytes, sizeof r->said_bytes);
	publish(r, 2000, 0, 3);
	assert_int_equal(queue(r)->ready_n, 1);
	SAY("confirm 2000-2000");
	rig_free(r);
}

/* ---- to disk and back --------------------------------------------------------------------- */

#define UNITS 4u

struct units {
	struct unit_key key[UNITS];
	uint8_t bytes[UNITS][CHECKPOINT_UNIT_MAX];
	uint32_t len[UNITS], n;
};

static void a_checkpoint_has_the_numbers(void **s)
{
	static struct units k;
	(void)s;
	struct rig *r = rig_with(RULE_NONE, OVERFLOW_DROP_HEAD, false);
	publish(r, 1, ENTRY_PERSISTENT, 11);
	publish(r, 2, ENTRY_PERSISTENT, 0);
	publish(r, 3, ENTRY_PERSISTENT, 13);
	rig_commit(r);
	struct digest_sum before = rig_digest(r->core);
	core_checkpoint_begin(r->core);
	while (core_checkpoint_next(r->core, &k.key[k.n], k.bytes[k.n], CHECKPOINT_UNIT_MAX,
				    &k.len[k.n]))
		must(++k.n < UNITS);
	core_checkpoint_end(r->core, true);
	rig_crash(r);
	for (uint32_t i = k.n; i-- > 0;)
		assert_int_equal(core_restore(r->core, k.key[i], slice_of(k.bytes[i], k.len[i])),
				 ERR_OK);
	assert_int_equal(core_restored(r->core), ERR_OK);
	assert_true(digest_eq(before, rig_digest(r->core)));
	open_queue(r, RULE_NONE, OVERFLOW_DROP_HEAD, false);
	r->said = text_of(r->said_bytes, sizeof r->said_bytes);
	publish(r, 4, 0, 11);
	publish(r, 5, 0, 13);
	publish(r, 6, 0, 15);
	assert_true(queue(r)->ready_n == 4 && queue_counted(queue(r))->duplicates == 2);
	SAY("confirm 4-4 | confirm 5-5 | confirm 6-6");
	rig_free(r);
}

/* ---- at random ---------------------------------------------------------------------------- */

#define NUMBERS 12u

struct walk {
	struct rig *rig;
	struct prng p;
	uint64_t next;
	uint64_t held[64];
	uint32_t held_n, there; /* bits: numbers that are in the queue */
};

static void heard(struct rig *r, const struct rig_fx *f)
{
	struct walk *w = r->see_arg;
	if (!f || f->run.kind != FX_DELIVER)
		return;
	must(w->held_n < 64);
	w->held[w->held_n++] = f->deliver.pos;
}

static uint32_t number_at(struct walk *w, uint64_t pos)
{
	const struct chunk *k = queue_chunk(queue(w->rig), pos_chunk(pos));
	must(k && k->once);
	return (uint32_t)(k->once[pos_slot(pos)] & 0xff) / 2;
}

static void walk_publish(struct walk *w)
{
	uint32_t i = (uint32_t)prng_below(&w->p, NUMBERS);
	uint64_t before = queue_counted(queue(w->rig))->duplicates;
	bool is_there = w->there >> i & 1;
	uint8_t flags = prng_below(&w->p, 3) ? ENTRY_PERSISTENT : 0;
	publish(w->rig, ++w->next, flags, 2 * i + 1);
	must((queue_counted(queue(w->rig))->duplicates > before) == is_there);
	w->there |= 1u << i;
}

static void walk_settle(struct walk *w)
{
	if (w->held_n == 0)
		return;
	uint32_t at = (uint32_t)prng_below(&w->p, w->held_n);
	uint64_t pos = w->held[at];
	enum settle how = (enum settle)prng_below(&w->p, 3);
	w->held[at] = w->held[--w->held_n];
	if (how != SETTLE_RELEASE)
		w->there &= ~(1u << number_at(w, pos));
	rig_settle(w->rig, Q, 1, pos, how);
}

/* What is not in the log is gone, and nobody holds anything. */
static void walk_crash(struct walk *w)
{
	const struct chunk *k = NULL;
	rig_commit(w->rig);
	w->rig->see = NULL;
	crash(w->rig);
	w->rig->said = text_of(w->rig->said_bytes, sizeof w->rig->said_bytes);
	w->held_n = w->there = 0;
	while ((k = queue_next_used(queue(w->rig), k ? k->number + 1 : 0)) != NULL)
		for (uint32_t i = 0; i < k->used; i++)
			if (bits_test(k->live, i))
				w->there |= 1u << number_at(w, pos_of(k->number, i));
	w->rig->see = heard;
	rig_subscribe(w->rig, Q, 1, 0, 5);
}

static void whatever_happens_none_is_there_twice(void **s)
{
	(void)s;
	for (uint64_t seed = 1; seed <= 30; seed++) {
		struct walk w = { .rig = rig_with(RULE_NONE, OVERFLOW_DROP_HEAD, false),
				  .p = prng_of(seed) };
		w.rig->see = heard;
		w.rig->see_arg = &w;
		rig_subscribe(w.rig, Q, 1, 0, 5);
		for (uint32_t i = 0; i < 400; i++) {
			uint64_t what = prng_below(&w.p, 20);
			if (what < 10)
				walk_publish(&w);
			else if (what < 17)
				walk_settle(&w);
			else if (what < 19)
				rig_commit(w.rig);
			else if (prng_below(&w.p, 4) == 0)
				walk_crash(&w);
			core_check(w.rig->core);
		}
		rig_commit(w.rig);
		assert_true(queue(w.rig)->live_n <= NUMBERS);
		rig_free(w.rig);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_in_the_queue_is_not_taken_again),
		cmocka_unit_test(a_held_message_is_still_there_and_a_settled_one_is_not),
		cmocka_unit_test(who_publishes_it_again_hears_of_it_when_the_first_is_safe),
		cmocka_unit_test(what_a_consumer_takes_at_once_has_left),
		cmocka_unit_test(what_expires_is_purged_or_is_too_much_has_left),
		cmocka_unit_test(what_is_refused_was_never_there),
		cmocka_unit_test(a_dead_letter_may_come_back_before_it_has_gone),
		cmocka_unit_test(two_of_one_number_are_told_apart),
		cmocka_unit_test(it_is_known_after_a_crash),
		cmocka_unit_test(a_checkpoint_has_the_numbers),
		cmocka_unit_test(whatever_happens_none_is_there_twice),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
