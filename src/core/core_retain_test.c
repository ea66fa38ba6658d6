#include "core/core_retain_for_tests.h"

#include "base/prng.h"
#include "msg/big.h"

/* ---- in and out -------------------------------------------------------------------------- */

static void the_last_message_of_a_key_takes_the_place_of_the_one_before(void **s)
{
	(void)s;
	struct rig *r = retain_rig();
	retain_keep(r, 1, "a.b");
	SAY("");
	rig_commit(r);
	SAY("confirm 1-1");
	int64_t one = r->live_bytes;
	retain_keep(r, 2, "a.c");
	retain_keep(r, 3, "a.b");
	rig_commit(r);
	SAY("confirm 2-3");
	assert_int_equal(r->live_bytes, 2 * one);
	retain_find(r, "a.*");
	SAY("found 3 | found 2 | reply 5 OK 2 1");
	retain_find(r, "a.c");
	SAY("found 2 | reply 5 OK 1 1");
	retain_find(r, "b.#");
	SAY("reply 5 OK 0 1");
	rig_free(r);
}

static void an_empty_message_forgets_the_key_and_is_confirmed_when_that_is_sure(void **s)
{
	(void)s;
	struct rig *r = retain_rig();
	retain_keep(r, 1, "a");
	retain_keep(r, 2, "b");
	rig_commit(r);
	SAY("confirm 1-2");
	retain_keep(r, 0, "a");
	SAY("");
	rig_commit(r);
	SAY("confirm 0-0");
	retain_find(r, "#");
	SAY("found 2 | reply 5 OK 1 1");
	retain_keep(r, 0, "nobody"); /* there is nothing to wait for */
	SAY("confirm 0-0");
	retain_keep(r, 0, "b");
	rig_commit(r);
	SAY("confirm 0-0");
	assert_int_equal(r->live_bytes, 0);
	assert_int_equal(core_retain_n(core_find_queue(r->core, Q)), 0);
	rig_free(r);
}

static void numbers_tell_keys_with_equal_words_apart(void **s)
{
	(void)s;
	struct rig *r = retain_rig();
	retain_until(r, 1, "a.b", retain_expiry(0, 0));
	retain_until(r, 2, "a.b", retain_expiry(0, 77));
	retain_until(r, 3, "a.b", retain_expiry(0, STREAM_TAG_MAX));
	retain_until(r, 4, "a.b", retain_expiry(0, 77));
	rig_commit(r);
	retain_find(r, "a.b");
	SAY("confirm 1-4 | found 1 | reply 5 OK 1 1");
	retain_find_as(r, FIND_NUMBERED, "a.#", 100, NULL);
	SAY("found 4 | found 3 | reply 5 OK 2 1");
	retain_until(r, 0, "a.b", retain_expiry(0, 77));
	rig_commit(r);
	retain_find_as(r, FIND_NUMBERED, "#", 100, NULL);
	retain_find(r, "#");
	SAY("confirm 0-0 | found 3 | reply 5 OK 1 1 | found 1 | reply 5 OK 1 1");
	rig_free(r);
}

static void a_search_comes_behind_what_was_published_before(void **s)
{
	(void)s;
	struct rig *r = retain_rig();
	retain_keep(r, 1, "a");
	retain_find(r, "#");
	SAY("");
	rig_commit(r);
	SAY("confirm 1-1 | found 1 | reply 5 OK 1 1");
	retain_keep(r, 0, "a");
	retain_find(r, "#");
	SAY("");
	rig_commit(r);
	SAY("confirm 0-0 | reply 5 OK 0 1");
	rig_free(r);
}

static void who_asks_a_queue_that_is_none_finds_nothing(void **s)
{
	(void)s;
	struct rig *r = rig_new();
	retain_find(r, "#");
	SAY("reply 5 NOT_FOUND 0 0");
	rig_do(r, CMD_QUEUE_OPEN, Q, 1, QUEUE_DURABLE);
	retain_find(r, "#");
	SAY("reply 1 OK 0 0 | reply 5 NOT_FOUND 0 0");
	rig_free(r);
}

/* ---- windows ----------------------------------------------------------------------------- */

