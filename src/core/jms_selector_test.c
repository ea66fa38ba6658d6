#include "base/exact_for_tests.h"
#include "base/must.h"
#include "core/catalog_for_tests.h"
#include "core/jms_selector.h"
#include "core/value.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define HAS "n=7 big=9007199254740993 text=blue"

/* In a block of its exact size. */
static bool matches(const char *text)
{
	struct slice copy = exact(slice_str(text), strlen(text));
	bool is_good = jms_selector_check(copy) == ERR_OK;
	bool is_match = jms_selector_matches(copy, &words_ops, slice_str(HAS));
	must_if(is_match, is_good);
	exact_free(copy);
	return is_match;
}

static bool is_good(const char *text)
{
	return jms_selector_check(slice_str(text)) == ERR_OK;
}

#define N    "{'ident',<<\"n\">>}"
#define TEXT "{'ident',<<\"text\">>}"
#define GONE "{'ident',<<\"gone\">>}"

static void comparisons_are_those_of_erlang(void **s)
{
	(void)s;
	must(matches("{'='," N ",7}") && matches("{'='," N ",7.0}") && !matches("{'<>'," N ",7}"));
	must(matches("{'>'," N ",6.5}") && matches("{'<',{'-'," N "},-2}"));
	must(matches("{'>='," N ",7}") && matches("{'=<'," N ",7}") == false &&
	     matches("{'<='," N ",7}"));
	must(matches("{'='," TEXT ",<<\"blue\">>}") && matches("{'<'," TEXT ",<<\"bluf\">>}"));
	must(matches("{'>'," TEXT ",<<\"blu\">>}") && matches("{'>'," TEXT ",100000}"));
	must(matches("{'<>'," TEXT ",7}") && !matches("{'='," TEXT ",7}"));
	must(matches("{'<'," N ",'false'}") && matches("{'<','false','true'}"));
	must(!matches("{'=',{'ident',<<\"big\">>},9007199254740992.0}"));
	must(matches("{'>',{'ident',<<\"big\">>},9007199254740992.0}"));
}

static void what_is_not_there_is_unknown(void **s)
{
	(void)s;
	must(!matches("{'='," GONE ",7}") && !matches("{'<>'," GONE ",7}"));
	must(!matches("{'not',{'='," GONE ",7}}") && !matches(GONE));
	must(matches("{'is_null'," GONE "}") && !matches("{'not_null'," GONE "}"));
	must(!matches("{'is_null'," N "}") && matches("{'not_null'," N "}"));
	must(!matches("{'is_null',5}") && matches("{'not_null',<<\"x\">>}"));
	must(!matches("{'and','true',{'='," GONE ",1}}") &&
	     !matches("{'and',{'='," GONE ",1},'false'}"));
	must(matches("{'not',{'and',{'='," GONE ",1},'false'}}"));
	must(matches("{'or',{'='," GONE ",1},'true'}") &&
	     !matches("{'or',{'='," GONE ",1},'false'}"));
	must(!matches("{'not',{'or',{'='," GONE ",1},'false'}}"));
	must(jms_selector_matches(slice_str("{'is_null'," N "}"), NULL, SLICE_EMPTY));
}

static void numbers_calculate(void **s)
{
	(void)s;
	must(matches("{'=',{'+'," N ",3},10}") && matches("{'=',{'-'," N ",10},-3}"));
	must(matches("{'=',{'*'," N ",-2},-14}") && matches("{'=',{'/'," N ",2},3.5}"));
	must(matches("{'=',{'-'," N "},-7}") && matches("{'=',{'+'," N "},7}"));
	must(matches("{'>',{'/'," N ",0},5}") && matches("{'=',{'/',0,0},'nan'}"));
	must(!matches("{'=',{'+'," TEXT ",1},1}") && !matches("{'not',{'=',{'+'," TEXT ",1},1}}"));
	must(matches("{'>',{'*',9223372036854775807,2},9223372036854775807}"));
	must(matches("{'=',{'+',9223372036854775807,1},9223372036854775808}"));
	must(matches("{'=',1.5e3,1500}") && matches("{'=',1.0E-2,0.01}") &&
	     matches("{'=',- 5,-5}"));
	must(matches("{'=',0.1,0.1}") && matches("{'<',1.0e300,1.0e301}") && !is_good("1.0e999"));
}

static void sets_and_ranges(void **s)
{
	(void)s;
	must(matches("{'in'," TEXT ",[<<\"red\">>,<<\"blue\">>]}"));
	must(!matches("{'in'," TEXT ",[<<\"red\">>]}") && !matches("{'in'," TEXT ",[]}"));
	must(matches("{'not_in'," TEXT ",[<<\"red\">>]}") && matches("{'not_in'," TEXT ",[]}"));
	must(matches("{'in'," N ",[6,7]}") && !matches("{'in'," N ",[7.0]}"));
	must(!matches("{'in'," GONE ",[<<\"red\">>]}") &&
	     !matches("{'not_in'," GONE ",[<<\"red\">>]}"));
	must(!matches("{'in'," N ",7}"));
	must(matches("{'between'," N ",{'range',7,9}}") && matches("{'between'," N ",5,7}"));
	must(!matches("{'between'," N ",{'range',8,9}}") && matches("{'not_between'," N ",8,9}"));
	must(!matches("{'between'," GONE ",1,9}") && !matches("{'not_between'," GONE ",1,9}"));
	must(!matches("{'between'," N ",7}"));
}

