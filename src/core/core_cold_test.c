#include "core/core_cold_for_tests.h"

static void see_in_order(struct rig *r, const struct rig_fx *fx)
{
	uint64_t *last = r->see_arg;
	if (fx && fx->run.kind == FX_DELIVER)
		must(fx->number == ++*last);
}

/* ---- leaving ----------------------------------------------------------------------------- */

static void what_a_checkpoint_has_leaves_and_comes_back_in_order(void **s)
{
	(void)s;
	uint64_t last = 0;
	struct rig *r = rig_with_messages(40 * CHUNK_N + 3);
	struct digest_sum before = rig_digest(r->core);
	must(queue_of(r)->cold_n == 0);
	take(r);
	must(queue_of(r)->cold_n == 41 && core_entries_bytes(r->core) == 0);
	must(digest_eq(before, rig_digest(r->core)));
	rig_publish(r, Q, 40 * CHUNK_N + 4, 1, ENTRY_PERSISTENT);
	rig_commit(r);
	r->see = see_in_order;
	r->see_arg = &last;
	rig_subscribe(r, Q, 9, SUBSCRIBE_NO_ACK, CREDIT_NO_LIMIT);
	rig_commit(r);
	must(last == 40 * CHUNK_N + 4 && queue_of(r)->cold_n == 0);
	must(kept.read_n == 41);
	end(r);
}

static void what_is_given_or_new_or_in_memory_stays(void **s)
{
	(void)s;
	struct rig *r = rig_with_messages(CHUNK_N);
	rig_subscribe(r, Q, 9, 0, 1);
	rig_commit(r);
	take(r);
	must(queue_of(r)->cold_n == 0); /* one is given */
	rig_publish(r, Q, 1000, 3, ENTRY_PERSISTENT);
	rig_publish(r, Q, 1003, 1, 0);
	rig_commit(r);
	take(r);
	must(queue_of(r)->cold_n == 0); /* one is transient */
	rig_do(r, CMD_UNSUBSCRIBE, Q, 9, 0);
	end(r);
	r = rig_with_messages(10);
	core_cache_limit(r->core, UINT64_MAX);
	rig_publish(r, Q, 11, 1, ENTRY_PERSISTENT);
	rig_commit(r);
	take(r);
	must(queue_of(r)->cold_n == 0); /* one has its message in memory */
	end(r);
}

static void as_much_as_the_limit_allows_stays(void **s)
{
	(void)s;
	struct rig *r = rig_with_messages(10 * CHUNK_N);
	core_entries_limit(r->core, 4 * CHUNK_FULL_BYTES);
	take(r);
	must(queue_of(r)->cold_n == 6 && queue_of(r)->cool_at == 7);
	core_entries_limit(r->core, 3 * CHUNK_FULL_BYTES);
	rig_publish(r, Q, 10000, 1, ENTRY_PERSISTENT);
	rig_commit(r);
	take(r);
	must(queue_of(r)->cold_n == 8);
	end(r);
}

static void more_is_read_than_is_given_now(void **s)
{
	(void)s;
	struct rig *r = rig_with_messages(40 * CHUNK_N);
	take(r);
	r->is_slow = true;
	rig_subscribe(r, Q, 9, 0, 1);
	must(r->wanted_n == 16 && r->wanted[0].chunk == 1 && r->wanted[15].chunk == 16);
	rig_bring(r, 1);
	rig_commit(r);
	must(queue_of(r)->cold_n == 24 && kept.read_n == 16);
	SAY("reply 9 OK 20480 1 | c9 1");
	rig_do(r, CMD_UNSUBSCRIBE, Q, 9, 0);
	end(r);
}

/* ---- commands ---------------------------------------------------------------------------- */

static void a_get_waits_for_its_chunk(void **s)
{
	(void)s;
	struct rig *r = rig_with_messages(3);
	take(r);
	r->is_slow = true;
	rig_do(r, CMD_GET, Q, 1, 0);
	rig_do(r, CMD_GET, Q, 2, GET_NO_ACK);
	SAY("");
	must(r->wanted_n == 1);
	rig_commit(r);
	SAY("got 1 | got 2!");
	end(r);
}

static void a_get_finds_nothing_when_another_was_first(void **s)
{
	(void)s;
	struct rig *r = rig_with_messages(3);
	take(r);
	r->is_slow = true;
	rig_do(r, CMD_GET, Q, 1, 0);
	rig_do(r, CMD_PURGE, Q, 2, 0);
	rig_commit(r);
	SAY("reply 2 OK 3 0 | reply 1 NOT_FOUND 1 0");
	must(queue_of(r)->live_n == 0 && r->live_bytes == 0);
	end(r);
}

