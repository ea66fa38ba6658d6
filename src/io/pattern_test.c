#include "io/pattern.h"

#include "base/text.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#define MANY 2000 /* more expressions than are kept */

static bool is_match(struct patterns *p, const char *expr, const char *subject)
{
	return p->ops->match(p, slice_str(expr), slice_str(subject));
}

static void the_first_match_is_as_good_as_the_next(void **s)
{
	(void)s;
	struct pattern_cache *c = pattern_new();
	must(c != NULL);
	for (int i = 0; i < 2; i++) {
		must(is_match(pattern_port(c), "^ann-[0-9]+$", "ann-17"));
		must(!is_match(pattern_port(c), "^ann-[0-9]+$", "ann-x"));
		must(is_match(pattern_port(c), "", ""));
		must(is_match(pattern_port(c), "nn", "ann"));
	}
	pattern_free(c);
}

static void what_is_no_expression_matches_nothing(void **s)
{
	(void)s;
	char room[200];
	struct text why = text_of(room, sizeof room);
	struct pattern_cache *c = pattern_new();
	must(c != NULL);
	must(!is_match(pattern_port(c), "(ann", "(ann"));
	must(pattern_check(slice_str("(ann"), &why) == ERR_MALFORMED && why.n > 0);
	must(pattern_check(slice_str("(ann)"), &why) == ERR_OK);
	pattern_free(c);
}

static void an_expression_that_gave_way_matches_again(void **s)
{
	(void)s;
	struct pattern_cache *c = pattern_new();
	must(c != NULL);
	for (int i = 0; i < 2 * MANY; i++) {
		char room[32], other[32];
		struct text expr = text_of(room, sizeof room), next = text_of(other, sizeof other);
		text_putf(&expr, "^q%d$", i % MANY);
		text_putf(&next, "^q%d$", i % MANY + 1);
		struct slice subject = slice_sub(text_slice(&expr), 1, expr.n - 2);
		struct patterns *p = pattern_port(c);
		must(p->ops->match(p, text_slice(&expr), subject));
		must(!p->ops->match(p, text_slice(&next), subject));
	}
	pattern_free(c);
}

static void a_cache_that_was_never_asked_is_freed(void **s)
{
	(void)s;
	pattern_free(pattern_new());
	pattern_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_match_is_as_good_as_the_next),
		cmocka_unit_test(what_is_no_expression_matches_nothing),
		cmocka_unit_test(an_expression_that_gave_way_matches_again),
		cmocka_unit_test(a_cache_that_was_never_asked_is_freed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
