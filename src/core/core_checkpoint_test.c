#include "core/core_for_tests.h"

#define Q         7u
#define UNITS_MAX 64u

/* A checkpoint as a test keeps it: all units there ever were; length 0: deleted. */
struct kept {
	struct unit_key key[UNITS_MAX];
	uint8_t *bytes[UNITS_MAX];
	uint32_t len[UNITS_MAX], n;
};

static void keep(struct kept *k, struct unit_key key, const uint8_t *bytes, uint32_t len)
{
	uint32_t i = 0;
	while (i < k->n && (k->key[i].queue != key.queue || k->key[i].chunk != key.chunk))
		i++;
	must(i < UNITS_MAX);
	k->n += i == k->n;
	free(k->bytes[i]);
	k->key[i] = key;
	k->len[i] = len;
	k->bytes[i] = len ? malloc(len) : NULL; /* exactly: readers must not go beyond */
	if (len)
		memcpy(k->bytes[i], bytes, len);
}

/* Takes a checkpoint and gives the number of its units. */
static uint32_t take(struct rig *r, struct kept *k, bool is_kept)
{
	static uint8_t buf[CHECKPOINT_UNIT_MAX];
	struct unit_key key;
	uint32_t len, n = 0;
	core_checkpoint_begin(r->core);
	for (; core_checkpoint_next(r->core, &key, buf, sizeof buf, &len); n++)
		if (is_kept)
			keep(k, key, buf, len);
	core_checkpoint_end(r->core, is_kept);
	return n;
}

static void restore(struct rig *r, const struct kept *k)
{
	rig_crash(r);
	for (uint32_t i = k->n; i-- > 0;)
		if (k->len[i])
			must(core_restore(r->core, k->key[i], slice_of(k->bytes[i], k->len[i])) ==
			     ERR_OK);
	must(core_restored(r->core) == ERR_OK);
	core_check(r->core);
}

static void forget(struct kept *k)
{
	for (uint32_t i = 0; i < k->n; i++)
		free(k->bytes[i]);
}

static struct rig *rig_with_messages(uint32_t n)
{
	struct rig *r = rig_new();
	rig_do(r, CMD_QUEUE_OPEN, Q, 0, QUEUE_DURABLE);
	for (uint32_t at = 0; at < n; at += 100)
		rig_publish(r, Q, at + 1, (uint32_t)min_u64(100, n - at), ENTRY_PERSISTENT);
	rig_commit(r);
	r->said = text_of(r->said_bytes, sizeof r->said_bytes);
	return r;
}

static void settle_some(struct rig *r, uint64_t first, uint64_t last)
{
	rig_subscribe(r, Q, 9, 0, (uint32_t)last + 1);
	rig_commit(r);
	for (uint64_t i = first; i <= last; i++)
		rig_settle(r, Q, 9, pos_of(1, 0) + i, SETTLE_ACCEPT);
	rig_do(r, CMD_UNSUBSCRIBE, Q, 9, 0);
	rig_commit(r);
	r->said = text_of(r->said_bytes, sizeof r->said_bytes);
}

static void only_what_changed_is_given(void **s)
{
	(void)s;
	struct kept k = { 0 };
	struct rig *r = rig_with_messages(3 * CHUNK_N + 10);
	must(take(r, &k, false) == 4); /* not kept: everything is due again */
	must(take(r, &k, true) == 4);
	must(take(r, &k, true) == 0);
	settle_some(r, 5, 6);
	must(take(r, &k, true) == 2); /* the first chunk, and the queue's mark */
	settle_some(r, 0, CHUNK_N - 1);
	must(take(r, &k, true) == 1 && k.len[0] == 0); /* gone */
	rig_do(r, CMD_QUEUE_DROP, Q, 1, 0);
	rig_commit(r);
	must(take(r, &k, true) == 4);
	for (uint32_t i = 0; i < k.n; i++)
		must(k.len[i] == 0);
	forget(&k);
	rig_free(r);
}

