#include "base/base64.h"

#include <stdlib.h>

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

static void both_alphabets_fill_exactly_their_length(void **s)
{
	(void)s;
	static const struct {
		const char *in, *standard, *url;
	} rows[] = {
		{ "", "", "" }, /* RFC 4648, section 10 */
		{ "f", "Zg==", "Zg" },
		{ "fo", "Zm8=", "Zm8" },
		{ "foo", "Zm9v", "Zm9v" },
		{ "foob", "Zm9vYg==", "Zm9vYg" },
		{ "foobar", "Zm9vYmFy", "Zm9vYmFy" },
		{ "\xfb\xff\xfe", "+//+", "-__-" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct slice in = slice_str(rows[i].in);
		size_t n = base64_len(in.n), url_n = base64_url_len(in.n);
		char *out = malloc(n), *url = malloc(url_n);
		base64_put(out, in);
		base64_url_put(url, in);
		must(slice_eq(slice_of(out, n), slice_str(rows[i].standard)));
		must(slice_eq(slice_of(url, url_n), slice_str(rows[i].url)));
		free(out);
		free(url);
	}
	must(base64_url_len(16) == 22); /* a server-named queue: amq.gen- and 22 characters */
}

static void what_is_written_is_read_back(void **state)
{
	(void)state;
	uint8_t bytes[20], back[20];
	char text[40];
	size_t n;
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (uint8_t)(i * 37 + 200);
	for (size_t i = 0; i <= sizeof bytes; i++) {
		base64_put(text, slice_of(bytes, i));
		must(base64_get(slice_of(text, base64_len(i)), back, i, &n) == ERR_OK && n == i);
		must(i == 0 || memcmp(bytes, back, i) == 0);
		if (i > 0)
			must(base64_get(slice_of(text, base64_len(i)), back, i - 1, &n) ==
			     ERR_LIMIT);
	}
	must(base64_get(slice_str("abc"), back, 9, &n) == ERR_MALFORMED);
	must(base64_get(slice_str("ab=c"), back, 9, &n) == ERR_MALFORMED);
	must(base64_get(slice_str("a-=="), back, 9, &n) == ERR_MALFORMED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_alphabets_fill_exactly_their_length),
		cmocka_unit_test(what_is_written_is_read_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