struct seen {
	struct retain_window next;
	uint32_t n, last;
	bool is_end;
};

static void see(struct rig *r, const struct rig_fx *fx)
{
	struct seen *v = r->see_arg;
	if (fx && fx->run.kind == FX_DELIVER) {
		must(fx->number > v->last); /* in the order of their keys, here */
		v->last = (uint32_t)fx->number;
		v->n++;
	}
	if (fx && fx->run.kind == FX_REPLY)
		v->is_end = fx->reply.b;
}

/* The tail of an answer is not among what rigs show: it is the last key that was given. */
static void after(struct seen *v, const char *key)
{
	struct retain_cursor at = { .number = 1, .words_n = (uint32_t)strlen(key) };
	retain_fold(slice_str(key), at.words);
	v->next.at_n = retain_cursor_put(&at, v->next.at);
}

static void many_come_in_windows_and_changes_between_do_no_harm(void **s)
{
	(void)s;
	struct rig *r = retain_rig();
	struct seen v = { 0 };
	char key[16];
	for (uint32_t i = 1; i <= 500; i++) {
		snprintf(key, sizeof key, "k.%03u", i);
		retain_keep(r, i, key);
	}
	rig_commit(r);
	r->see = see;
	r->see_arg = &v;
	retain_find_from(r, "k.*", 1000, NULL);
	assert_int_equal(v.n, LIMIT_RUN_ROWS_MAX);
	assert_false(v.is_end);
	after(&v, "k.256");
	retain_keep(r, 0, "k.256");
	retain_keep(r, 0, "k.257");
	rig_commit(r);
	retain_find_from(r, "k.*", 40, &v.next);
	assert_int_equal(v.n, LIMIT_RUN_ROWS_MAX + 40);
	assert_int_equal(v.last, 297);
	after(&v, "k.297");
	retain_find_from(r, "k.*", 1000, &v.next);
	assert_int_equal(v.last, 500);
	assert_int_equal(v.n, 499);
	assert_true(v.is_end);
	rig_free(r);
}

/* ---- limits ------------------------------------------------------------------------------ */

static void what_does_not_fit_is_refused(void **s)
{
	(void)s;
	struct rig *r = retain_rig();
	core_retain_limit(r->core, 2, UINT64_MAX);
	retain_keep(r, 1, "a");
	retain_keep(r, 2, "b");
	SAY("");
	retain_keep(r, 3, "c"); /* what waits for the log counts */
	SAY("refused 3-3");
	rig_commit(r);
	SAY("confirm 1-2");
	retain_keep(r, 4, "a"); /* it has its place */
	retain_keep(r, 5, "a");
	retain_keep(r, 6, "c");
	SAY("refused 6-6");
	rig_commit(r);
	retain_keep(r, 0, "b");
	retain_keep(r, 7, "c");
	SAY("confirm 4-5 | refused 7-7");
	rig_commit(r);
	retain_keep(r, 8, "c");
	rig_commit(r);
	retain_find(r, "#");
	SAY("confirm 0-0 | confirm 8-8 | found 5 | found 8 | reply 5 OK 2 1");
	assert_int_equal(queue_counted(core_find_queue(r->core, Q))->refused, 3);
	rig_free(r);
}

static void bytes_are_bounded_too(void **s)
{
	(void)s;
	struct rig *r = retain_rig();
	retain_keep(r, 1, "a");
	rig_commit(r);
	uint64_t one = retain_store(r)->bytes;
	core_retain_limit(r->core, 100, 2 * one);
	retain_keep(r, 2, "b");
	retain_keep(r, 3, "a");
	retain_keep(r, 4, "c");
	rig_commit(r);
	SAY("confirm 1-1 | refused 4-4 | confirm 2-3");
	retain_until(r, 5, "a.longer.key", 0);
	SAY("refused 5-5");
	assert_int_equal(retain_store(r)->bytes, 2 * one);
	rig_free(r);
}