static void texts_are_like_patterns(void **s)
{
	(void)s;
	must(matches("{'like'," TEXT ",<<\"b%\">>,'no_escape'}"));
	must(matches("{'like'," TEXT ",<<\"_lu_\">>,no_escape}"));
	must(matches("{'like'," TEXT ",<<\"%\">>,'no_escape'}"));
	must(matches("{'like'," TEXT ",<<\"%l%e\">>,'no_escape'}"));
	must(!matches("{'like'," TEXT ",<<\"b\">>,'no_escape'}"));
	must(!matches("{'like'," TEXT ",<<\"lue\">>,'no_escape'}"));
	must(!matches("{'like'," TEXT ",<<\"%x%\">>,'no_escape'}"));
	must(matches("{'not_like'," TEXT ",<<\"red%\">>,'no_escape'}"));
	must(!matches("{'like'," N ",<<\"7\">>,'no_escape'}"));
	must(!matches("{'not_like'," GONE ",<<\"7\">>,'no_escape'}"));
	must(matches("{'like',<<\"a_b\">>,<<\"a!_b\">>,<<\"!\">>}"));
	must(!matches("{'like',<<\"axb\">>,<<\"a!_b\">>,<<\"!\">>}"));
	must(matches("{'like',<<\"a\\\"b\\\\\">>,<<\"a\\\"b\\\\\">>,'no_escape'}"));
	must(matches("{'like',<<>>,<<\"%%\">>,'no_escape'}") &&
	     matches("{'like',<<>>,<<>>,no_escape}"));
}

static void a_long_search_gives_up(void **s)
{
	(void)s;
	static char text[20000];
	size_t n = (size_t)snprintf(text, sizeof text, "{'like',<<\"");
	memset(text + n, 'a', 6000);
	n += 6000;
	n += (size_t)snprintf(text + n, sizeof text - n, "\">>,<<\"%%");
	memset(text + n, 'a', 3000);
	n += 3000;
	n += (size_t)snprintf(text + n, sizeof text - n, "b\">>,'no_escape'}");
	must(jms_selector_check(slice_of(text, n)) == ERR_MALFORMED); /* too much work */
	must(!jms_selector_matches(slice_of(text, n), NULL, SLICE_EMPTY));
}

static void every_prefix_is_refused(void **s)
{
	(void)s;
	static const char whole[] =
		" {'and',{'>=',{ident,<<\"n\">>}, 7.5e0},\n{'in',{'ident',<<\"t\">>},"
		"[<<\"a\">>,<<\"\\\"\">>]}} .";
	size_t n = sizeof whole - 1;
	must(is_good(whole));
	for (size_t i = 0; i < n; i++) {
		struct slice part = exact(slice_of(whole, i), i);
		bool is_all = i + 2 >= n; /* the point may be missing */
		must((jms_selector_check(part) == ERR_OK) == is_all);
		exact_free(part);
	}
}

static void what_is_no_term_is_refused(void **s)
{
	(void)s;
	static const char *const texts[] = {
		"",      ".",        "{",           "}",    "foo",     "{'system',1}", "[1,]",
		"{1,}",  "<<\"a\">", "<<\"a>>",     "'and", "1 2",     "1..",          "#{}",
		"fun()", "$a",       "<< 1 >>",     "-",    "{'-' 1}", "-a",           "1.5e",
		"\"a",   "{'a\\",    "<<\"a\\\">>", "1e5",  "?X",      "Var",
	};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		must(!is_good(texts[i]) && !matches(texts[i]));
	must(is_good("\"a list\"") && is_good("{}") && is_good("[]") && is_good("5."));
	must(!matches("\"a list\"") && !matches("{}") && !matches("{'=',1,1,1,1}"));
}

static void depth_is_bounded(void **s)
{
	(void)s;
	char text[400];
	for (uint32_t depth = 1; depth < 40; depth++) {
		size_t n = 0;
		for (uint32_t i = 0; i < depth; i++)
			n += (size_t)snprintf(text + n, sizeof text - n, "{'not',");
		n += (size_t)snprintf(text + n, sizeof text - n, "true");
		for (uint32_t i = 0; i < depth; i++)
			text[n++] = '}';
		text[n] = '\0';
		must(is_good(text) == (depth <= JMS_SELECTOR_DEPTH_MAX));
		must(matches(text) == (depth <= JMS_SELECTOR_DEPTH_MAX && depth % 2 == 0));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(comparisons_are_those_of_erlang),
		cmocka_unit_test(what_is_not_there_is_unknown),
		cmocka_unit_test(numbers_calculate),
		cmocka_unit_test(sets_and_ranges),
		cmocka_unit_test(texts_are_like_patterns),
		cmocka_unit_test(a_long_search_gives_up),
		cmocka_unit_test(every_prefix_is_refused),
		cmocka_unit_test(what_is_no_term_is_refused),
		cmocka_unit_test(depth_is_bounded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
