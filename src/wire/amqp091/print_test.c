#include "wire/amqp091/print.h"

#include "wire/amqp091/for_tests.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

static void say(struct slice in, const char *want, int line)
{
	char buf[512];
	struct text t = text_of(buf, sizeof buf);
	struct amqp091_frame f;
	must(amqp091_frame_read(in, 0, &f) == ERR_OK);
	amqp091_frame_print(&f, &t);
	say_text(&t, want, line);
}
#define SAY(literal, want) say(bytes_of(literal), want, __LINE__)

static void methods_are_a_name_and_fields(void **s)
{
	(void)s;
	SAY("\1\0\1\0\0\0\14\0\74\0\50\0\0\0\1q\1\0\0\xCE",
	    "ch 1 method 60.40 malformed: cannot decode <<0,0,0,1,113,1,0,0>>");
	SAY("\1\0\1\0\0\0\12\0\74\0\50\0\0\0\1q\1\xCE",
	    "ch 1 basic.publish exchange='' routing_key='q' mandatory");
	SAY("\1\0\0\0\0\0\14\0\12\0\37\7\xFF\0\2\0\0\0\74\xCE",
	    "ch 0 connection.tune_ok channel_max=2047 frame_max=131072 heartbeat=60");
	SAY("\1\0\2\0\0\0\23\0\62\0\12\0\0\1q\2\0\0\0\6\1aI\0\0\1\xCE",
	    "ch 2 method 50.10 malformed: cannot decode <<0,0,1,113,2,0,0,0,6,1,97,73,0,0,1>>");
	SAY("\1\0\2\0\0\0\24\0\62\0\12\0\0\1q\2\0\0\0\7\1aI\0\0\0\1\xCE",
	    "ch 2 queue.declare queue='q' durable arguments={a=1}");
	SAY("\1\0\1\0\0\0\4\0\132\0\24\xCE", "ch 1 tx.commit");
}

static void passwords_are_not_shown(void **s)
{
	(void)s;
	SAY("\1\0\0\0\0\0\41\0\12\0\13\0\0\0\0\5PLAIN\0\0\0\11\0u\0geheim"
	    "\5en_US\xCE",
	    "ch 0 connection.start_ok client_properties={} mechanism='PLAIN' response=<9 bytes> "
	    "locale='en_US'");
	SAY("\1\0\0\0\0\0\31\0\12\0\13\0\0\0\0\5PLAIN\0\0\0\11\0ugehei\xCE",
	    "ch 0 method 10.11 malformed: 21 octets of fields");
}

static void contents_are_shown_with_their_properties(void **s)
{
	(void)s;
	SAY("\2\0\1\0\0\0\32\0\74\0\0\0\0\0\0\0\0\0\5\x90\0\12text/plain\2\xCE",
	    "ch 1 header class=60 body=5 content_type='text/plain' delivery_mode=2");
	SAY("\2\0\1\0\0\0\16\0\74\0\0\0\0\0\0\0\0\0\5\0\1\xCE",
	    "ch 1 header class=60 body=5 malformed: cannot decode <<0,1>>");
	SAY("\2\0\1\0\0\0\15\0\74\0\0\0\0\0\0\0\0\0\5\0\xCE", "ch 1 header malformed");
	SAY("\3\0\1\0\0\0\5hello\xCE", "ch 1 body 5 'hello'");
	SAY("\3\0\1\0\0\0\2\0\n\xCE", "ch 1 body 2 '\\x00\\x0a'");
	SAY("\10\0\0\0\0\0\0\xCE", "ch 0 heartbeat");
	SAY("\7\0\0\0\0\0\0\xCE", "ch 0 malformed: type 7, all octets = <<>>: unknown_frame");
}

static void a_long_body_is_cut(void **s)
{
	(void)s;
	uint8_t frame[8 + 100];
	memset(frame, 'x', sizeof frame);
	amqp091_frame_head_put(frame, AMQP091_FRAME_BODY, 1, 100);
	frame[sizeof frame - 1] = AMQP091_FRAME_END;
	say(slice_of(frame, sizeof frame),
	    "ch 1 body 100 '"
	    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx'...",
	    __LINE__);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(methods_are_a_name_and_fields),
		cmocka_unit_test(passwords_are_not_shown),
		cmocka_unit_test(contents_are_shown_with_their_properties),
		cmocka_unit_test(a_long_body_is_cut),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