/* One whose body is in so many pieces, for ever; what lies before the list has `more` bytes. */
static void keep_big(struct rig *r, uint64_t number, const char *key, uint32_t pieces_n,
		     uint32_t more)
{
	const uint32_t route_n = 2 + (uint32_t)strlen(key), list_n = pieces_n * BIG_ROW_BYTES;
	struct block *b = block_take(&r->home, route_n + more + list_n);
	const uint32_t at = b->fill;
	struct wr w = wr_of((uint8_t *)b + at, route_n + more + list_n);
	wr_str8(&w, SLICE_EMPTY);
	wr_str8(&w, slice_str(key));
	wr_zeros(&w, more + list_n);
	b->fill += (uint32_t)w.n;
	struct msg *m = msg_new(b, &(struct msg){ .route_off = at,
						  .route_len = (uint16_t)route_n,
						  .props_off = at + route_n,
						  .props_len = more,
						  .body_off = at + route_n + more,
						  .body_bytes = list_n,
						  .proto = MSG_CHUNKS });
	for (uint32_t i = 0; i < pieces_n; i++)
		big_put((uint8_t *)b + m->body_off, i, (struct big_chunk){ number, 20 });
	struct publish_row row = { .mem = msg_mem(m),
				   .queue = Q,
				   .bytes = msg_stored_bytes(m),
				   .flags = ENTRY_PERSISTENT | ENTRY_BIG | ENTRY_CONFIRM };
	block_give(b, 1);
	block_close(b);
	rig_admit(r, rig_head(CMD_PUBLISH, 0, number), &row, sizeof row, 1);
	rig_give(r);
}

static void a_big_body_counts_in_whole_pieces_before_and_behind_a_crash(void **s)
{
	(void)s;
	struct rig *r = retain_rig();
	core_retain_limit(r->core, 100, 6 * LIMIT_CHUNK_BYTES);
	keep_big(r, 1, "a", 3, 0);
	keep_big(r, 2, "b", 3, 0); /* what waits for the log counts */
	SAY("refused 2-2");
	keep_big(r, 3, "b", 2, 100000);
	rig_commit(r);
	keep_big(r, 5, "c", 1, 0);
	keep_big(r, 6, "a", 3, 0); /* not longer than the one before */
	SAY("confirm 1-1 | confirm 3-3 | refused 5-5");
	rig_commit(r);
	SAY("confirm 6-6");
	const uint64_t bytes = retain_store(r)->bytes, n = r->proposed;
	assert_true(bytes > 5 * LIMIT_CHUNK_BYTES && bytes < 6 * LIMIT_CHUNK_BYTES);
	core_check(r->core);
	rig_crash(r);
	rig_replay(r, r->core, 0, n);
	core_check(r->core);
	assert_int_equal(retain_store(r)->bytes, bytes);
	struct live_walk at = { 0 };
	struct freed one;
	must(core_live_next(r->core, &at, &one) && one.flags & ENTRY_BIG);
	core_retain_pieces(r->core, at.queue, at.id, 1); /* as of a checkpoint */
	core_retain_pieces(r->core, at.queue, at.id + 100, 1);
	core_retain_pieces(r->core, Q + 1, at.id, 1);
	core_check(r->core);
	assert_int_equal(retain_store(r)->bytes, bytes - 2 * LIMIT_CHUNK_BYTES);
	rig_free(r);
}

/* Whatever comes in whatever order, and whenever it is committed. */
static void a_bound_is_never_passed(void **s)
{
	(void)s;
	struct rig *r = retain_rig();
	struct prng p = prng_of(3);
	core_retain_limit(r->core, 5, 5 * 30);
	for (uint32_t i = 1; i < 5000; i++) {
		char key[24];
		snprintf(key, sizeof key, "%.*s%u", (int)prng_below(&p, 10), "longerkeys",
			 (unsigned)prng_below(&p, 9));
		retain_keep(r, prng_below(&p, 4) ? i : 0, key);
		if (prng_below(&p, 3) == 0) {
			rig_propose(r);
			rig_commit_to(r, r->committed +
						 prng_below(&p, r->proposed - r->committed + 1));
		}
		assert_true(retain_store(r)->r.n <= 5 && retain_store(r)->bytes <= 5 * 30);
		r->said = text_of(r->said_bytes, sizeof r->said_bytes);
	}
	rig_commit(r);
	core_check(r->core);
	assert_int_equal((uint64_t)r->live_bytes, retain_store(r)->bytes);
	assert_true(queue_counted(core_find_queue(r->core, Q))->refused > 500);
	rig_free(r);
}

