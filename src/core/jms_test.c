#include "core/catalog_for_tests.h"
#include "core/jms.h"
#include "core/route.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* The words of catalog_for_tests.h have no spaces in them, and so has no selector. */
#define SELECTOR(text) JMS_SELECTOR "=" text

static uint32_t routed(struct world *w, struct route *r, const char *words)
{
	const struct catalog_view *v = catalog_view(w->c);
	struct routing m = { .key = slice_str("any"),
			     .headers = &words_ops,
			     .props = slice_str(words) };
	must(route_message(v, catalog_exchange(v, 0, slice_str("x")), &m, r) == ERR_OK);
	return r->n;
}

static void each_binding_gets_what_its_selector_is_true_of(void **s)
{
	(void)s;
	struct world w;
	struct route r;
	world_init(&w);
	route_init(&r, &w.side.mem);
	must(declare_x(&w, "x", "x-jms-topic", 0, "") == ERR_OK);
	for (const char *q = "abcd"; *q; q++)
		declare_queue(&w, (char[]){ *q, 0 }, 0, "");
	must(routed(&w, &r, "n=1") == 0);
	must(bind_or_unbind(&w, CMD_BIND, "x", "a", "k",
			    SELECTOR("{'>',{'ident',<<\"n\">>},5}.")) == ERR_OK);
	must(bind_or_unbind(&w, CMD_BIND, "x", "b", "k",
			    SELECTOR("{'is_null',{'ident',<<\"n\">>}}.")) == ERR_OK);
	must(bind_or_unbind(&w, CMD_BIND, "x", "c", "k", "") == ERR_OK);
	must(bind_or_unbind(&w, CMD_BIND, "x", "d", "any", SELECTOR("5")) == ERR_OK);
	must(routed(&w, &r, "n=6") == 1 && r.to[0].queue == id_of(&w, "a") && r.varies);
	must(routed(&w, &r, "n=5") == 0);
	must(routed(&w, &r, "m=6") == 1 && r.to[0].queue == id_of(&w, "b"));
	must(bind_or_unbind(&w, CMD_BIND, "x", "b", "k",
			    SELECTOR("{'=',{'ident',<<\"n\">>},6}.")) == ERR_OK);
	must(routed(&w, &r, "n=6") == 2 && routed(&w, &r, "") == 1);
	must(bind_or_unbind(&w, CMD_UNBIND, "x", "a", "k",
			    SELECTOR("{'>',{'ident',<<\"n\">>},5}.")) == ERR_OK);
	must(routed(&w, &r, "n=6") == 1 && routed(&w, &r, "n=7") == 0);
	route_fini(&r);
	world_fini(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_binding_gets_what_its_selector_is_true_of),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
