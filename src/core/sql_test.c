#include "base/must.h"
#include "core/catalog_for_tests.h"
#include "core/sql.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define HAS                                                                         \
	"i=6 d=2.5 s='7 text=blue odd='50%_x true='true umlaut=\xc3\xa4x price='7 " \
	"big=9007199254740993"

/* Priority 7, type "kind", made in second 100; nothing else. */
static bool property(struct slice props, enum header_property which, struct header *out)
{
	(void)props;
	if (which == HEADER_PRIORITY)
		*out = (struct header){ .class = HEADER_INT, .number = 7 };
	else if (which == HEADER_TYPE)
		*out = (struct header){ .class = HEADER_TEXT, .octets = slice_str("kind") };
	else if (which == HEADER_TIMESTAMP)
		*out = (struct header){ .class = HEADER_TIME, .number = 100 };
	return which == HEADER_PRIORITY || which == HEADER_TYPE || which == HEADER_TIMESTAMP;
}

static bool next(struct rd *r, struct header *out)
{
	const double real = 2.5;
	bool is_one = words_next(r, out);
	if (is_one && out->class == HEADER_REAL)
		memcpy(&out->number, &real, sizeof real);
	return is_one;
}

static const struct header_ops ops = { words_begin, next, property };

static enum err compile(const char *text, uint8_t flags, uint8_t *code, uint32_t *n)
{
	size_t bytes = strlen(text);
	char *copy = malloc(bytes ? bytes : 1);
	must(copy != NULL);
	memcpy(copy, text, bytes);
	enum err e = sql_compile(slice_of(copy, bytes), flags, code, n);
	free(copy);
	return e;
}

static bool look(const char *text, uint8_t flags)
{
	uint8_t code[SQL_CODE_MAX];
	uint32_t n = 0;
	if (compile(text, flags, code, &n) != ERR_OK) {
		print_error("no selector: %s\n", text);
		must(!"it should be one");
	}
	uint8_t *copy = malloc(n);
	must(copy != NULL);
	memcpy(copy, code, n);
	struct sql_message m = { .ops = &ops, .props = slice_str(HAS), .is_persistent = true };
	uint32_t steps = SQL_STEPS_MAX + 1;
	bool is_match = sql_matches(slice_of(copy, n), &m, &steps);
	must(steps > 0 && steps <= SQL_STEPS_MAX);
	free(copy);
	return is_match;
}

static bool matches(const char *text)
{
	return look(text, 0);
}

/* Neither it nor its opposite. */
static bool is_unknown(const char *text)
{
	char opposite[200];
	(void)snprintf(opposite, sizeof opposite, "NOT (%s)", text);
	return !matches(text) && !matches(opposite);
}

static bool is_false(const char *text)
{
	char opposite[200];
	(void)snprintf(opposite, sizeof opposite, "NOT (%s)", text);
	return !matches(text) && matches(opposite);
}

static bool is_selector(const char *text)
{
	uint8_t code[SQL_CODE_MAX];
	uint32_t n = 0;
	return compile(text, 0, code, &n) == ERR_OK;
}

static void numbers_are_compared_whatever_their_kind(void **s)
{
	(void)s;
	must(matches("i = 6") && matches("i=6.0") && matches("i <> 5") && is_false("i <> 6"));
	must(matches("i > 5.5 AND i >= 6 AND i < 7 AND i <= 6 AND d > 2"));
	must(matches("i = 0x6") && matches("i = 006") && matches("i = 6L") && matches("d = 25E-1"));
	must(matches("d = 2.5") && matches("i = 6.") && matches("d > .5") && matches("i < 6E1"));
	must(matches("i = 0X06") && !matches("i = 010") && matches("i + 2 = 010"));
	must(matches("big = 9007199254740993") && matches("big <> 9007199254740992"));
	must(matches("i = +6") && matches("-i = -6") && matches("i = - -6"));
}

static void sums_and_products_bind_as_usual(void **s)
{
	(void)s;
	must(matches("i + 2 * 3 = 12") && matches("(i + 2) * 3 = 24") && matches("i - 1 - 1 = 4"));
	must(matches("(i-1)/2 = 2.5") && !matches("(i-1)/2 = 2") && matches("i % 4 = 2"));
	must(matches("i/4 = 1.5") && matches("d % 2 = 0.5") && is_unknown("i / 0 = 1"));
	must(is_unknown("i % 0 = 1") && is_unknown("text + 1 = 2") && is_unknown("gone + 1 = 2"));
	must(matches("-9223372036854775807 - 1 < 0") && matches("i*-1 = -6"));
	must(is_unknown("i % 0.0 = 1") && matches("(0-9223372036854775807-1) % -1 = 0"));
}

