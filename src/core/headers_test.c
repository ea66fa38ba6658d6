#include "core/catalog_for_tests.h"
#include "core/headers_for_tests.h"
#include "core/route.h"

#include "base/prng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void find(struct world *w, const char *words, struct route *r)
{
	const struct catalog_view *v = catalog_view(w->c);
	struct routing m = { .headers = &words_ops, .props = slice_str(words) };
	must(route_message(v, catalog_exchange(v, 0, slice_str("amq.headers")), &m, r) == ERR_OK);
	must(r->varies);
}

static enum err change(struct world *w, uint8_t kind, const char *queue, const char *words)
{
	return bind_or_unbind(w, kind, "amq.headers", queue, "", words);
}

static bool goes(struct world *w, const char *binding, const char *message)
{
	struct route r;
	route_init(&r, &w->side.mem);
	must(change(w, CMD_BIND, "q", binding) == ERR_OK);
	catalog_check(w->c);
	find(w, message, &r);
	bool there = r.n == 1;
	must(r.n <= 1);
	must(change(w, CMD_UNBIND, "q", binding) == ERR_OK);
	find(w, message, &r);
	must(r.n == 0);
	catalog_check(w->c);
	everybody_has_seen(w);
	route_fini(&r);
	return there;
}

static void all_wants_every_pair(void **s)
{
	(void)s;
	struct world w;
	world_init(&w);
	declare_queue(&w, "q", 0, "");
	must(goes(&w, "", "") && goes(&w, "", "a=1") && goes(&w, "x-match=all", "a=1"));
	must(goes(&w, "a=1", "a=1") && goes(&w, "a=1 b=x", "b=x c=9 a=1"));
	must(!goes(&w, "a=1 b=x", "a=1") && !goes(&w, "a=1 b=x", "b=x") && !goes(&w, "a=1", ""));
	must(!goes(&w, "a=1 b=x x-match=all", "a=1 b=y"));
	must(goes(&w, "a=1 a=1", "a=1") && !goes(&w, "a=1 a=2", "a=1"));
	world_fini(&w);
}

static void any_wants_one_pair(void **s)
{
	(void)s;
	struct world w;
	world_init(&w);
	declare_queue(&w, "q", 0, "");
	must(!goes(&w, "x-match=any", "") && !goes(&w, "x-match=any", "a=1"));
	must(goes(&w, "x-match=any a=1 b=x", "b=x") && goes(&w, "a=1 b=x x-match=any", "a=1"));
	must(goes(&w, "x-match=any a=1 a=1 b=", "a=1 b=5"));
	must(!goes(&w, "x-match=any a=1 b=x", "a=2 b=1 c=x"));
	world_fini(&w);
}

static void names_with_x_count_only_when_asked(void **s)
{
	(void)s;
	struct world w;
	world_init(&w);
	declare_queue(&w, "q", 0, "");
	must(goes(&w, "a=1 x-b=2", "a=1") && !goes(&w, "a=1 x-b=2 x-match=all-with-x", "a=1"));
	must(goes(&w, "a=1 x-b=2 x-match=all-with-x", "x-b=2 a=1"));
	must(!goes(&w, "x-match=any x-b=2", "x-b=2"));
	must(goes(&w, "x-match=any-with-x x-b=2", "x-b=2"));
	must(!goes(&w, "x-match=any-with-x x-b=2", "x-match=any-with-x"));
	world_fini(&w);
}

static void a_value_must_be_the_same_and_of_its_class(void **s)
{
	(void)s;
	struct world w;
	world_init(&w);
	declare_queue(&w, "q", 0, "");
	must(goes(&w, "a=07", "a=7") && goes(&w, "a=7", "a=07"));
	must(!goes(&w, "a=7", "a=7.0") && goes(&w, "a=7.5", "a=7.5") && !goes(&w, "a=7", "a=b7"));
	must(goes(&w, "a=", "a=7") && goes(&w, "a=", "a=") && !goes(&w, "a=", "b=7"));
	must(!goes(&w, "a=7", "a="));
	must(!goes(&w, "a=2", "a=1 a=2") && goes(&w, "a=1", "a=1 a=2")); /* the first counts */
	must(goes(&w, "x-match=any a=1", "a=1 a=2") && !goes(&w, "x-match=any a=2", "a=1 a=2"));
	world_fini(&w);
}

