#include "wire/http1/deflate.h"

#include "base/must.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#define AGREED                                           \
	"Sec-WebSocket-Extensions: permessage-deflate; " \
	"server_no_context_takeover; client_no_context_takeover"
#define BITS_MIN 9

/* answer_to is the field that answers these offers, "" when none is taken. */
static const char *answer_to(const char *offers)
{
	static char said[300];
	char request[2000];
	struct http1_head head;
	struct text t = text_of(request, sizeof request), answer = text_of(said, sizeof said);
	text_putf(&t, "GET /ws HTTP/1.1\r\nHost: x\r\n%s\r\n", offers);
	must(!text_is_full(&t) && http1_head_read(text_slice(&t), &head) == ERR_OK);
	struct http1_deflate d = http1_deflate_choose(&head, BITS_MIN);
	http1_deflate_put(&answer, &d);
	must(!text_is_full(&answer));
	said[answer.n] = '\0';
	return said;
}

static const char *answer_to_one(const char *offer)
{
	char field[1000];
	struct text t = text_of(field, sizeof field);
	text_putf(&t, "Sec-WebSocket-Extensions: %s\r\n", offer);
	must(!text_is_full(&t));
	field[t.n] = '\0';
	return answer_to(field);
}

static void offers_that_make_sense_are_taken(void **s)
{
	static const char *const offers[] = {
		"permessage-deflate",
		"permessage-deflate; client_max_window_bits",
		"permessage-deflate;client_max_window_bits=8",
		"permessage-deflate ;\tclient_max_window_bits = \"12\"",
		"permessage-deflate; client_no_context_takeover; server_no_context_takeover",
		"x-webkit-deflate-frame, permessage-deflate",
		"permessage-deflate; server_max_window_bits=8, permessage-deflate",
		"permessage-deflate; mux=1, , permessage-deflate",
	};
	(void)s;
	for (size_t i = 0; i < sizeof offers / sizeof *offers; i++)
		assert_string_equal(answer_to_one(offers[i]), AGREED "\r\n");
	assert_string_equal(answer_to("Sec-WebSocket-Extensions: a\r\nA: b\r\n"
				      "sec-websocket-extensions: permessage-deflate\r\n"),
			    AGREED "\r\n");
}

static void a_window_that_was_asked_for_is_promised(void **s)
{
	(void)s;
	assert_string_equal(answer_to_one("permessage-deflate; server_max_window_bits=9"),
			    AGREED "; server_max_window_bits=9\r\n");
	assert_string_equal(answer_to_one("permessage-deflate; server_max_window_bits=15"),
			    AGREED "; server_max_window_bits=15\r\n");
	assert_string_equal(answer_to_one("permessage-deflate; server_max_window_bits=\"10\", "
					  "permessage-deflate"),
			    AGREED "; server_max_window_bits=10\r\n");
}

static void what_makes_no_sense_is_passed_over(void **s)
{
	static const char *const offers[] = {
		"deflate",
		"permessage-deflate-x",
		"permessage-deflate=1",
		"permessage-deflate; mux",
		"permessage-deflate; ; client_max_window_bits",
		"permessage-deflate; client_max_window_bits; client_max_window_bits",
		"permessage-deflate; client_max_window_bits=7",
		"permessage-deflate; client_max_window_bits=16",
		"permessage-deflate; client_max_window_bits=08",
		"permessage-deflate; client_max_window_bits=",
		"permessage-deflate; server_max_window_bits",
		"permessage-deflate; server_max_window_bits=8",
		"permessage-deflate; server_max_window_bits=100",
		"permessage-deflate; server_no_context_takeover=1",
		"permessage-deflate; client_no_context_takeover=",
		"permessage-deflate; server_no_context_takeover; server_no_context_takeover",
	};
	(void)s;
	assert_string_equal(answer_to(""), "");
	for (size_t i = 0; i < sizeof offers / sizeof *offers; i++)
		assert_string_equal(answer_to_one(offers[i]), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(offers_that_make_sense_are_taken),
		cmocka_unit_test(a_window_that_was_asked_for_is_promised),
		cmocka_unit_test(what_makes_no_sense_is_passed_over),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