static void a_purge_reads_nothing(void **s)
{
	(void)s;
	struct rig *r = rig_with_messages(5 * CHUNK_N + 7);
	take(r);
	rig_publish(r, Q, 5000, 2, ENTRY_PERSISTENT);
	rig_commit(r);
	rig_do(r, CMD_PURGE, Q, 1, 0);
	must(queue_of(r)->ready_n == 0 && queue_of(r)->live_n == 5 * CHUNK_N + 9);
	rig_commit(r);
	SAY("reply 1 OK 2569 0");
	must(queue_of(r)->live_n == 0 && r->live_bytes == 0 && kept.read_n == 0);
	take(r);
	for (uint32_t i = 0; i < kept.n; i++)
		must(kept.len[i] == 0 || kept.key[i].chunk == UINT64_MAX);
	end(r);
}

static void a_queue_goes_unread(void **s)
{
	(void)s;
	struct rig *r = rig_with_messages(2 * CHUNK_N);
	take(r);
	rig_do(r, CMD_QUEUE_DROP, Q, 1, 0);
	rig_commit(r);
	must(r->live_bytes == 0 && kept.read_n == 0 && r->core->chunks.out_n == 0);
	end(r);
}

/* ---- limits that come later -------------------------------------------------------------- */

static void a_length_that_comes_later_drops_what_is_away(void **s)
{
	(void)s;
	struct queue_rules rules = rules_none();
	struct rig *r = rig_with_messages(40 * CHUNK_N);
	take(r);
	rules.max_length = 5;
	rig_open(r, Q, QUEUE_DURABLE, &rules);
	rig_commit(r);
	must(queue_of(r)->ready_n == 5 && queue_of(r)->live_n == 5);
	rig_do(r, CMD_GET, Q, 1, 0);
	rig_commit(r);
	SAY("got 20476");
	end(r);
}

static void bytes_count_while_they_are_away(void **s)
{
	(void)s;
	struct queue_rules rules = rules_none();
	struct rig *r = rig_with_messages(2 * CHUNK_N);
	take(r);
	rules.max_length_bytes = 1 << 20;
	rig_open(r, Q, QUEUE_DURABLE, &rules);
	must(queue_of(r)->cold_n == 2);
	must(queue_of(r)->has->ruled->ready_bodies == 2 * CHUNK_N * RIG_STORED_BYTES);
	core_check(r->core);
	rig_do(r, CMD_GET, Q, 1, 0); /* both are read */
	rig_commit(r);
	must(queue_of(r)->has->ruled->ready_bodies == (2 * CHUNK_N - 1) * RIG_STORED_BYTES);
	core_check(r->core);
	rules.max_length_bytes = 10 * RIG_STORED_BYTES;
	rig_open(r, Q, QUEUE_DURABLE, &rules);
	rig_commit(r);
	must(queue_of(r)->ready_n == 10);
	end(r);
}

/* ---- recovery ---------------------------------------------------------------------------- */

static void restore(struct rig *r)
{
	rig_crash(r);
	for (uint32_t i = kept.n; i-- > 0;)
		if (kept.len[i])
			must(core_restore(r->core, kept.key[i],
					  slice_of(kept.bytes[i], kept.len[i])) == ERR_OK);
	must(core_restored(r->core) == ERR_OK);
	core_check(r->core);
}

static void replay_brings_only_what_it_needs(void **s)
{
	(void)s;
	uint64_t last = 0, from;
	struct rig *r = rig_with_messages(6 * CHUNK_N);
	take(r);
	from = r->committed;
	r->see = see_in_order;
	r->see_arg = &last;
	rig_subscribe(r, Q, 9, 0, 2 * CHUNK_N + 10);
	rig_commit(r);
	for (uint32_t i = 0; i < 2 * CHUNK_N + 10; i++)
		rig_settle(r, Q, 9, pos_of(1, 0) + i, SETTLE_ACCEPT);
	rig_commit(r);
	struct digest_sum whole = rig_digest(r->core);
	restore(r);
	must(queue_of(r)->cold_n == 6);
	kept.read_n = 0;
	rig_replay(r, r->core, from, r->committed);
	core_check(r->core);
	must(digest_eq(whole, rig_digest(r->core)));
	must(kept.read_n <= 3 && queue_of(r)->cold_n >= 3);
	end(r);
}

static void who_comes_behind_what_is_away_has_a_chunk_of_its_own(void **s)
{
	(void)s;
	uint64_t last = 0;
	struct rig *r = rig_with_messages(10);
	take(r);
	restore(r);
	rig_do(r, CMD_QUEUE_OPEN, Q, 0, QUEUE_DURABLE);
	silence(r);
	rig_publish(r, Q, 11, 1, ENTRY_PERSISTENT);
	rig_commit(r);
	must(queue_of(r)->chunks.n == 2 && queue_of(r)->cold_n == 1);
	r->see = see_in_order;
	r->see_arg = &last;
	rig_subscribe(r, Q, 9, 0, 100);
	rig_commit(r);
	must(last == 11);
	end(r);
}

