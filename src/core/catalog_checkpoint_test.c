#include "base/exact_for_tests.h"
#include "core/catalog_for_tests.h"
#include "core/catalog_unit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define UNITS 64

struct unit {
	struct unit_key key;
	uint32_t len;
	uint8_t *bytes;
};

struct saved {
	struct unit at[UNITS];
	size_t n, deleted_n;
};

/* Takes a whole checkpoint; units in `s` are those of this one alone. */
static void save(struct world *w, struct saved *s, bool is_kept)
{
	static uint8_t buf[CHECKPOINT_UNIT_MAX];
	struct unit u;
	*s = (struct saved){ 0 };
	catalog_checkpoint_begin(w->c);
	while (catalog_checkpoint_next(w->c, &u.key, buf, sizeof buf, &u.len)) {
		s->deleted_n += u.len == 0;
		if (u.len == 0)
			continue;
		u.bytes = malloc(u.len);
		must(u.bytes && s->n < UNITS);
		memcpy(u.bytes, buf, u.len);
		s->at[s->n++] = u;
	}
	catalog_checkpoint_end(w->c, is_kept);
}

static void saved_fini(struct saved *s)
{
	while (s->n)
		free(s->at[--s->n].bytes);
}

/* Takes a checkpoint on top of those before. */
static void save_more(struct world *w, struct saved *all)
{
	static uint8_t buf[CHECKPOINT_UNIT_MAX];
	struct unit u;
	catalog_checkpoint_begin(w->c);
	while (catalog_checkpoint_next(w->c, &u.key, buf, sizeof buf, &u.len)) {
		for (size_t i = 0; i < all->n; i++)
			if (memcmp(&all->at[i].key, &u.key, sizeof u.key) == 0) {
				free(all->at[i].bytes);
				all->at[i] = all->at[--all->n];
			}
		if (u.len == 0)
			continue;
		u.bytes = malloc(u.len);
		must(u.bytes && all->n < UNITS);
		memcpy(u.bytes, buf, u.len);
		all->at[all->n++] = u;
	}
	catalog_checkpoint_end(w->c, true);
}

static enum err give(struct catalog *c, const struct unit *u, uint32_t len)
{
	struct slice copy = exact(slice_of(u->bytes, len), len);
	enum err err = catalog_restore(c, u->key, copy);
	exact_free(copy);
	return err;
}

/* A catalog of these units, in reverse order, the one at `cut` only `len` bytes long. */
static enum err load(struct mem *mem, const struct saved *s, size_t cut, uint32_t len,
		     struct catalog **out_c)
{
	struct catalog *c = catalog_new(mem, 1);
	must(c != NULL);
	for (size_t i = s->n; i-- > 0;)
		must(give(c, &s->at[i], i == cut ? len : s->at[i].len) == ERR_OK);
	enum err err = catalog_restored(c);
	*out_c = c;
	return err;
}

static void story(struct world *w)
{
	must(declare_x(w, "x", "topic", EXCHANGE_DURABLE, "xargs") == ERR_OK);
	must(declare_x(w, "t", "topic", 0, "") == ERR_OK);
	declare_queue(w, "q", QUEUE_DURABLE, "qargs");
	declare_ruled(w, "r", 60000);
	declare_queue(w, "transient", 0, "");
	must(bind_to(w, "x", "q", "a.#") == ERR_OK);
	must(bind_or_unbind(w, CMD_BIND, "amq.direct", "q", "k", "bargs") == ERR_OK);
	must(bind_to(w, "t", "q", "k") == ERR_OK);
	must(bind_to(w, "amq.direct", "transient", "k") == ERR_OK);
	must(join_x(w, CMD_BIND, "x", "amq.fanout", "k", "jargs") == ERR_OK);
	must(join_x(w, CMD_BIND, "x", "t", "k", "") == ERR_OK);
}

static void only_what_lasts_comes_back(void **s)
{
	(void)s;
	struct world w;
	struct saved all;
	struct catalog *c;
	world_init(&w);
	story(&w);
	save(&w, &all, true);
	must(all.n == 5 && all.deleted_n == 0); /* counters, x, q, r, between */
	must(load(&w.side.mem, &all, UNITS, 0, &c) == ERR_OK);
	const struct catalog_view *v = catalog_view(c);
	must(digest_eq(digest_of(c), digest_of(w.c)));
	must(catalog_queue(v, 0, slice_str("q"))->id == id_of(&w, "q"));
	const struct queue_record *r = catalog_queue(v, 0, slice_str("r"));
	struct queue_rules rules;
	must(rules_get(queue_record_rules(r), &rules) == ERR_OK && rules.message_ttl_ms == 60000);
	must(catalog_queue(v, 0, slice_str("transient")) == NULL);
	must(catalog_exchange(v, 0, slice_str("t")) == NULL);
	must(catalog_exchange(v, 0, slice_str("x"))->bindings_n == 2);
	must(catalog_exchange(v, 0, slice_str("amq.direct"))->bindings_n == 1);
	catalog_check(c);
	catalog_free(c);
	saved_fini(&all);
	world_fini(&w);
}

