#include "core/core_retain_for_tests.h"
#include "core/topic_for_tests.h"

#define UNITS 64u

/* ---- to disk and back -------------------------------------------------------------------- */

struct units {
	struct unit_key key[UNITS];
	uint8_t *bytes[UNITS];
	uint32_t len[UNITS], n;
};

static void unit_keep(struct units *k, struct unit_key key, const uint8_t *bytes, uint32_t len)
{
	uint32_t i = 0;
	while (i < k->n && (k->key[i].queue != key.queue || k->key[i].chunk != key.chunk))
		i++;
	must(i < UNITS);
	k->n += i == k->n;
	free(k->bytes[i]);
	k->key[i] = key;
	k->len[i] = len;
	k->bytes[i] = len ? malloc(len) : NULL;
	if (len)
		memcpy(k->bytes[i], bytes, len);
}

static uint32_t take(struct rig *r, struct units *k)
{
	static uint8_t buf[CHECKPOINT_UNIT_MAX];
	struct unit_key key;
	uint32_t len, n = 0;
	core_checkpoint_begin(r->core);
	for (; core_checkpoint_next(r->core, &key, buf, sizeof buf, &len); n++)
		unit_keep(k, key, buf, len);
	core_checkpoint_end(r->core, true);
	return n;
}

static enum err restore(struct rig *r, const struct units *k)
{
	enum err e = ERR_OK;
	for (uint32_t i = k->n; i-- > 0 && e == ERR_OK;)
		if (k->len[i])
			e = core_restore(r->core, k->key[i], slice_of(k->bytes[i], k->len[i]));
	return e == ERR_OK ? core_restored(r->core) : e;
}

static void forget(struct units *k)
{
	for (uint32_t i = 0; i < k->n; i++)
		free(k->bytes[i]);
	*k = (struct units){ 0 };
}

static void some_more(struct rig *r, struct prng *p, uint64_t *io_number)
{
	for (uint32_t i = 0; i < 60; i++) {
		char key[32];
		make_words(p, key, sizeof key, false, 5);
		uint64_t expiry = prng_below(p, 4) ? 0 : r->now_ms + 1 + prng_below(p, 400);
		retain_until(r, prng_below(p, 4) ? ++*io_number : 0, key,
			     retain_expiry(expiry, (uint32_t)prng_below(p, 2)));
		if (prng_below(p, 8) == 0)
			rig_commit(r);
	}
	rig_at(r, r->now_ms + prng_below(p, 100));
	rig_commit(r);
	r->said = text_of(r->said_bytes, sizeof r->said_bytes);
}

/* Replay, and restore with replay of the rest, give the state that there was; live bytes too. */
static void after_a_crash_everything_is_as_it_was(void **s)
{
	(void)s;
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct rig *r = retain_rig();
		struct prng p = prng_of(seed);
		struct units k = { 0 };
		uint64_t number = 0, kept = 0;
		int64_t live = 0;
		for (uint32_t round = 0; round < 6; round++) {
			some_more(r, &p, &number);
			core_check(r->core);
			struct digest_sum before = rig_digest(r->core);
			live = r->live_bytes;
			uint64_t from = prng_below(&p, 2) ? kept : 0;
			rig_crash(r);
			if (from)
				must(restore(r, &k) == ERR_OK);
			r->live_bytes = 0;
			for (struct live_walk at = { 0 }; from;) {
				struct freed one;
				if (!core_live_next(r->core, &at, &one))
					break;
				r->live_bytes += (int64_t)one.bytes;
			}
			rig_replay(r, r->core, from, r->proposed);
			rig_freed(r);
			core_check(r->core);
			must(digest_eq(before, rig_digest(r->core)));
			must(live == r->live_bytes);
			if (!from) /* the checkpoint was another core's */
				forget(&k);
			(void)take(r, &k);
			kept = r->proposed;
		}
		forget(&k);
		rig_free(r);
	}
}

static void only_pages_that_changed_are_given_and_empty_ones_go(void **s)
{
	(void)s;
	struct rig *r = retain_rig();
	struct units k = { 0 };
	char key[16];
	for (uint32_t i = 1; i <= 3 * RETAIN_PAGE_N; i++) {
		snprintf(key, sizeof key, "k%u", i);
		retain_keep(r, i, key);
	}
	rig_commit(r);
	assert_int_equal(take(r, &k), 4);
	assert_int_equal(take(r, &k), 0);
	retain_keep(r, 9, "k9");
	rig_commit(r);
	assert_int_equal(take(r, &k), 2);
	for (uint32_t i = 1; i <= 3 * RETAIN_PAGE_N; i++) {
		snprintf(key, sizeof key, "k%u", i);
		retain_keep(r, 0, key);
	}
	rig_commit(r);
	assert_int_equal(take(r, &k), 4);
	for (uint32_t i = 0; i < k.n; i++)
		assert_int_equal(k.len[i] > 0, k.key[i].chunk == UINT64_MAX);
	rig_do(r, CMD_QUEUE_DROP, Q, 1, 0);
	rig_commit(r);
	(void)take(r, &k);
	for (uint32_t i = 0; i < k.n; i++)
		assert_int_equal(k.len[i], 0);
	forget(&k);
	rig_free(r);
}