/* ---- looking ----------------------------------------------------------------------------- */

static void what_lives_is_told_by_segments(void **s)
{
	(void)s;
	struct live_walk at = { 0 };
	struct freed e;
	uint64_t n = 0, bytes = 0;
	struct rig *r = rig_with_messages(40 * CHUNK_N);
	take(r);
	for (; core_live_next(r->core, &at, &e); n += e.n, bytes += e.bytes)
		must(at.id == 0 && e.n > 1 && e.loc >> 32 != 0);
	must(n == 40 * CHUNK_N && bytes == n * RIG_STORED_BYTES);
	at = (struct live_walk){ 0 };
	while (at.chunk != 39)
		must(core_live_next(r->core, &at, &e));
	must(core_live_again(r->core, &at));
	rig_give(r);
	must(core_live_next(r->core, &at, &e) && at.id != 0 && e.n == 1);
	must(core_relocate(r->core, Q, at.id, e.loc, e.loc | RIG_MOVED));
	must(queue_of(r)->cold_n == 39);
	take(r);
	must(queue_of(r)->cold_n == 40); /* moved, and away again */
	end(r);
}

/* ---- what is left ------------------------------------------------------------------------ */

static void what_is_bequeathed_comes_back_first(void **s)
{
	(void)s;
	struct queue_rules rules = rules_none();
	struct rig *r = rig_with_messages(3);
	take(r);
	rules.expires_ms = 100;
	rules.bequeaths = 1;
	rules.has_dead_letter_exchange = true;
	rules.dead_letter_exchange = slice_str("x");
	core_dead_to(r->core, RIG_SESSION(9));
	rig_at(r, 1000);
	rig_open(r, Q, QUEUE_DURABLE, &rules);
	must(queue_of(r)->cold_n == 1);
	r->is_slow = true;
	rig_at(r, 1100);
	SAY("");
	must(r->wanted_n == 1 && r->wanted[0].chunk == 1);
	rig_bring(r, 1);
	SAY("dead1 1 | dead1 2 | dead1 3");
	core_check(r->core);
	end(r);
}

/* ---- selectors --------------------------------------------------------------------------- */

static void a_selector_that_goes_back_reads_nothing_again(void **s)
{
	(void)s;
	const uint32_t n = 40 * CHUNK_N;
	struct rig *r = rig_with_queue();
	r->unit = unit;
	r->entries_max = 0;
	core_entries_limit(r->core, 0);
	core_cache_limit(r->core, 0);
	subscribe(r, 1, 0, 1, "n = 1 OR n = 30000");
	subscribe(r, 2, 0, 1, "n = 1 OR n = 30000"); /* goes on while the first has one */
	for (uint32_t at = 1; at < n; at += 128) {
		publish(r, at, 128, ENTRY_PERSISTENT);
		rig_commit(r);
	}
	(void)read_all(r);
	take(r);
	silence(r);
	must(queue_of(r)->cold_n == 24); /* the first are near the queue's own cursor */
	uint32_t read_n = kept.read_n;
	rig_settle(r, Q, 1, pos_of(1, 0), SETTLE_RELEASE);
	rig_commit(r);
	must(read_all(r) == 0 && kept.read_n == read_n && queue_of(r)->cold_n == 39);
	SAY("c2 1r");
	must(queue_of(r)->has->select->at[0].cursor == queue_of(r)->tail_pos);
	publish(r, 30000, 1, ENTRY_PERSISTENT);
	rig_commit(r);
	(void)read_all(r);
	SAY("c1 30000");
	end(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_checkpoint_has_leaves_and_comes_back_in_order),
		cmocka_unit_test(what_is_given_or_new_or_in_memory_stays),
		cmocka_unit_test(as_much_as_the_limit_allows_stays),
		cmocka_unit_test(more_is_read_than_is_given_now),
		cmocka_unit_test(a_get_waits_for_its_chunk),
		cmocka_unit_test(a_get_finds_nothing_when_another_was_first),
		cmocka_unit_test(a_purge_reads_nothing),
		cmocka_unit_test(a_queue_goes_unread),
		cmocka_unit_test(a_length_that_comes_later_drops_what_is_away),
		cmocka_unit_test(bytes_count_while_they_are_away),
		cmocka_unit_test(replay_brings_only_what_it_needs),
		cmocka_unit_test(who_comes_behind_what_is_away_has_a_chunk_of_its_own),
		cmocka_unit_test(what_lives_is_told_by_segments),
		cmocka_unit_test(what_is_bequeathed_comes_back_first),
		cmocka_unit_test(a_selector_that_goes_back_reads_nothing_again),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
