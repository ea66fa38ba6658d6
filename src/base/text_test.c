#include "base/text.h"

#include <stdlib.h>

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

static void every_buffer_is_kept_to_and_ends_in_zero(void **s)
{
	(void)s;
	static const char whole[] = "n=42 abc! \\x01 \"a\\u0001\\n\"18446744073709551615";
	for (size_t cap = 1; cap <= sizeof whole; cap++) {
		char *buf = malloc(cap);
		struct text t = text_of(buf, cap);
		text_putf(&t, "n=%d ", 42);
		text_puts(&t, "abc");
		text_putc(&t, '!');
		text_putc(&t, ' ');
		text_put_printable(&t, slice_str("\x01 "));
		text_put_json_string(&t, slice_str("a\x01\n"));
		text_put_u64(&t, UINT64_MAX);
		must(t.n < cap && buf[t.n] == '\0' && strlen(buf) == t.n);
		must(cap < sizeof whole || strcmp(buf, whole) == 0);
		must_if(cap < 18, memcmp(buf, whole, t.n) == 0);
		free(buf);
	}
}

static void a_name_is_quoted_as_it_is_or_for_people(void **s)
{
	(void)s;
	char buf[64];
	struct text t = text_of(buf, sizeof buf);
	text_put_quoted(&t, "queue ", slice_str("a\tb"));
	text_put_quoted_printable(&t, " or ", slice_str("a\tb"));
	text_put_quoted(&t, "", SLICE_EMPTY);
	assert_string_equal(buf, "queue 'a\tb' or 'a\\x09b'''");
}

static void json(struct slice in, const char *want)
{
	char buf[128];
	struct text t = text_of(buf, sizeof buf);
	text_put_json_string(&t, in);
	assert_string_equal(buf, want);
}

static void json_strings_are_escaped(void **s)
{
	(void)s;
	json(slice_str(""), "\"\"");
	json(SLICE_EMPTY, "\"\"");
	json(slice_of("a\"b\\c\0", 6), "\"a\\\"b\\\\c\\u0000\"");
	json(slice_str("\b\f\n\r\t\x1f/"), "\"\\b\\f\\n\\r\\t\\u001f/\"");
	json(slice_str("\xc3\xa9 \xe2\x82\xac"), "\"\xc3\xa9 \xe2\x82\xac\"");
	json(slice_str("\xff\xc3"), "\"\xef\xbf\xbd\xef\xbf\xbd\"");
}

static void a_cut_json_string_is_still_one(void **s)
{
	(void)s;
	char buf[6];
	struct text t = text_of(buf, sizeof buf);
	text_put_json_string(&t, slice_str("ab\n\n"));
	assert_string_equal(buf, "\"ab\"");
	t = text_of(buf, sizeof buf);
	text_put_json_string(&t, slice_str("abcdef"));
	assert_string_equal(buf, "\"abc\"");
	must(text_is_full(&t) && slice_eq(text_slice(&t), slice_str("\"abc\"")));
}

static void a_name_cannot_forge_a_log_line(void **s)
{
	(void)s;
	char buf[64];
	struct text t = text_of(buf, sizeof buf);
	text_put_printable(&t, slice_str("q\nC001 \\ \xc3\xa9 \x9f\x7f"));
	assert_string_equal(buf, "q\\x0aC001 \\x5c \xc3\xa9 \\x9f\\x7f");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_buffer_is_kept_to_and_ends_in_zero),
		cmocka_unit_test(a_name_is_quoted_as_it_is_or_for_people),
		cmocka_unit_test(json_strings_are_escaped),
		cmocka_unit_test(a_cut_json_string_is_still_one),
		cmocka_unit_test(a_name_cannot_forge_a_log_line),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