static void only_what_changed_is_written_again(void **s)
{
	(void)s;
	struct world w;
	struct saved some;
	world_init(&w);
	story(&w);
	save(&w, &some, true);
	saved_fini(&some);
	save(&w, &some, true);
	must(some.n == 0 && some.deleted_n == 0);
	must(bind_to(&w, "t", "q", "transient") == ERR_OK);
	declare_queue(&w, "u", 0, "");
	save(&w, &some, true);
	must(some.n == 0 && some.deleted_n == 0);
	must(bind_to(&w, "x", "r", "b") == ERR_OK);
	save(&w, &some, false);
	must(some.n == 1 && some.at[0].key.queue == id_of(&w, "r"));
	saved_fini(&some);
	save(&w, &some, true); /* the last one was not kept: again */
	must(some.n == 1 && some.at[0].key.queue == id_of(&w, "r"));
	saved_fini(&some);
	remove_queue(&w, "r");
	must(delete_x(&w, "x", 0) == ERR_OK); /* touches q, too */
	save(&w, &some, true);
	must(some.n == 1 && some.deleted_n == 3);
	saved_fini(&some);
	world_fini(&w);
}

static void what_is_decided_but_not_applied_waits_for_the_next(void **s)
{
	(void)s;
	struct world w;
	struct saved some;
	world_init(&w);
	story(&w);
	w.waits = true;
	struct digest_sum before = digest_of(w.c);
	(void)bind_to(&w, "x", "r", "late");
	save(&w, &some, true);
	struct catalog *c;
	must(load(&w.side.mem, &some, UNITS, 0, &c) == ERR_OK);
	must(digest_eq(digest_of(c), before));
	catalog_free(c);
	saved_fini(&some);
	commit(&w);
	save(&w, &some, true);
	must(some.n == 1 && some.at[0].key.queue == id_of(&w, "r"));
	saved_fini(&some);
	world_fini(&w);
}

static void large_arguments_take_several_pieces(void **s)
{
	(void)s;
	static char large[CATALOG_ARGUMENTS_MAX + 1];
	struct world w;
	struct saved all;
	struct catalog *c;
	char key[16];
	world_init(&w);
	memset(large, 'x', sizeof large - 1);
	declare_queue(&w, "q", QUEUE_DURABLE, large);
	for (int i = 0; i < 20; i++) {
		snprintf(key, sizeof key, "k%d", i);
		must(bind_or_unbind(&w, CMD_BIND, "amq.topic", "q", key, large) == ERR_OK);
	}
	save(&w, &all, true);
	must(all.n == 6); /* counters, and five pieces of the queue */
	must(load(&w.side.mem, &all, UNITS, 0, &c) == ERR_OK);
	must(digest_eq(digest_of(c), digest_of(w.c)));
	catalog_free(w.c);
	w.c = catalog_new(&w.heap.mem, 9);
	for (size_t i = 0; i < all.n; i++)
		must(give(w.c, &all.at[i], all.at[i].len) == ERR_OK);
	must(catalog_restored(w.c) == ERR_OK);
	catalog_free(c);
	saved_fini(&all);
	remove_queue(&w, "q");
	save(&w, &all, true);
	must(all.n == 0 && all.deleted_n == 5);
	world_fini(&w);
}

static void bind_k(struct world *w, uint8_t kind, int i)
{
	char key[16];
	snprintf(key, sizeof key, "k%d", i);
	must(bind_or_unbind(w, kind, "amq.topic", "q", key, "") == ERR_OK);
}

static void buckets_split_and_join_again(void **s)
{
	(void)s;
	struct world w;
	struct saved all = { .n = 0 };
	struct catalog *c;
	size_t units_most = 0;
	world_init(&w);
	declare_queue(&w, "q", QUEUE_DURABLE, "");
	for (int i = 1, step = 1; i >= 0; i += step) {
		step = i == 300 ? -1 : step;
		if (i > 0)
			bind_k(&w, step > 0 ? CMD_BIND : CMD_UNBIND, i);
		if (i != 256 && i != 257 && i > 3)
			continue;
		save_more(&w, &all);
		must(load(&w.side.mem, &all, UNITS, 0, &c) == ERR_OK);
		must(digest_eq(digest_of(c), digest_of(w.c)));
		catalog_free(c);
		units_most = all.n > units_most ? all.n : units_most;
	}
	must(all.n == 2 && units_most == 18); /* counters and q; with many: 16 buckets, too */
	saved_fini(&all);
	world_fini(&w);
}