/* Takes a checkpoint whose fate is known only after `meanwhile` has changed something. */
static void take_slowly(struct rig *r, struct kept *k, bool is_kept,
			void (*meanwhile)(struct rig *))
{
	static uint8_t buf[CHECKPOINT_UNIT_MAX];
	struct unit_key key;
	uint32_t len;
	core_checkpoint_begin(r->core);
	while (core_checkpoint_next(r->core, &key, buf, sizeof buf, &len))
		if (is_kept)
			keep(k, key, buf, len);
	core_checkpoint_close(r->core);
	meanwhile(r);
	core_checkpoint_end(r->core, is_kept);
}

static void drop_queue(struct rig *r)
{
	rig_do(r, CMD_QUEUE_DROP, Q, 1, 0);
	rig_commit(r);
}

static void publish_more(struct rig *r)
{
	rig_publish(r, Q, 7001, 3, ENTRY_PERSISTENT);
	rig_commit(r);
}

static void what_failed_to_become_durable_is_given_again(void **s)
{
	(void)s;
	struct kept k = { 0 };
	struct rig *r = rig_with_messages(CHUNK_N + 10);
	(void)take(r, &k, true);
	publish_more(r);
	take_slowly(r, &k, false, drop_queue); /* neither the new ones nor the end of all is kept */
	take_slowly(r, &k, false, rig_commit);
	(void)take(r, &k, true);
	must(k.n == 2 && k.len[0] == 0 && k.len[1] == 0);
	forget(&k);
	rig_free(r);
}

static void what_changes_while_a_checkpoint_becomes_durable_is_in_the_next(void **s)
{
	(void)s;
	struct kept k = { 0 };
	struct rig *r = rig_with_messages(20);
	take_slowly(r, &k, true, publish_more);
	must(take(r, &k, true) == 1);
	struct digest_sum before = rig_digest(r->core);
	restore(r, &k);
	must(digest_eq(before, rig_digest(r->core)));
	forget(&k);
	rig_free(r);
}

static void a_restored_core_goes_on_where_it_was(void **s)
{
	(void)s;
	struct kept k = { 0 };
	struct rig *r = rig_with_messages(2 * CHUNK_N + 30);
	settle_some(r, 0, CHUNK_N + 2);
	(void)take(r, &k, true);
	struct digest_sum before = rig_digest(r->core);
	restore(r, &k);
	must(digest_eq(before, rig_digest(r->core)));
	rig_publish(r, Q, 5001, 2, ENTRY_PERSISTENT);
	rig_commit(r);
	must(core_find_queue(r->core, Q)->ready_n == CHUNK_N + 27 + 2);
	must(take(r, &k, true) == 1); /* the new ones, in the old tail */
	before = rig_digest(r->core);
	restore(r, &k);
	must(digest_eq(before, rig_digest(r->core)));
	forget(&k);
	rig_free(r);
}

static void a_moved_message_is_found_after_a_checkpoint(void **s)
{
	(void)s;
	struct kept k = { 0 };
	struct rig *r = rig_with_messages(3);
	(void)take(r, &k, true);
	struct live_walk at = { 0 };
	struct freed e;
	must(core_live_next(r->core, &at, &e) && core_live_next(r->core, &at, &e));
	core_checkpoint_begin(r->core); /* moved while one is taken: it is in the next */
	must(core_relocate(r->core, at.queue, at.id, e.loc, e.loc | RIG_MOVED));
	core_checkpoint_end(r->core, true);
	must(take(r, &k, true) == 1);
	restore(r, &k);
	must(!core_relocate(r->core, at.queue, at.id, e.loc, 1));
	must(core_relocate(r->core, at.queue, at.id, e.loc | RIG_MOVED, e.loc));
	forget(&k);
	rig_free(r);
}

static void see_many(struct rig *r, struct live_walk *at, uint32_t n, uint64_t segment)
{
	struct freed e;
	must(core_live_next_many(r->core, at, &e) && e.n == n && e.loc >> 32 == segment);
	must(e.bytes == n * (uint64_t)RIG_STORED_BYTES);
}

