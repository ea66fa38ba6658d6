#include "wire/stomp/frame.h"

#include "base/limits.h"
#include "base/text.h"
#include "wire/stomp/for_tests.h"
#include "wire/stomp/print.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#define BODY_MAX 1000

/* Looks at the prefixes of `whole` that reach further by `step`, in blocks of their own, as a slow
 * peer makes them. Gives what came of the last, and the scan. */
static enum err drip(struct slice whole, size_t step, struct stomp_scan *out_scan,
		     struct stomp_frame *out_frame)
{
	enum err e = ERR_MORE;
	*out_scan = (struct stomp_scan){ 0 };
	for (size_t n = 0; e == ERR_MORE && n <= whole.n; n += step) {
		struct slice in = exact(whole, n);
		size_t need = 0;
		e = stomp_scan(out_scan, in, BODY_MAX, out_frame, &need);
		must_if(e == ERR_MORE, need > n && need <= 2 * n + 1);
		must_if(e == ERR_OK, out_frame->total == n || step > 1);
		exact_free(in);
	}
	return e;
}

static void good(struct slice whole, const char *word, const char *head, struct slice body)
{
	for (size_t step = 1; step <= whole.n; step++) {
		struct stomp_scan s;
		struct stomp_frame f = { .total = 0 };
		if (whole.n % step != 0)
			continue;
		must(drip(whole, step, &s, &f) == ERR_OK);
		must(f.total == whole.n);
		must(f.body.n == body.n && f.word.n == strlen(word) && f.head.n == strlen(head));
	}
	struct stomp_scan s = { 0 };
	struct stomp_frame f;
	size_t need;
	must(stomp_scan(&s, whole, BODY_MAX, &f, &need) == ERR_OK);
	must(slice_eq(f.word, slice_str(word)) && slice_eq(f.head, slice_str(head)));
	must(slice_eq(f.body, body));
}

static void a_frame_is_read_when_all_of_it_is_there(void **s)
{
	(void)s;
	good(bytes_of("SEND\ndestination:/queue/a\n\nhello\0"), "SEND", "destination:/queue/a\n",
	     bytes_of("hello"));
	good(bytes_of("SEND\r\na:b\r\n\r\nhello\0"), "SEND", "a:b\r\n", bytes_of("hello"));
	good(bytes_of("DISCONNECT\n\n\0"), "DISCONNECT", "", SLICE_EMPTY);
	good(bytes_of("DISCONNECT\n\r\n\0"), "DISCONNECT", "", SLICE_EMPTY);
	good(bytes_of("SEND\ncontent-length:5\n\na\0b\0c\0"), "SEND", "content-length:5\n",
	     bytes_of("a\0b\0c"));
	good(bytes_of("SEND\ncontent-length: 5 \n\na\0b\0c\0"), "SEND", "content-length: 5 \n",
	     bytes_of("a\0b\0c"));
	good(bytes_of("SEND\ncontent-length:0\ncontent-length:9\n\n\0"), "SEND",
	     "content-length:0\ncontent-length:9\n", SLICE_EMPTY);
}