static void a_damaged_unit_is_refused(void **s)
{
	(void)s;
	struct world w;
	struct saved all;
	struct catalog *c;
	world_init(&w);
	story(&w);
	save(&w, &all, true);
	uint32_t refused = 0, tried = 0;
	for (size_t i = 0; i < all.n; i++)
		for (uint32_t len = 0; len < all.at[i].len; len++, tried++) {
			enum err err = load(&w.side.mem, &all, i, len, &c);
			must(err == ERR_OK || err == ERR_CORRUPT);
			refused += err == ERR_CORRUPT;
			if (err == ERR_OK)
				catalog_check(c);
			catalog_free(c);
		}
	must(refused + 4 >= tried); /* a unit may end between two bindings */
	for (size_t i = 0; i < all.n; i++)
		for (uint32_t at = 0; at < all.at[i].len; at++) {
			all.at[i].bytes[at] ^= 0x81;
			if (load(&w.side.mem, &all, UNITS, 0, &c) == ERR_OK)
				catalog_check(c);
			catalog_free(c);
			all.at[i].bytes[at] ^= 0x81;
		}
	struct unit_key bad[] = { { 0, 1 },
				  { DIRTY_EXCHANGE | 1, 7 },
				  { 1, UINT64_C(9) << 40 },
				  { UINT64_C(1) << 50, 0 },
				  { 1, UINT64_C(1) << 36 } };
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		must(catalog_restore(w.c, bad[i], slice_str("x")) == ERR_CORRUPT);
	saved_fini(&all);
	world_fini(&w);
}

/* Bytes as checkpoints have them: this test fails when a unit is written or read otherwise. */
static void bindings_between_exchanges_lie_as_they_ever_will(void **s)
{
	(void)s;
	static const char counters[] = "\1\5\0\0\0\0\0\0\0\3\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0";
	static const char exchange[] = "\2\0\0\1\1x\7headers\0\0\0\0";
	static const char between[] = "\6\0\0\012amq.fanout\1x\1k\3\0a=1"
				      "\0\0\1x\012amq.direct\0\0\0";
	const struct unit_key key[] = { { 0, 0 }, { UINT64_C(1) << 63 | 1, 0 }, { BETWEEN, 0 } };
	struct mem_for_tests heap = mem_for_tests((size_t)1 << 30);
	struct catalog *c = catalog_new(&heap.mem, 1);
	static uint8_t buf[CHECKPOINT_UNIT_MAX];
	struct unit_key got;
	uint32_t len;
	must(c != NULL);
	catalog_read_by(c, &words_ops);
	must(catalog_restore(c, key[0], slice_of(counters, sizeof counters - 1)) == ERR_OK);
	must(catalog_restore(c, key[2], slice_of(between, sizeof between - 1)) == ERR_OK);
	must(catalog_restore(c, key[1], slice_of(exchange, sizeof exchange - 1)) == ERR_OK);
	must(catalog_restored(c) == ERR_OK);
	catalog_check(c);
	const struct exchange *x = catalog_exchange(catalog_view(c), 0, slice_str("x"));
	must(x && x->bindings_n == 1 && catalog_view(c)->between_logged.n == 2);
	catalog_checkpoint_begin(c);
	must(!catalog_checkpoint_next(c, &got, buf, sizeof buf, &len));
	catalog_checkpoint_end(c, true);
	catalog_free(c);
	must(heap.mem.used == 0);
}

/* Units of others are refused where they are; the whole recovery ends then. */
static void a_catalog_may_go_before_all_units_are_here(void **s)
{
	(void)s;
	struct world w;
	struct saved all;
	struct mem_for_tests heap = mem_for_tests((size_t)1 << 30);
	world_init(&w);
	story(&w);
	save(&w, &all, true);
	struct catalog *c = catalog_new(&heap.mem, 1);
	must(c && all.n > 1);
	must(give(c, &all.at[0], all.at[0].len) == ERR_OK);
	must(give(c, &all.at[1], all.at[1].len) == ERR_OK);
	catalog_free(c);
	must(heap.mem.used == 0);
	saved_fini(&all);
	world_fini(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_what_lasts_comes_back),
		cmocka_unit_test(only_what_changed_is_written_again),
		cmocka_unit_test(what_is_decided_but_not_applied_waits_for_the_next),
		cmocka_unit_test(large_arguments_take_several_pieces),
		cmocka_unit_test(buckets_split_and_join_again),
		cmocka_unit_test(a_damaged_unit_is_refused),
		cmocka_unit_test(bindings_between_exchanges_lie_as_they_ever_will),
		cmocka_unit_test(a_catalog_may_go_before_all_units_are_here),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
