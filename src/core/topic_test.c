#include "core/topic.h"

#include "base/mem_for_tests.h"
#include "core/route.h"
#include "core/topic_for_tests.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#define MANY 400
static const struct hash_key secret = { 1, 2 };

struct tree {
	struct mem_for_tests heap;
	struct pmap_edit e;
	const struct exchange_name *x;
	uintptr_t root;
	const struct binding *at[MANY];
	size_t n;
	uint64_t queue;
	struct route r;
};

static void tree_init(struct tree *t)
{
	static const struct exchange_name nameless = { .id = 1 };
	memset(t, 0, sizeof *t);
	t->x = &nameless;
	t->heap = mem_for_tests(1 << 28);
	pmap_edit_init(&t->e, &t->heap.mem);
	route_init(&t->r, &t->heap.mem);
}

static void tree_add(struct tree *t, const char *pattern)
{
	struct binding_key key = { ++t->queue, t->x, slice_str(pattern), SLICE_EMPTY, NULL };
	must(t->n < MANY);
	const struct binding *b = binding_new(&t->e, &key, 1, 0);
	t->root = topic_add(&t->e, secret, t->root, b);
	t->at[t->n++] = b;
}

static void tree_del(struct tree *t, size_t i)
{
	t->root = topic_del(&t->e, secret, t->root, t->at[i]);
	binding_retire(&t->e, t->at[i]);
	t->at[i] = t->at[--t->n];
}

static void tree_fini(struct tree *t)
{
	while (t->n)
		tree_del(t, t->n - 1);
	must(t->root == 0);
	route_fini(&t->r);
	pmap_edit_fini(&t->e);
	must(t->heap.mem.used == 0);
}

static bool matches(struct tree *t, const char *key)
{
	t->r.n = 0;
	topic_route(t->root, secret, slice_str(key), &t->r);
	route_seen_clear(&t->r.queues);
	must(!t->r.is_short && t->r.steps_n == 0);
	return t->r.n > 0;
}

static void every_corner_of_the_rules(void **s)
{
	(void)s;
	static const struct {
		const char *pattern, *yes[6], *no[6];
	} rows[] = {
		{ "", { "" }, { "a", ".", "a.b" } },
		{ "#", { "", "a", ".", "a.b", "a..b" }, { NULL } },
		{ "*", { "a", "*", "#" }, { "", ".", "a.b" } },
		{ "a", { "a" }, { "", "b", "a.", ".a", "aa", "a.a" } },
		{ ".", { "." }, { "", "a", "..", "a.", ".a" } },
		{ "a..b", { "a..b" }, { "a.b", "a...b", "a.x.b" } },
		{ "a.*.b", { "a.x.b", "a..b" }, { "a.b", "a.x.y.b" } },
		{ "a.#.b", { "a.b", "a.x.b", "a..b", "a.x.y.b", "a.b.b" }, { "a", "b", "a.b.c" } },
		{ "a.#", { "a", "a.", "a.b", "a.b.c" }, { "", "b", "b.a", "aa" } },
		{ "#.b", { "b", ".b", "a.b", "b.b" }, { "", "b.a", "b." } },
		{ "#.#", { "", "a", "a.b" }, { NULL } },
		{ "#.*", { "a", "a.b", "." }, { "" } },
		{ "*.#", { "a", "a.b", "." }, { "" } },
		{ "*.*", { "a.b", "." }, { "", "a", "a.b.c" } },
		{ "#.a.#", { "a", "x.a", "a.x", "x.a.x", "a.a" }, { "", "x", "x.y" } },
		{ "#.a.#.a", { "a.a", "x.a.y.a", "a.a.a" }, { "a", "a.b", "a.a.b" } },
		{ "*.stock.#", { "usd.stock", "eur.stock.db" }, { "stock.nasdaq", "stock" } },
		{ "#.#.#", { "", "x", "x.y.z.w" }, { NULL } },
		{ "a.*x", { "a.*x" }, { "a.bx", "a.x" } },
		{ "##", { "##" }, { "a", "" } },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct tree t;
		tree_init(&t);
		tree_add(&t, rows[i].pattern);
		for (size_t k = 0; k < 6 && rows[i].yes[k]; k++)
			must(matches(&t, rows[i].yes[k]));
		for (size_t k = 0; k < 6 && rows[i].no[k]; k++)
			must(!matches(&t, rows[i].no[k]));
		tree_fini(&t);
	}
}

static bool found(const struct route *r, uint64_t queue)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < r->n; i++)
		n += r->to[i].queue == queue;
	must(n <= 1);
	return n;
}

static void agree(struct tree *t, const char *key)
{
	(void)matches(t, key);
	for (size_t i = 0; i < t->n; i++) {
		char pattern[256] = { 0 };
		memcpy(pattern, t->at[i]->bytes, t->at[i]->key_len);
		bool want = naive_match(pattern, key);
		bool is_right = found(&t->r, t->at[i]->to) == want;
		if (!is_right)
			fprintf(stderr, "pattern '%s' key '%s' want %d\n", pattern, key, want);
		must(is_right);
	}
}

static void any_tree_agrees_with_the_rules(void **s)
{
	(void)s;
	struct prng r = prng_of(1);
	for (int round = 0; round < 60; round++) {
		struct tree t;
		tree_init(&t);
		for (int i = 0; i < 400; i++) {
			char text[64];
			t.e.version += prng_chance(&r, 1, 2);
			if (t.n < MANY && (t.n == 0 || prng_chance(&r, 2, 3))) {
				make_words(&r, text, sizeof text, true, 6);
				tree_add(&t, text);
			} else {
				tree_del(&t, prng_below(&r, t.n));
			}
			make_words(&r, text, sizeof text, false, 6);
			agree(&t, text);
			if (i % 16 == 0) {
				topic_check(t.root, secret);
				pmap_collect(&t.e, t.e.version - 1);
			}
		}
		tree_fini(&t);
	}
}

/* 64 times `#.a`: followed naively, that is 2 to the power of some sixty. */
static void many_hashes_cost_steps_not_powers(void **s)
{
	(void)s;
	struct tree t;
	char pattern[256] = "", key[256] = "";
	tree_init(&t);
	for (int i = 0; i < 63; i++) {
		memcpy(pattern + 4 * (size_t)i, "#.a.", 5);
		memcpy(key + 4 * (size_t)i, "a.a.", 5);
	}
	memcpy(key + 252, "b", 2);
	memcpy(pattern + 252, "#.c", 4);
	tree_add(&t, pattern);
	for (int i = 8; i < 252; i += 4) {
		memcpy(pattern + i, "c", 2);
		tree_add(&t, pattern);
		memcpy(pattern + i, "#.a.", 4);
	}
	must(!matches(&t, key));
	tree_add(&t, "#.a.#.b.#");
	must(matches(&t, key));
	tree_fini(&t);
}

static void a_search_without_memory_says_so(void **s)
{
	(void)s;
	struct tree t;
	tree_init(&t);
	tree_add(&t, "#.a.#.b");
	for (long in = 1; in <= 2; in++) {
		route_fini(&t.r);
		t.heap.fail_in = in;
		t.r.n = 0;
		topic_route(t.root, secret, slice_str("a.b"), &t.r);
		must(t.r.is_short);
		t.r.is_short = false;
	}
	t.heap.fail_in = 0;
	must(matches(&t, "a.b"));
	tree_fini(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_corner_of_the_rules),
		cmocka_unit_test(any_tree_agrees_with_the_rules),
		cmocka_unit_test(many_hashes_cost_steps_not_powers),
		cmocka_unit_test(a_search_without_memory_says_so),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
