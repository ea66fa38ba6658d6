#include "wire/http1/head.h"

#include "base/exact_for_tests.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <setjmp.h>
#include <cmocka.h>

static struct http1_head head;

/* In a block of exactly its size. */
static enum err read_exact(struct slice s)
{
	struct slice block = exact(s, s.n);
	enum err e = http1_head_read(block, &head);
	exact_free(block);
	return e;
}

static enum err with(const char *fields)
{
	char text[40000];
	int n = snprintf(text, sizeof text, "GET / HTTP/1.1\r\nHost: x\r\n%s\r\n", fields);
	return read_exact(slice_of(text, (size_t)n));
}

static enum err line(const char *first)
{
	char text[20000];
	int n = snprintf(text, sizeof text, "%s\r\nHost: x\r\n\r\n", first);
	return read_exact(slice_of(text, (size_t)n));
}

static void a_head_is_taken_apart(void **s)
{
	(void)s;
	struct slice in = slice_str("POST /a/b?c=d HTTP/1.1\r\nHost: example.com:80\r\n"
				    "X-Empty:\r\nX-Blank: \t a b \t\r\nContent-Length: 17\r\n\r\n");
	uint32_t n;
	must(http1_head_read(in, &head) == ERR_OK && head.total == in.n && head.minor == 1);
	must(slice_eq(head.method, slice_str("POST")));
	must(slice_eq(head.target, slice_str("/a/b?c=d")));
	must(head.fields_n == 4 && head.body_bytes == 17 && !head.is_chunked);
	must(slice_eq(http1_field_of(&head, "x-blank", &n), slice_str("a b")) && n == 1);
	must(http1_field_of(&head, "x-empty", &n).n == 0 && n == 1);
	must(http1_field_of(&head, "x-none", &n).n == 0 && n == 0);
	for (size_t cut = 0; cut < in.n; cut++)
		must(read_exact(slice_sub(in, 0, cut)) == ERR_MALFORMED);
	must(line("OPTIONS * HTTP/1.1") == ERR_OK && line("GET / HTTP/1.0") == ERR_OK);
}

static void an_end_is_found_however_it_comes(void **s)
{
	(void)s;
	struct slice in = slice_str("GET / HTTP/1.1\r\n\rx\r\n\nHost: x\r\n\r\nbehind\r\n\r\n");
	size_t end = in.n - 10;
	for (size_t step = 1; step < in.n; step++) {
		size_t seen = 0, found = 0, n = 0;
		while (found == 0 && n < in.n) {
			n = n + step < in.n ? n + step : in.n;
			must(seen <= n);
			found = http1_head_end(slice_sub(in, 0, n), &seen);
			must(seen == n);
		}
		must(found == end && n >= end && n < end + step);
	}
}