static void texts_and_numbers_are_never_equal(void **s)
{
	(void)s;
	must(is_false("s = 7") && is_false("i = '6'") && is_false("1 = '1'") && is_false("s > 4"));
	must(matches("s <> 7") && matches("s = '7'") && matches("text = 'blue'"));
	must(is_false("text > i") && matches("text > s") && matches("'it''s' = 'it''s'"));
}

static void a_lenient_selector_reads_texts_as_what_is_wanted(void **s)
{
	(void)s;
	must(look("price > 5", SQL_LENIENT) && look("price = 7", SQL_LENIENT));
	must(look("price = 7.0", SQL_LENIENT) && look("price BETWEEN 6 AND 8", SQL_LENIENT));
	must(!look("price > 7", SQL_LENIENT) && !look("text > 5", SQL_LENIENT));
	must(look("price * 2 = 14", SQL_LENIENT) && look("-price = -7", SQL_LENIENT));
	must(look("true = TRUE", SQL_LENIENT) && !matches("s = TRUE"));
	must(look("price = '7'", SQL_LENIENT) && look("i = '6'", SQL_LENIENT));
}

static void what_is_not_there_is_unknown(void **s)
{
	(void)s;
	must(is_unknown("gone = 1") && is_unknown("gone <> 1") && is_unknown("gone > 1"));
	must(is_unknown("gone IN ('a')") && is_unknown("gone NOT IN ('a')"));
	must(is_unknown("gone LIKE 'a'") && is_unknown("gone NOT LIKE '%'") && is_unknown("gone"));
	must(is_unknown("gone BETWEEN 1 AND 2") && matches("gone IS NULL"));
	must(is_false("gone IS NOT NULL") && matches("i IS NOT NULL") && is_false("i IS NULL"));
	must(is_unknown("gone = other") && is_false("i BETWEEN gone AND 5"));
}

static void three_values_join_as_they_should(void **s)
{
	(void)s;
	must(is_false("gone = 1 AND i = 5") && is_unknown("gone = 1 AND i = 6"));
	must(matches("gone = 1 OR i = 6") && is_unknown("gone = 1 OR i = 5"));
	must(is_false("i = 6 AND i = 5") && matches("i = 5 OR i = 6") && is_false("i=5 OR i=4"));
	must(matches("i = 6 OR i = 5 AND i = 4") && !matches("(i = 6 OR i = 5) AND i = 4"));
	must(matches("TRUE") && !matches("FALSE") && matches("NOT FALSE") && matches("1=1"));
}

static void not_binds_tighter_than_a_comparison(void **s)
{
	(void)s;
	must(!matches("NOT i=5") && matches("NOT (i=5)") && matches("NOT NOT TRUE"));
	must(is_false("i") && is_false("text") && is_selector("i AND text"));
}

static void patterns_fit_characters(void **s)
{
	(void)s;
	must(matches("text LIKE 'blue'") && matches("text LIKE 'b%'") &&
	     matches("text LIKE '%u_'"));
	must(matches("text LIKE '____'") && !matches("text LIKE '___'") &&
	     matches("text LIKE '%'"));
	must(matches("text NOT LIKE 'red'") && matches("text LIKE '%b%l%e%'"));
	must(!matches("text LIKE 'b.*'") && is_false("i LIKE '6'"));
	must(matches("odd LIKE '50!%!_x' ESCAPE '!'") && !matches("odd LIKE '51!%%' ESCAPE '!'"));
	must(matches("odd LIKE '50''%''_x' ESCAPE ''''"));
	must(matches("umlaut LIKE '_x'") && !matches("umlaut LIKE '__x'"));
}

static void a_value_is_in_a_list_or_a_range(void **s)
{
	(void)s;
	must(matches("text IN ('red', 'blue')") && is_false("text IN ('red')"));
	must(matches("text NOT IN ('red','green')") && is_unknown("i IN ('6')"));
	must(matches("i BETWEEN 6 AND 7") && matches("i BETWEEN 5 AND 6 AND d > 2"));
	must(is_false("i NOT BETWEEN 6 AND 6") && matches("i NOT BETWEEN 7 AND 9"));
	must(matches("i BETWEEN d AND big"));
}

static void headers_of_jms_are_those_of_the_message(void **s)
{
	(void)s;
	must(matches("JMSPriority = 7") && matches("JMSType = 'kind'"));
	must(matches("JMSTimestamp = 100000") && matches("JMSDeliveryMode = 'PERSISTENT'"));
	must(matches("JMSCorrelationID IS NULL") && matches("JMSMessageID IS NULL"));
	must(is_unknown("JMSXGroupID = 'a'") && is_unknown("jmspriority = 7"));
}

