#include "wire/amqp091/fault.h"

#include "wire/amqp091/for_tests.h"
#include "wire/amqp091/method.h"
#include "wire/amqp091/spelling.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

/* The texts below are RabbitMQ's, as measured on the wire. */
static void say(struct amqp091_fault f, const char *want, int line)
{
	char buf[512];
	struct text t = text_of(buf, sizeof buf);
	text_putf(&t, "%s - ", amqp091_code_name(amqp091_fault_err(&f)));
	amqp091_fault_text(&f, &t);
	text_putf(&t, " [%u/%u]", f.class_id, f.method_id);
	say_text(&t, want, line);
}
#define SAY(fault, want) say(fault, want, __LINE__)

static struct amqp091_fault of_bytes(struct slice in)
{
	struct amqp091_frame f;
	if (amqp091_frame_read(in, 131072, &f) != ERR_OK)
		return amqp091_fault_of_frame(in, 131072);
	if (amqp091_frame_check(&f) != ERR_OK)
		return amqp091_fault_of_check(&f);
	struct amqp091_method m;
	must(amqp091_method_decode(f.payload, &m) != ERR_OK);
	return amqp091_fault_of_method(f.payload);
}

static void framing_faults_have_rabbitmqs_texts(void **s)
{
	(void)s;
	SAY(of_bytes(bytes_of("\1\0\0\0\0\0\4\0\24\0\50\0")),
	    "FRAME_ERROR - type 1, all octets = <<0,20,0,40>>: {invalid_frame_end_marker,0} [0/0]");
	SAY(of_bytes(bytes_of("\11\0\0\0\0\0\0\xCE")),
	    "FRAME_ERROR - type 9, all octets = <<>>: unknown_frame [0/0]");
	SAY(of_bytes(bytes_of("\1\0\1\0\3\15\100")),
	    "FRAME_ERROR - type 1, all octets = <<>>: {frame_too_large,200000,131064} [0/0]");
	SAY(of_bytes(bytes_of("\10\0\1\0\0\0\0\xCE")),
	    "UNEXPECTED_FRAME - type 8, all octets = <<>> [0/0]");
	SAY(of_bytes(bytes_of("\3\0\0\0\0\0\3abc\xCE")),
	    "UNEXPECTED_FRAME - type 3, all octets = <<\"abc\">> [0/0]");
	SAY(of_bytes(bytes_of("\11\0\1\0\0\0\21"
			      "0123456789abcdefg\xCE")),
	    "FRAME_ERROR - type 9, first 16 octets = <<\"0123456789abcdef\">>: unknown_frame "
	    "[0/0]");
	SAY(of_bytes(bytes_of("\1\0\0\0\0\0\2\0\12\xCE")),
	    "FRAME_ERROR - type 1, all octets = <<0,10>>: unknown_frame [0/0]");
}

static void method_faults_name_the_method(void **s)
{
	(void)s;
	SAY(of_bytes(bytes_of("\1\0\1\0\0\0\6\0\62\0\12\0\0\xCE")),
	    "FRAME_ERROR - cannot decode <<0,0>> [50/10]");
	SAY(of_bytes(bytes_of("\1\0\1\0\0\0\4\0\74\0\143\xCE")),
	    "COMMAND_INVALID - unimplemented method [60/99]");
	SAY(of_bytes(bytes_of("\1\0\1\0\0\0\7\0\74\0\36\1\xFF\0\xCE")),
	    "FRAME_ERROR - Malformed UTF-8 in shortstr [60/30]");
}

static void content_faults_have_rabbitmqs_texts(void **s)
{
	(void)s;
	SAY(((struct amqp091_fault){ .kind = AMQP091_FAULT_NOT_METHOD }),
	    "UNEXPECTED_FRAME - expected method frame, got non method frame instead [0/0]");
	SAY(((struct amqp091_fault){
		    .kind = AMQP091_FAULT_NOT_HEADER, .a = 60, .class_id = 60, .method_id = 40 }),
	    "UNEXPECTED_FRAME - expected content header for class 60, "
	    "got non content header frame instead [60/40]");
	SAY(((struct amqp091_fault){ .kind = AMQP091_FAULT_OTHER_CLASS, .a = 60, .b = 50 }),
	    "UNEXPECTED_FRAME - expected content header for class 60, "
	    "got one for class 50 instead [0/0]");
	SAY(((struct amqp091_fault){ .kind = AMQP091_FAULT_NOT_BODY }),
	    "UNEXPECTED_FRAME - expected content body, got non content body frame instead [0/0]");
	SAY(((struct amqp091_fault){ .kind = AMQP091_FAULT_BODY_TOO_LONG, .a = 12, .b = 10 }),
	    "UNEXPECTED_FRAME - content body of 12 octets, 10 were announced [0/0]");
	SAY(amqp091_fault_of_props(bytes_of("\0\1")), "FRAME_ERROR - cannot decode <<0,1>> [0/0]");
}

static void octets_are_spelled_as_erlang_spells_them(void **s)
{
	(void)s;
	SAY(amqp091_fault_of_props(bytes_of("a\"b\\\n\x1B\r")),
	    "FRAME_ERROR - cannot decode <<\"a\\\"b\\\\\\n\\e\\r\">> [0/0]");
	SAY(amqp091_fault_of_props(bytes_of("ab\x7F")),
	    "FRAME_ERROR - cannot decode <<97,98,127>> [0/0]");
}

/* A reply text is a short string: a long payload must not make it longer than its buffer. */
static void a_text_is_cut_at_its_buffers_end(void **s)
{
	(void)s;
	static const uint8_t payload[100000];
	char buf[64];
	struct text t = text_of(buf, sizeof buf);
	struct amqp091_fault f = amqp091_fault_of_props(slice_of(payload, sizeof payload));
	amqp091_fault_text(&f, &t);
	must(t.n < sizeof buf && text_is_full(&t));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(framing_faults_have_rabbitmqs_texts),
		cmocka_unit_test(method_faults_name_the_method),
		cmocka_unit_test(content_faults_have_rabbitmqs_texts),
		cmocka_unit_test(octets_are_spelled_as_erlang_spells_them),
		cmocka_unit_test(a_text_is_cut_at_its_buffers_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
