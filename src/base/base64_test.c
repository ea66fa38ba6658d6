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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_alphabets_fill_exactly_their_length),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