static void move_to_segment(struct rig *r, uint32_t skip, uint64_t segment)
{
	struct live_walk at = { 0 };
	struct freed e;
	while (skip-- > 0)
		must(core_live_next(r->core, &at, &e) && e.n == 1);
	must(core_live_next(r->core, &at, &e));
	uint64_t there = segment << 32 | (uint32_t)e.loc;
	must(core_relocate(r->core, at.queue, at.id, e.loc, there));
}

/* Seven: the first has gone, the fourth lies elsewhere, the seventh is in chunks, and so alone. */
static void who_counts_is_told_of_many_in_one_segment_at_once(void **s)
{
	(void)s;
	struct rig *r = rig_with_messages(6);
	rig_publish(r, Q, 7, 1, ENTRY_PERSISTENT | ENTRY_BIG);
	rig_publish(r, Q, 8, 1, 0);
	rig_commit(r);
	for (uint32_t i = 0; i < 7; i++)
		move_to_segment(r, i, i == 3 ? 2000 : 1000);
	rig_subscribe(r, Q, 9, 0, 1);
	rig_commit(r);
	rig_settle(r, Q, 9, pos_of(1, 0), SETTLE_ACCEPT);
	rig_commit(r);
	struct live_walk at = { 0 };
	struct freed e;
	see_many(r, &at, 2, 1000);
	see_many(r, &at, 1, 2000);
	see_many(r, &at, 2, 1000);
	see_many(r, &at, 1, 1000);
	must(!core_live_next_many(r->core, &at, &e));
	rig_free(r);
}

/* Restored, no message is in memory: who is given one reads it from its place. */
static void a_message_that_is_read_where_it_lies_stays_there(void **s)
{
	(void)s;
	struct kept k = { 0 };
	struct rig *r = rig_with_messages(3);
	(void)take(r, &k, true);
	restore(r, &k);
	struct live_walk at = { 0 };
	struct freed e;
	must(core_live_next(r->core, &at, &e) && core_may_move(r->core, &at));
	rig_subscribe(r, Q, 9, 0, 1);
	rig_commit(r);
	must(core_find_queue(r->core, Q)->ready_n == 2);
	must(!core_may_move(r->core, &at));
	must(!core_relocate(r->core, at.queue, at.id, e.loc, e.loc | RIG_MOVED));
	rig_do(r, CMD_UNSUBSCRIBE, Q, 9, 0);
	rig_settle(r, Q, 9, at.pos - 1, SETTLE_RELEASE);
	must(core_may_move(r->core, &at));
	must(core_relocate(r->core, at.queue, at.id, e.loc, e.loc | RIG_MOVED));
	forget(&k);
	rig_free(r);
}

static void transient_messages_are_in_no_checkpoint(void **s)
{
	(void)s;
	struct kept k = { 0 };
	struct rig *r = rig_with_messages(0);
	rig_publish(r, Q, 1, 5, 0);
	must(take(r, &k, true) == 0);
	rig_publish(r, Q, 6, 1, ENTRY_PERSISTENT);
	rig_commit(r);
	must(take(r, &k, true) == 1);
	restore(r, &k);
	must(core_find_queue(r->core, Q)->live_n == 1);
	forget(&k);
	rig_free(r);
}