static void a_command_is_known_by_its_whole_word(void **s)
{
	(void)s;
	struct stomp_frame f;
	struct stomp_scan scan;
#define COMMAND(name, from, prose)                                     \
	must(drip(bytes_of(#name "\n\n\0"), 1, &scan, &f) == ERR_OK);  \
	must(f.command == STOMP_##name);                               \
	must(drip(bytes_of(#name "S\n\n\0"), 1, &scan, &f) == ERR_OK); \
	must(f.command == STOMP_COMMAND_N);
#include "wire/stomp/commands.def"
#undef COMMAND
	must(drip(bytes_of("send\n\n\0"), 1, &scan, &f) == ERR_OK && f.command == STOMP_COMMAND_N);
}

static void bad(struct slice whole, enum err want, const char *why)
{
	struct stomp_scan s;
	struct stomp_frame f = { .total = 77 };
	must(drip(whole, 1, &s, &f) == want && f.total == 77);
	must(s.fault && s.fault->err == want && strcmp(s.fault->words, why) == 0);
}

static void what_is_no_frame_is_refused(void **s)
{
	(void)s;
	bad(bytes_of("SEND\nno colon\n\n\0"), ERR_MALFORMED, "a header line is not name:value");
	bad(bytes_of("SEND\n:value\n\n\0"), ERR_MALFORMED, "a header line is not name:value");
	bad(bytes_of("SEND\na:\0\n\n\0"), ERR_MALFORMED, "a NUL among the headers");
	bad(bytes_of("SEND\ncontent-length:\n\n\0"), ERR_MALFORMED, "content-length is no number");
	bad(bytes_of("SEND\ncontent-length:-\n\n\0"), ERR_MALFORMED, "content-length is no number");
	bad(bytes_of("SEND\ncontent-length: \n\n\0"), ERR_MALFORMED, "content-length is no number");
	bad(bytes_of("SEND\ncontent-length:1 1\n\n\0"), ERR_MALFORMED,
	    "content-length is no number");
	bad(bytes_of("SEND\ncontent-length:-1\n\n\0"), ERR_MALFORMED, "content-length is below 0");
	bad(bytes_of("SEND\ncontent-length:1\n\nab\0"), ERR_MALFORMED,
	    "no NUL behind content-length octets");
}

static void limits_hold_before_anything_else_comes(void **s)
{
	(void)s;
	static char room[2 * LIMIT_STOMP_HEAD_BYTES];
	struct text t = text_of(room, sizeof room);
	bad(bytes_of("SEND\ncontent-length:1001\n\n"), ERR_LIMIT, "the body is too long");
	bad(bytes_of("ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJKLMNOPQRSTUVWXYZ"), ERR_LIMIT,
	    "the command is too long");
	bad(bytes_of("ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFG\n\n"), ERR_LIMIT,
	    "the command is too long");
	text_puts(&t, "SEND\n\n");
	for (int i = 0; i <= BODY_MAX; i++)
		text_putc(&t, 'x');
	bad(text_slice(&t), ERR_LIMIT, "the body is too long");
	t = text_of(room, sizeof room);
	text_puts(&t, "SEND\na:");
	for (int i = 0; i < LIMIT_STOMP_HEADER_BYTES; i++)
		text_putc(&t, 'x');
	bad(text_slice(&t), ERR_LIMIT, "a header is too long");
	t = text_of(room, sizeof room);
	text_puts(&t, "SEND\n");
	for (int i = 0; i <= LIMIT_STOMP_HEADERS; i++)
		text_puts(&t, "a:b\n");
	bad(text_slice(&t), ERR_LIMIT, "too many headers");
}

static void all_headers_together_have_a_limit(void **s)
{
	(void)s;
	static char room[2 * LIMIT_STOMP_HEAD_BYTES];
	struct text t = text_of(room, sizeof room);
	text_puts(&t, "SEND\n");
	for (int i = 0; i < 80; i++)
		text_putf(&t, "a:%0999d\n", i);
	struct stomp_scan scan = { 0 };
	struct stomp_frame f;
	size_t need;
	must(stomp_scan(&scan, text_slice(&t), BODY_MAX, &f, &need) == ERR_LIMIT);
	must(strcmp(scan.fault->words, "the headers are too long") == 0);
}

static void a_claimed_length_is_believed_as_its_octets_come(void **s)
{
	(void)s;
	struct slice in = bytes_of("SEND\ncontent-length:900\n\n");
	struct stomp_scan scan = { 0 };
	struct stomp_frame f;
	size_t need;
	must(stomp_scan(&scan, in, BODY_MAX, &f, &need) == ERR_MORE && need == 2 * in.n);
}

static void line_ends_between_frames_are_nothing(void **s)
{
	(void)s;
	must(stomp_blank(bytes_of("\n\r\n\nSEND")) == 4);
	must(stomp_blank(bytes_of("SEND\n")) == 0 && stomp_blank(SLICE_EMPTY) == 0);
}

static void printed(struct slice whole, const char *want)
{
	char room[400];
	struct text t = text_of(room, sizeof room);
	struct stomp_scan scan = { 0 };
	struct stomp_frame f;
	size_t need;
	must(stomp_scan(&scan, whole, BODY_MAX, &f, &need) == ERR_OK);
	stomp_frame_print(&f, &t);
	same(text_slice(&t), want, strlen(want), __LINE__);
}

static void a_frame_is_one_line_for_people(void **s)
{
	(void)s;
	printed(bytes_of("CONNECT\nlogin:a\npasscode:geheim\n\n\0"),
		"CONNECT login='a' passcode=6 octets");
	printed(bytes_of("SEND\na:b\n\nhe\nllo\0"), "SEND a='b' body 6 'he\\x0allo'");
	printed(bytes_of("SEND\n\n0123456789012345678901234567890123456789"
			 "012345678901234567890123456789\0"),
		"SEND body 70 '0123456789012345678901234567890123456789"
		"012345678901234567890123'...");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_frame_is_read_when_all_of_it_is_there),
		cmocka_unit_test(a_command_is_known_by_its_whole_word),
		cmocka_unit_test(what_is_no_frame_is_refused),
		cmocka_unit_test(limits_hold_before_anything_else_comes),
		cmocka_unit_test(all_headers_together_have_a_limit),
		cmocka_unit_test(a_claimed_length_is_believed_as_its_octets_come),
		cmocka_unit_test(line_ends_between_frames_are_nothing),
		cmocka_unit_test(a_frame_is_one_line_for_people),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
