#include "core/catalog_for_tests.h"
#include "core/spread.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define KEYS 20000

static uint64_t route_one(struct world *w, struct route *r, const char *x, struct routing m)
{
	const struct catalog_view *v = catalog_view(w->c);
	must(route_message(v, catalog_exchange(v, 0, slice_str(x)), &m, r) == ERR_OK);
	must(r->n == 1);
	return r->to[0].queue;
}

/* Where keys 0, 1, 2 ... go; returns how many go to each of the queues "a", "b" ... */
static void spread(struct world *w, struct route *r, uint64_t *to, uint32_t *n)
{
	char key[16];
	memset(n, 0, 8 * sizeof n[0]);
	for (int i = 0; i < KEYS; i++) {
		snprintf(key, sizeof key, "%d", i);
		to[i] = route_one(w, r, "x", (struct routing){ .key = slice_str(key) });
		for (char q = 'a'; q < 'a' + 8; q++)
			n[q - 'a'] += to[i] == id_of(w, (char[]){ q, 0 });
	}
}

static bool is_about(uint32_t n, uint32_t want)
{
	return n > want - want / 10 && n < want + want / 10;
}

static void a_binding_gets_what_its_weight_says_and_moves_only_its_share(void **s)
{
	(void)s;
	static uint64_t before[KEYS], after[KEYS];
	uint32_t n[8];
	struct world w;
	struct route r;
	world_init(&w);
	route_init(&r, &w.side.mem);
	must(declare_x(&w, "x", "x-consistent-hash", 0, "") == ERR_OK);
	for (const char *q = "abcd"; *q; q++) {
		declare_queue(&w, (char[]){ *q, 0 }, 0, "");
		must(bind_to(&w, "x", (char[]){ *q, 0 }, *q == 'd' ? "2" : "1") == ERR_OK);
	}
	spread(&w, &r, before, n);
	must(is_about(n[0], KEYS / 5) && is_about(n[1], KEYS / 5) && is_about(n[2], KEYS / 5));
	must(is_about(n[3], KEYS * 2 / 5));
	must(unbind_from(&w, "x", "b", "1") == ERR_OK);
	spread(&w, &r, after, n);
	for (int i = 0; i < KEYS; i++)
		must(before[i] == after[i] || before[i] == id_of(&w, "b"));
	must(n[1] == 0 && is_about(n[3], KEYS / 2));
	must(bind_to(&w, "x", "b", "1") == ERR_OK);
	spread(&w, &r, after, n);
	must(memcmp(before, after, sizeof before) == 0);
	route_fini(&r);
	world_fini(&w);
}

static void what_is_hashed_can_be_a_header(void **s)
{
	(void)s;
	struct world w;
	struct route r;
	world_init(&w);
	route_init(&r, &w.side.mem);
	must(declare_x(&w, "x", "x-consistent-hash", 0, "hash-header=h") == ERR_OK);
	for (const char *q = "abcd"; *q; q++) {
		declare_queue(&w, (char[]){ *q, 0 }, 0, "");
		must(bind_to(&w, "x", (char[]){ *q, 0 }, "10") == ERR_OK);
	}
	uint64_t seen[2] = { 0 };
	for (int i = 0; i < 200; i++) {
		char key[16], words[32];
		snprintf(key, sizeof key, "%d", i);
		snprintf(words, sizeof words, "a=%d h=%d", i, i / 100);
		struct routing m = { .key = slice_str(key),
				     .headers = &words_ops,
				     .props = slice_str(words) };
		uint64_t to = route_one(&w, &r, "x", m);
		must(r.varies && (seen[i / 100] == 0 || seen[i / 100] == to));
		seen[i / 100] = to;
		m.props = SLICE_EMPTY;
		to = route_one(&w, &r, "x", m);
		m.headers = NULL;
		must(route_one(&w, &r, "x", m) == to);
	}
	route_fini(&r);
	world_fini(&w);
}

static void chance_and_modulus_take_turns(void **s)
{
	(void)s;
	static const char *const types[] = { "x-random", "x-local-random", "x-modulus-hash" };
	for (int t = 0; t < 3; t++) {
		struct world w;
		struct route r;
		uint32_t n[4] = { 0 };
		world_init(&w);
		route_init(&r, &w.side.mem);
		must(declare_x(&w, "x", types[t], 0, "") == ERR_OK);
		for (const char *q = "abcd"; *q; q++) {
			declare_queue(&w, (char[]){ *q, 0 }, 0, "");
			must(bind_to(&w, "x", (char[]){ *q, 0 }, "") == ERR_OK);
		}
		for (uint64_t i = 0; i < KEYS; i++) {
			char key[16];
			snprintf(key, sizeof key, "%llu", (unsigned long long)i);
			struct routing m = { .key = slice_str(t == 2 ? key : "k"), .dice = i };
			uint64_t to = route_one(&w, &r, "x", m);
			must(r.varies == (t < 2) && to == route_one(&w, &r, "x", m));
			for (char q = 'a'; q <= 'd'; q++)
				n[q - 'a'] += to == id_of(&w, (char[]){ q, 0 });
		}
		for (int q = 0; q < 4; q++)
			must(is_about(n[q], KEYS / 4));
		route_fini(&r);
		world_fini(&w);
	}
}

static void a_weight_is_a_number_above_0(void **s)
{
	(void)s;
	uint32_t weight = 7;
	must(spread_weight(slice_str("12"), &weight) == ERR_OK && weight == 12);
	must(spread_weight(slice_str("+3"), &weight) == ERR_OK && weight == 3);
	must(spread_weight(slice_str("99999999999999999999999"), &weight) == ERR_OK);
	must(weight == SPREAD_WEIGHT_MAX);
	must(spread_weight(slice_str("0"), &weight) == ERR_LIMIT);
	must(spread_weight(slice_str("-5"), &weight) == ERR_LIMIT);
	must(spread_weight(slice_str(""), &weight) == ERR_MALFORMED);
	must(spread_weight(slice_str("-"), &weight) == ERR_MALFORMED);
	must(spread_weight(slice_str(" 3"), &weight) == ERR_MALFORMED);
	must(spread_weight(slice_str("3x"), &weight) == ERR_MALFORMED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_binding_gets_what_its_weight_says_and_moves_only_its_share),
		cmocka_unit_test(what_is_hashed_can_be_a_header),
		cmocka_unit_test(chance_and_modulus_take_turns),
		cmocka_unit_test(a_weight_is_a_number_above_0),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