/* ---- time -------------------------------------------------------------------------------- */

static void what_has_expired_is_found_no_more_and_goes(void **s)
{
	(void)s;
	struct rig *r = retain_rig();
	retain_until(r, 1, "a", retain_expiry(1500, 0));
	retain_until(r, 2, "b", retain_expiry(1600, 0));
	retain_keep(r, 3, "c");
	rig_commit(r);
	retain_find(r, "#");
	SAY("confirm 1-3 | "
	    "found 1 | found 2 | found 3 | reply 5 OK 3 1");
	assert_int_equal(core_deadline(r->core) <= 1500, 1);
	r->now_ms = 1500;
	retain_find(r, "#"); /* its end is decided, and waits for the log */
	SAY("found 2 | found 3 | reply 5 OK 2 1");
	assert_int_equal(retain_store(r)->r.n, 3);
	rig_commit(r);
	assert_int_equal(retain_store(r)->r.n, 2);
	rig_at(r, 1600);
	rig_commit(r);
	retain_find(r, "#");
	SAY("found 3 | reply 5 OK 1 1");
	assert_int_equal(retain_store(r)->r.n, 1);
	assert_int_equal(queue_counted(core_find_queue(r->core, Q))->expired, 2);
	rig_free(r);
}

static void a_time_too_far_away_to_be_said_is_far_away(void **s)
{
	(void)s;
	struct rig *r = retain_rig();
	retain_until(r, 1, "a", retain_expiry((UINT64_C(1) << STREAM_TIME_BITS) + 5, 77));
	retain_until(r, 2, "b", retain_expiry(UINT64_MAX, STREAM_TAG_MAX));
	rig_commit(r);
	rig_at(r, 1000000);
	retain_find_as(r, FIND_NUMBERED, "#", 100, NULL);
	SAY("confirm 1-2 | found 1 | found 2 | reply 5 OK 2 1");
	retain_until(r, 0, "b", retain_expiry(UINT64_MAX, STREAM_TAG_MAX));
	rig_commit(r);
	assert_int_equal(retain_store(r)->r.n, 1);
	rig_free(r);
}

static void time_ends_only_what_it_has_met(void **s)
{
	(void)s;
	struct rig *r = retain_rig();
	retain_until(r, 1, "a", retain_expiry(1500, 0));
	rig_commit(r);
	retain_keep(r, 2, "a"); /* is on its way to the log when the first one expires */
	rig_propose(r);
	rig_at(r, 1500);
	rig_commit(r);
	retain_find(r, "#");
	SAY("confirm 1-1 | confirm 2-2 | found 2 | reply 5 OK 1 1");
	retain_until(r, 3, "a", retain_expiry(1700, 0));
	rig_commit(r);
	rig_at(r, 1700);
	rig_commit(r);
	retain_find(r, "#");
	SAY("confirm 3-3 | reply 5 OK 0 1");
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_last_message_of_a_key_takes_the_place_of_the_one_before),
		cmocka_unit_test(
			an_empty_message_forgets_the_key_and_is_confirmed_when_that_is_sure),
		cmocka_unit_test(numbers_tell_keys_with_equal_words_apart),
		cmocka_unit_test(a_search_comes_behind_what_was_published_before),
		cmocka_unit_test(who_asks_a_queue_that_is_none_finds_nothing),
		cmocka_unit_test(many_come_in_windows_and_changes_between_do_no_harm),
		cmocka_unit_test(what_does_not_fit_is_refused),
		cmocka_unit_test(bytes_are_bounded_too),
		cmocka_unit_test(a_big_body_counts_in_whole_pieces_before_and_behind_a_crash),
		cmocka_unit_test(a_bound_is_never_passed),
		cmocka_unit_test(what_has_expired_is_found_no_more_and_goes),
		cmocka_unit_test(a_time_too_far_away_to_be_said_is_far_away),
		cmocka_unit_test(time_ends_only_what_it_has_met),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
