#include "session/mapping.h"

#include "base/exact_for_tests.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static uint8_t room[LIMIT_SHORTSTR];

/* What `json` gives to `name`; NULL: nothing. */
static const char *found(const char *json, const char *name)
{
	static char text[LIMIT_SHORTSTR + 1];
	struct slice out;
	if (!mapping_read(slice_str(json), slice_str(name), room, &out))
		return NULL;
	memcpy(text, out.p, out.n);
	text[out.n] = '\0';
	return text;
}

static void a_name_has_the_text_that_stands_behind_it(void **state)
{
	(void)state;
	static const char ports[] = "{\"1883\":\"/\",\"1884\":\"north\"}";
	assert_string_equal(found(ports, "1883"), "/");
	assert_string_equal(found(ports, "1884"), "north");
	assert_null(found(ports, "188"));
	assert_null(found(ports, "18840"));
	assert_null(found("{}", "1883"));
	assert_string_equal(found(" {\n\t\"a\" : \"b\" , \"c\" :\r\"d\" } ", "c"), "d");
}

static void other_values_are_passed_over(void **state)
{
	(void)state;
	static const char mixed[] =
		"{\"a\":[1,{\"b\":\"no\",\"x\":\"]}\"},[]],\"c\":-1.5e3,\"d\":null,"
		"\"e\":{},\"b\":\"yes\"}";
	assert_string_equal(found(mixed, "b"), "yes");
	assert_null(found(mixed, "a"));
	assert_null(found(mixed, "c"));
	assert_null(found(mixed, "x"));
	assert_null(found("{\"a\":\"\"}", "a"));
	assert_null(found("[\"a\",\"b\"]", "a"));
	assert_null(found("\"a\"", "a"));
	assert_null(found("", "a"));
}

static void escapes_are_what_they_mean(void **state)
{
	(void)state;
	static const char dn[] = "{\"O=a\\\"b\\\\,CN=\\u00fc\":\"\\u20ac\\ud83d\\ude00\\/\\t\"}";
	assert_string_equal(found(dn, "O=a\"b\\,CN=\xc3\xbc"), "\xe2\x82\xac\xf0\x9f\x98\x80/\t");
	assert_null(found("{\"a\":\"\\ud83d\"}", "a"));
	assert_null(found("{\"a\":\"\\ude00\\ud83d\"}", "a"));
	assert_null(found("{\"a\":\"\\u00g0\"}", "a"));
	assert_null(found("{\"a\":\"\\x\"}", "a"));
}

static void what_is_too_long_is_nothing(void **state)
{
	(void)state;
	char json[4 * LIMIT_SHORTSTR], name[LIMIT_SHORTSTR + 2];
	memset(name, 'n', sizeof name);
	for (int n = LIMIT_SHORTSTR; n <= LIMIT_SHORTSTR + 1; n++) {
		snprintf(json, sizeof json, "{\"a\":\"%.*s\",\"%.*s\":\"b\"}", n, name, n, name);
		name[n] = '\0';
		assert_int_equal(found(json, "a") != NULL, n <= LIMIT_SHORTSTR);
		assert_int_equal(found(json, name) != NULL, n <= LIMIT_SHORTSTR);
		name[n] = 'n';
	}
}

/* Whatever is missing at the end: nothing is read behind it, and nothing is made up. */
static void every_prefix_is_read_to_its_end(void **state)
{
	(void)state;
	static const char whole[] =
		"{\"a\":[1,{\"\\u00e4\":[]}],\"q\":\"\\ud83d\\ude00\",\"b\":\"x\"}";
	for (size_t n = 0; n <= slice_str(whole).n; n++) {
		struct slice out, json = exact(slice_str(whole), n);
		bool is = mapping_read(json, slice_str("b"), room, &out);
		assert_int_equal(is, n >= sizeof whole - 2);
		exact_free(json);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_has_the_text_that_stands_behind_it),
		cmocka_unit_test(other_values_are_passed_over),
		cmocka_unit_test(escapes_are_what_they_mean),
		cmocka_unit_test(what_is_too_long_is_nothing),
		cmocka_unit_test(every_prefix_is_read_to_its_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