/* Many headers, and many pairs: found by name, and the first of two counts all the same. */
static void many_headers_are_found_as_few_are(void **s)
{
	(void)s;
	struct world w;
	char binding[4096] = "", message[4096] = "x=1 ";
	world_init(&w);
	declare_queue(&w, "q", 0, "");
	for (int i = 0; i < 200; i++) {
		size_t n = strlen(message), b = strlen(binding);
		snprintf(message + n, sizeof message - n, "n%d=%d ", (i * 7) % 100, i);
		if (i < 100)
			snprintf(binding + b, sizeof binding - b, "n%d=%d ", (i * 7) % 100, i);
	}
	message[strlen(message) - 1] = binding[strlen(binding) - 1] = '\0';
	must(goes(&w, binding, message) && goes(&w, "n7=1", message));
	must(!goes(&w, "n7=101", message) && !goes(&w, "none=", message));
	must(goes(&w, "x-match=any none= x=1", message) && goes(&w, "n99=", message));
	snprintf(binding + strlen(binding), sizeof binding - strlen(binding), " y=1");
	must(!goes(&w, binding, message));
	world_fini(&w);
}

/* Random bindings and messages over few names, against every binding in turn. */

#define BINDINGS 400

struct some {
	char words[BINDINGS][64];
	bool is[BINDINGS];
};

static void make_words(struct prng *r, char *to, size_t cap, bool is_binding)
{
	static const char *const match[] = { "", "x-match=any ", "x-match=all ",
					     "x-match=any-with-x ", "x-match=all-with-x " };
	size_t n = (size_t)snprintf(to, cap, "%s", is_binding ? match[prng_below(r, 5)] : "");
	for (uint64_t i = 0, pairs = prng_below(r, 5); i < pairs; i++) {
		char name = (char)('a' + prng_below(r, 6));
		const char *x = prng_chance(r, 1, 5) ? "x-" : "";
		if (prng_chance(r, 1, 8))
			n += (size_t)snprintf(to + n, cap - n, "%s%c= ", x, name);
		else
			n += (size_t)snprintf(to + n, cap - n, "%s%c=%d ", x, name,
					      (int)prng_below(r, 4));
	}
	if (n > 0)
		to[n - 1] = '\0';
}

static void routes_are_those_of_looking_at_every_binding(void **s)
{
	(void)s;
	static struct some k;
	struct world w;
	struct route r;
	struct prng p = prng_of(7);
	char name[16], message[64];
	world_init(&w);
	route_init(&r, &w.side.mem);
	for (int i = 0; i < BINDINGS; i++) {
		snprintf(name, sizeof name, "q%d", i);
		declare_queue(&w, name, 0, "");
	}
	for (int round = 0; round < 6000; round++) {
		int i = (int)prng_below(&p, BINDINGS);
		uint32_t want = 0;
		snprintf(name, sizeof name, "q%d", i);
		if (!k.is[i])
			make_words(&p, k.words[i], sizeof k.words[i], true);
		must(change(&w, k.is[i] ? CMD_UNBIND : CMD_BIND, name, k.words[i]) == ERR_OK);
		k.is[i] = !k.is[i];
		if (round % 100 == 0) {
			catalog_check(w.c);
			everybody_has_seen(&w);
		}
		make_words(&p, message, sizeof message, false);
		find(&w, message, &r);
		for (int b = 0; b < BINDINGS; b++)
			want += k.is[b] && naive_headers(k.words[b], message);
		must(r.n == want);
	}
	route_fini(&r);
	world_fini(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_wants_every_pair),
		cmocka_unit_test(any_wants_one_pair),
		cmocka_unit_test(names_with_x_count_only_when_asked),
		cmocka_unit_test(a_value_must_be_the_same_and_of_its_class),
		cmocka_unit_test(many_headers_are_found_as_few_are),
		cmocka_unit_test(routes_are_those_of_looking_at_every_binding),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