static void units_that_are_damaged_are_refused(void **s)
{
	(void)s;
	struct rig *r = retain_rig();
	struct units k = { 0 };
	retain_until(r, 1, "a.b", retain_expiry(5000, 3));
	retain_keep(r, 2, "a.c");
	rig_commit(r);
	(void)take(r, &k);
	uint32_t page = k.key[0].chunk == UINT64_MAX;
	struct slice whole = slice_of(k.bytes[page], k.len[page]);
	for (uint32_t n = 0; n < whole.n; n++) {
		uint8_t *part = malloc(n ? n : 1);
		memcpy(part, whole.p, n);
		rig_crash(r);
		must(core_restore(r->core, k.key[page], slice_of(part, n)) != ERR_OK);
		free(part);
	}
	for (uint32_t at = 0; at < whole.n; at++) { /* taken or refused, but never believed */
		uint8_t *other = malloc(whole.n);
		memcpy(other, whole.p, whole.n);
		other[at] ^= 0x81;
		rig_crash(r);
		enum err e = core_restore(r->core, k.key[page], slice_of(other, whole.n));
		must(e == ERR_OK || e == ERR_CORRUPT || e == ERR_NOT_IMPLEMENTED);
		core_check(r->core);
		free(other);
	}
	rig_crash(r);
	must(restore(r, &k) == ERR_OK && retain_store(r)->r.n == 2);
	must(core_restore(r->core, k.key[page], whole) == ERR_CORRUPT);
	forget(&k);
	rig_free(r);
}

static void a_message_moves_while_it_is_kept(void **s)
{
	(void)s;
	struct rig *r = retain_rig();
	struct live_walk at = { 0 };
	struct freed one;
	retain_keep(r, 1, "a");
	rig_commit(r);
	must(core_live_next(r->core, &at, &one));
	must(core_relocate(r->core, at.queue, at.id, one.loc, one.loc | RIG_MOVED));
	must(!core_relocate(r->core, at.queue, at.id, one.loc, one.loc | RIG_MOVED));
	must(!core_relocate(r->core, at.queue, at.id + 5000, one.loc, 1));
	must(!core_live_next(r->core, &at, &one));
	retain_find(r, "a");
	SAY("confirm 1-1 | found 1 | reply 5 OK 1 1");
	struct {
		struct run run;
		struct remove_row row;
	} lost = { { .kind = OUTCOME_REMOVE, .flags = RUN_LOGGED, .n = 1, .queue = Q },
		   { .first_id = 1, .last_id = 1 } };
	core_apply(r->core, &lost.run, r->committed, 0, NULL);
	core_check(r->core);
	assert_int_equal(retain_store(r)->r.n, 0);
	rig_free(r);
}

static void outcomes_that_do_not_fit_are_unsound(void **s)
{
	(void)s;
	struct rig *r = retain_rig();
	retain_keep(r, 1, "a");
	rig_publish(r, 8, 2, 1, ENTRY_PERSISTENT);
	rig_commit(r);
	uint64_t n = r->proposed;
	rig_crash(r);
	rig_replay(r, r->core, 0, n);
	struct run o = { .kind = OUTCOME_ADD, .flags = RUN_LOGGED, .queue = Q, .n = 1 };
	assert_int_equal(core_sound(r->core, &o, 0), ERR_CORRUPT);
	o.kind = OUTCOME_RETAIN;
	assert_int_equal(core_sound(r->core, &o, 0), ERR_OK);
	o.tail_len = 256;
	assert_int_equal(core_sound(r->core, &o, 0), ERR_CORRUPT);
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(after_a_crash_everything_is_as_it_was),
		cmocka_unit_test(only_pages_that_changed_are_given_and_empty_ones_go),
		cmocka_unit_test(units_that_are_damaged_are_refused),
		cmocka_unit_test(a_message_moves_while_it_is_kept),
		cmocka_unit_test(outcomes_that_do_not_fit_are_unsound),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