static void words_are_of_any_case_and_comments_count_for_nothing(void **s)
{
	(void)s;
	must(matches("i bEtWeEn 6 aNd 7") && matches("text lIkE 'b%' Or fAlSe"));
	must(matches("i /* six */ = 6") && matches("i -- six\n = 6") && matches("\ti\r\n=\f6"));
	must(is_unknown("i = 5 -- c") && !matches("I = 6"));
}

/* clang-format off */
static const char *const no_selectors[] = {
	"", " ", "i =", "= 6", "i != 6", "i = 6 AND", "i IN (5)", "i IN ()", "i IN 'a'",
	"5 IN ('a')", "'a' < 'b'", "text > 'a'", "i > TRUE", "\"x\" = 1", "i LIKE 5",
	"text LIKE 'a' ESCAPE 'ab'", "text LIKE 'a' ESCAPE ''", "i BETWEEN 5",
	"i BETWEEN 5 OR 6", "(i = 6", "i = 6)", "5", "'a'", "i + 1", "i AND 5", "i = NULL",
	"NULL = i", "NULL", "i IS 5", "i IS NOT 5", "NOT", "AND", "and = 5", "i = 'a", "i = 5x",
	"i = 0x", "i = 08", "i = 5E", "i = 1.2.3", "a.b = 5", "i ; 5", "XPATH 'a'", "i NOT = 5",
	"i = 5.5L", "-NULL = 5", "i /* = 5", "i NOT 5", "'a' = 'a' 'b'", "(i = 6) LIKE 'a'",
	"NULL LIKE 'a'", "i BETWEEN 'a' AND 'b'",
};
/* clang-format on */

static void what_is_no_selector_is_refused(void **s)
{
	(void)s;
	for (size_t i = 0; i < sizeof no_selectors / sizeof *no_selectors; i++) {
		if (is_selector(no_selectors[i]))
			print_error("a selector: %s\n", no_selectors[i]);
		must(!is_selector(no_selectors[i]));
	}
}

static void depth_length_and_work_are_bounded(void **s)
{
	char text[LIMIT_SELECTOR_BYTES + 2];
	uint8_t code[SQL_CODE_MAX];
	uint32_t n = 0;
	(void)s;
	memset(text, '(', 100);
	(void)snprintf(text + 100, sizeof text - 100, "i=6");
	must(compile(text, 0, code, &n) == ERR_LIMIT);
	memset(text, '-', 100);
	must(compile(text, 0, code, &n) == ERR_LIMIT);
	memset(text, ' ', sizeof text);
	memcpy(text, "i=6", 3);
	text[sizeof text - 1] = '\0';
	must(compile(text, 0, code, &n) == ERR_LIMIT);
	text[sizeof text - 2] = '\0';
	must(compile(text, 0, code, &n) == ERR_OK);
	size_t at = 3;
	while (at + 5 < LIMIT_SELECTOR_BYTES)
		at += (size_t)snprintf(text + at, sizeof text - at, "+1");
	must(compile(text, 0, code, &n) == ERR_LIMIT); /* its code is too long */
	at = 0;
	for (int i = 0; i < 20; i++)
		at += (size_t)snprintf(text + at, sizeof text - at, "i=6 AND (i=6 OR (");
	must(compile(text, 0, code, &n) != ERR_OK);
}

static void the_same_selector_has_the_same_code(void **s)
{
	uint8_t a[SQL_CODE_MAX], b[SQL_CODE_MAX];
	uint32_t n = 0, m = 0;
	(void)s;
	must(compile("i = 6 and text like 'b%'", 0, a, &n) == ERR_OK);
	must(compile("i=0x6  AND  text LIKE 'b%'", 0, b, &m) == ERR_OK);
	must(n == m && memcmp(a, b, n) == 0);
	must(compile("i = 6 and text like 'b%'", SQL_LENIENT, b, &m) == ERR_OK);
	must(n == m && memcmp(a, b, n) != 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_compared_whatever_their_kind),
		cmocka_unit_test(sums_and_products_bind_as_usual),
		cmocka_unit_test(texts_and_numbers_are_never_equal),
		cmocka_unit_test(a_lenient_selector_reads_texts_as_what_is_wanted),
		cmocka_unit_test(what_is_not_there_is_unknown),
		cmocka_unit_test(three_values_join_as_they_should),
		cmocka_unit_test(not_binds_tighter_than_a_comparison),
		cmocka_unit_test(patterns_fit_characters),
		cmocka_unit_test(a_value_is_in_a_list_or_a_range),
		cmocka_unit_test(headers_of_jms_are_those_of_the_message),
		cmocka_unit_test(words_are_of_any_case_and_comments_count_for_nothing),
		cmocka_unit_test(what_is_no_selector_is_refused),
		cmocka_unit_test(depth_length_and_work_are_bounded),
		cmocka_unit_test(the_same_selector_has_the_same_code),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