static void what_could_be_read_in_two_ways_is_refused(void **s)
{
	(void)s;
	static const char *const bad[] = {
		"A : b\r\n",
		" A: b\r\n",
		"A: b\r\n folded\r\n",
		"A: b\n",
		"A: b\rC: d\r\n",
		": b\r\n",
		"A b\r\n",
		"A(: b\r\n",
		"A: \x01\r\n",
		"A: \x7f\r\n",
		"Host: y\r\n",
		"Content-Length: 1\r\nContent-Length: 1\r\n",
		"Content-Length: 1, 1\r\n",
		"Content-Length: +1\r\n",
		"Content-Length: -1\r\n",
		"Content-Length: 1 1\r\n",
		"Content-Length: 0x1\r\n",
		"Content-Length:\r\n",
		"Content-Length: 1234567890123456\r\n",
		"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n",
		"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
		"\r\nA: b\r\n",
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		must(with(bad[i]) == ERR_MALFORMED);
	static const char *const lines[] = {
		"GET  / HTTP/1.1",
		"GET /  HTTP/1.1",
		" GET / HTTP/1.1",
		"GET / HTTP/1.1 ",
		"GET /",
		"GET",
		"",
		"GET x HTTP/1.1",
		"G@T / HTTP/1.1",
		"GET /\x80 HTTP/1.1",
		"GET /#a HTTP/1.1",
		"GET http://x/ HTTP/1.1",
		"GET / HTTP/11",
		"GET / http/1.1",
		"GET\t/ HTTP/1.1",
		"GET ** HTTP/1.1",
	};
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
		must(line(lines[i]) == ERR_MALFORMED);
	must(line("GET / HTTP/1.2") == ERR_NOT_ALLOWED &&
	     line("GET / HTTP/2.0") == ERR_NOT_ALLOWED);
	must(read_exact(slice_str("GET / HTTP/1.1\r\n\r\n")) == ERR_MALFORMED);
	must(read_exact(slice_str("GET / HTTP/1.0\r\n\r\n")) == ERR_OK);
	must(read_exact(slice_str("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n")) == ERR_MALFORMED);
	must(read_exact(slice_of("GET / HTTP/1.1\r\nHost: a\r\nA: \0\r\n\r\n", 34)) ==
	     ERR_MALFORMED);
	must(with("A: caf\xc3\xa9\r\n") == ERR_OK);
}

static void a_body_is_chunked_or_not_known(void **s)
{
	(void)s;
	must(with("Transfer-Encoding: Chunked\r\n") == ERR_OK && head.is_chunked);
	must(with("Transfer-Encoding: gzip, chunked\r\n") == ERR_NOT_IMPLEMENTED);
	must(with("Transfer-Encoding: \r\n") == ERR_NOT_IMPLEMENTED);
	must(read_exact(slice_str("GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n")) ==
	     ERR_MALFORMED);
}

static void lines_and_fields_have_bounds(void **s)
{
	(void)s;
	char text[20000];
	size_t n = 0;
	memset(text, 'a', sizeof text);
	memcpy(text, "X: ", 3);
	memcpy(text + LIMIT_HTTP_LINE_BYTES, "\r\n", 3);
	must(with(text) == ERR_OK);
	memset(text + LIMIT_HTTP_LINE_BYTES, 'a', 3);
	memcpy(text + LIMIT_HTTP_LINE_BYTES + 1, "\r\n", 3);
	must(with(text) == ERR_LIMIT);
	for (int i = 1; i < LIMIT_HTTP_FIELDS; i++, n += 6)
		memcpy(text + n, "A: b\r\n", 7);
	must(with(text) == ERR_OK && head.fields_n == LIMIT_HTTP_FIELDS);
	memcpy(text + n, "A: b\r\n", 7);
	must(with(text) == ERR_LIMIT);
	memset(text, ' ', sizeof text);
	must(read_exact(slice_of(text, LIMIT_HTTP_HEAD_BYTES + 1)) == ERR_LIMIT);
}

static void lists_are_read_word_by_word(void **s)
{
	(void)s;
	must(with("Connection: keep-alive , ,Upgrade\r\nConnection: x\r\n") == ERR_OK);
	struct slice list = slice_str(" a,, b c ,");
	must(slice_eq(http1_list_next(&list), slice_str("a")));
	must(slice_eq(http1_list_next(&list), slice_str("b c")));
	must(http1_list_next(&list).n == 0 && list.n == 0);
	struct slice in = slice_str("GET / HTTP/1.1\r\nHost: x\r\nConnection: a , ,Upgrade\r\n"
				    "Connection: x\r\n\r\n");
	must(http1_head_read(in, &head) == ERR_OK);
	must(http1_list_has(&head, "connection", "upgrade"));
	must(http1_list_has(&head, "connection", "x") &&
	     !http1_list_has(&head, "connection", "up"));
	must(!http1_list_has(&head, "host", "y"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_head_is_taken_apart),
		cmocka_unit_test(an_end_is_found_however_it_comes),
		cmocka_unit_test(what_could_be_read_in_two_ways_is_refused),
		cmocka_unit_test(a_body_is_chunked_or_not_known),
		cmocka_unit_test(lines_and_fields_have_bounds),
		cmocka_unit_test(lists_are_read_word_by_word),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