/* A limit of bytes is one of bodies; rules come when all that is kept is there. */
static void bodies_count_after_a_restart_as_before(void **s)
{
	(void)s;
	struct kept k = { 0 };
	struct queue_rules rules = rules_none();
	struct rig *r = rig_new();
	rules.max_length_bytes = 22 * 8;
	rig_open(r, Q, QUEUE_DURABLE, &rules);
	rig_publish(r, Q, 1, 20, ENTRY_PERSISTENT);
	rig_commit(r);
	settle_some(r, 3, 4);
	(void)take(r, &k, true);
	uint64_t index = r->committed;
	rig_settle(r, Q, 9, pos_of(1, 0), SETTLE_ACCEPT);
	rig_publish(r, Q, 21, 1, ENTRY_PERSISTENT);
	rig_commit(r);
	restore(r, &k);
	rig_replay(r, r->core, index, r->committed);
	core_check(r->core);
	struct queue *q = core_find_queue(r->core, Q);
	rig_open(r, Q, QUEUE_DURABLE, &rules);
	core_check(r->core);
	must(q->ready_n == 18 && q->has->ruled->ready_bodies == 18 * 8);
	rig_publish(r, Q, 22, 1, 0);
	rig_commit(r);
	must(q->ready_n == 19); /* nothing was too much */
	rules.max_length_bytes = RULE_NONE;
	rig_open(r, Q, QUEUE_DURABLE, &rules);
	must(queue_chunk(q, q->first)->bodies == NULL);
	restore(r, &k); /* whoever sets no limit now forgets it */
	rig_open(r, Q, QUEUE_DURABLE, &rules);
	q = core_find_queue(r->core, Q);
	must(q->ready_n == 18 && queue_chunk(q, q->first)->bodies == NULL);
	forget(&k);
	rig_free(r);
}

static enum err try_restore(struct rig *r, struct unit_key key, const uint8_t *bytes, uint32_t n)
{
	uint8_t *copy = malloc(n ? n : 1);
	must(copy != NULL);
	memcpy(copy, bytes, n);
	rig_crash(r);
	enum err err = core_restore(r->core, key, slice_of(copy, n));
	free(copy);
	return err;
}

static void a_damaged_unit_is_refused(void **s)
{
	(void)s;
	struct kept k = { 0 };
	struct rig *r = rig_with_messages(20);
	settle_some(r, 3, 4);
	(void)take(r, &k, true);
	must(k.n == 2);
	for (uint32_t i = 0; i < k.n; i++) {
		for (uint32_t n = 0; n < k.len[i]; n++)
			must(try_restore(r, k.key[i], k.bytes[i], n) == ERR_CORRUPT);
		must(try_restore(r, (struct unit_key){ 0, 1 }, k.bytes[i], k.len[i]) ==
		     ERR_CORRUPT);
		k.bytes[i][0] += 5; /* past the forms of streams and stores */
		must(try_restore(r, k.key[i], k.bytes[i], k.len[i]) == ERR_NOT_IMPLEMENTED);
		k.bytes[i][0] -= 5;
		must(try_restore(r, k.key[i], k.bytes[i], k.len[i]) == ERR_OK);
		must(core_restored(r->core) == ERR_OK);
	}
	forget(&k);
	rig_free(r);
}

static void ids_that_fall_are_damage(void **s)
{
	(void)s;
	struct kept k = { 0 };
	struct rig *r = rig_with_messages(2 * CHUNK_N);
	(void)take(r, &k, true);
	must(k.n == 2 && k.key[0].chunk == 1 && k.key[1].chunk == 2);
	rig_crash(r);
	for (uint32_t i = 0; i < 2; i++) {
		struct unit_key swapped = { Q, k.key[1 - i].chunk };
		must(core_restore(r->core, swapped, slice_of(k.bytes[i], k.len[i])) == ERR_OK);
		must(core_restore(r->core, swapped, slice_of(k.bytes[i], k.len[i])) == ERR_CORRUPT);
	}
	must(core_restored(r->core) == ERR_CORRUPT);
	forget(&k);
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bodies_count_after_a_restart_as_before),
		cmocka_unit_test(only_what_changed_is_given),
		cmocka_unit_test(what_failed_to_become_durable_is_given_again),
		cmocka_unit_test(what_changes_while_a_checkpoint_becomes_durable_is_in_the_next),
		cmocka_unit_test(a_restored_core_goes_on_where_it_was),
		cmocka_unit_test(a_moved_message_is_found_after_a_checkpoint),
		cmocka_unit_test(who_counts_is_told_of_many_in_one_segment_at_once),
		cmocka_unit_test(a_message_that_is_read_where_it_lies_stays_there),
		cmocka_unit_test(transient_messages_are_in_no_checkpoint),
		cmocka_unit_test(a_damaged_unit_is_refused),
		cmocka_unit_test(ids_that_fall_are_damage),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
