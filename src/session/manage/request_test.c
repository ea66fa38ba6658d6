#include "session/manage/request.h"

#include "base/exact_for_tests.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>

/* The line lies in a block of exactly its size. */
static enum err parse(const char *z, struct request *out, char *why, size_t why_n)
{
	struct slice line = exact(slice_str(z), strlen(z));
	struct text t = text_of(why, why_n);
	enum err e = request_parse(line, out, &t);
	if (e == ERR_OK && out->name.n > 0) {
		t = text_of(why, why_n);
		text_put_slice(&t, out->vhost);
		text_putc(&t, '|');
		text_put_slice(&t, out->name);
	}
	exact_free(line);
	return e;
}

static void every_request_of_the_table_is_understood(void **s)
{
	(void)s;
	for (int kind = 0; kind < REQUEST_N; kind++) {
		struct request r;
		char why[1024];
		if (kind == REQUEST_CANCEL || kind == REQUEST_PURGE || kind == REQUEST_CLOSE ||
		    kind == REQUEST_MEMORY || kind == REQUEST_DISK || kind == REQUEST_DELETE ||
		    kind == REQUEST_LOGIN)
			continue; /* which say what is meant */
		assert_int_equal(parse(request_words[kind], &r, why, sizeof why), ERR_OK);
		assert_int_equal(r.kind, kind);
	}
}

static void a_number_chooses_one_and_none_chooses_all(void **s)
{
	(void)s;
	struct request r;
	char why[1024];
	assert_int_equal(parse("dump shard 16", &r, why, sizeof why), ERR_OK);
	assert_true(r.kind == REQUEST_SHARD && !r.is_all && r.number == 16);
	assert_int_equal(parse("dump connection all", &r, why, sizeof why), ERR_OK);
	assert_true(r.kind == REQUEST_CONNECTION && r.is_all);
	assert_int_equal(parse("trace\r", &r, why, sizeof why), ERR_OK);
	assert_true(r.kind == REQUEST_TRACE && r.is_all);
	assert_int_equal(parse("trace 9999999999999999999", &r, why, sizeof why), ERR_OK);
	assert_true(r.number == 9999999999999999999u);
}

static void a_word_chooses_a_part_and_none_chooses_all(void **s)
{
	(void)s;
	struct request r;
	char why[1024];
	assert_int_equal(parse("definitions export users", &r, why, sizeof why), ERR_OK);
	assert_true(r.kind == REQUEST_EXPORT && !r.is_all);
	assert_string_equal(why, "|users");
	assert_int_equal(parse("definitions export", &r, why, sizeof why), ERR_OK);
	assert_true(r.kind == REQUEST_EXPORT && r.is_all);
}

static void a_name_may_hold_blanks_and_has_a_virtual_host(void **s)
{
	(void)s;
	struct request r;
	char why[1024];
	assert_int_equal(parse("dump queue my queue", &r, why, sizeof why), ERR_OK);
	assert_string_equal(why, "/|my queue");
	assert_int_equal(parse("dump queue -p test q", &r, why, sizeof why), ERR_OK);
	assert_string_equal(why, "test|q");
	assert_int_equal(parse("dump queue -p test", &r, why, sizeof why), ERR_OK);
	assert_true(r.is_all);
	assert_int_equal(parse("dump queue all", &r, why, sizeof why), ERR_OK);
	assert_string_equal(why, "/|all");
}

static void a_message_has_two_numbers_and_belongs_to_an_exchange(void **s)
{
	(void)s;
	struct request r;
	char why[1024];
	assert_int_equal(parse("delayed cancel 65536-513 my x", &r, why, sizeof why), ERR_OK);
	assert_true(r.kind == REQUEST_CANCEL && !r.is_all && r.number == 65536 && r.place == 513);
	assert_string_equal(why, "/|my x");
	assert_int_equal(parse("delayed cancel all -p test x", &r, why, sizeof why), ERR_OK);
	assert_true(r.is_all);
	assert_string_equal(why, "test|x");
	assert_int_equal(parse("delayed list", &r, why, sizeof why), ERR_OK);
	assert_true(r.kind == REQUEST_DELAYED && r.is_all);
}

static void what_is_no_request_is_refused_with_a_reason(void **s)
{
	(void)s;
	static const struct {
		const char *line, *why;
	} rows[] = {
		{ "dump shard -1", "dump shard wants a number, not '-1'" },
		{ "dump shard 1 2", "dump shard wants a number, not '1 2'" },
		{ "trace 99999999999999999999",
		  "trace wants a number, not '99999999999999999999'" },
		{ "dump node 1", "dump node wants nothing behind it" },
		{ "dump queue -p ", "-p wants a virtual host" },
		{ "dump queue -l ", "-l wants the length of a virtual host's name, and it" },
		{ "dump queue -l 0 v q", "-l wants the length of a virtual host's name, and it" },
		{ "dump queue -l 2 v q", "-l wants the length of a virtual host's name, and it" },
		{ "dump queue -l 9 v q", "-l wants the length of a virtual host's name, and it" },
		{ "delayed cancel",
		  "delayed cancel wants a message as a list calls it, or all, not ''" },
		{ "delayed cancel 5 x",
		  "delayed cancel wants a message as a list calls it, or all, not '5'" },
		{ "delayed cancel 5- x",
		  "delayed cancel wants a message as a list calls it, or all, not '5-'" },
		{ "delayed cancel 5-6", "delayed cancel wants the name of an exchange" },
		{ "delayed cancel all", "delayed cancel wants the name of an exchange" },
	};
	struct request r = { .number = 77 };
	char why[1024];
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		assert_int_equal(parse(rows[i].line, &r, why, sizeof why), ERR_MALFORMED);
		assert_string_equal(why, rows[i].why);
		assert_int_equal(r.number, 77);
	}
	static const char *const nothing[] = { "", " ", "DIGEST", "digestx", "\x01" };
	for (size_t i = 0; i < sizeof nothing / sizeof *nothing; i++) {
		assert_int_equal(parse(nothing[i], &r, why, sizeof why), ERR_MALFORMED);
		assert_non_null(strstr(why, "; there is: dump node,"));
		assert_non_null(strstr(why, ", digest,"));
	}
	assert_int_equal(parse("dump nodee", &r, why, sizeof why), ERR_MALFORMED);
	assert_string_equal(why, "there is no 'dump nodee'; there is: dump node, dump catalog, "
				 "dump shard, dump queue, dump connection");
	assert_int_equal(parse("delayed", &r, why, sizeof why), ERR_MALFORMED);
	assert_string_equal(why, "there is no 'delayed'; there is: delayed list, delayed cancel");
}

static void who_is_to_be_closed_is_told_why(void **s)
{
	(void)s;
	struct request r;
	char why[1024], line[300];
	assert_int_equal(parse("close connection 7 go home", &r, why, sizeof why), ERR_OK);
	assert_true(r.kind == REQUEST_CLOSE && r.number == 7);
	assert_int_equal(r.name.n, strlen("go home")); /* of a line that is gone by now */
	assert_int_equal(parse("close connection 7", &r, why, sizeof why), ERR_MALFORMED);
	assert_string_equal(why, "close connection wants a number and a reason");
	assert_int_equal(parse("close connection 7 ", &r, why, sizeof why), ERR_MALFORMED);
	assert_int_equal(parse("close connection x y", &r, why, sizeof why), ERR_MALFORMED);
	int n = snprintf(line, sizeof line, "close connection 7 ");
	memset(line + n, 'x', REQUEST_REASON_MAX + 1);
	line[n + (int)REQUEST_REASON_MAX + 1] = '\0';
	assert_int_equal(parse(line, &r, why, sizeof why), ERR_MALFORMED);
	line[n + (int)REQUEST_REASON_MAX] = '\0';
	assert_int_equal(parse(line, &r, why, sizeof why), ERR_OK);
}

static void a_queue_that_is_to_be_purged_has_a_name(void **s)
{
	(void)s;
	struct request r;
	char why[1024];
	assert_int_equal(parse("purge queue -p v a b", &r, why, sizeof why), ERR_OK);
	assert_true(r.kind == REQUEST_PURGE && r.name.n == strlen("a b"));
	assert_int_equal(parse("purge queue", &r, why, sizeof why), ERR_MALFORMED);
	assert_string_equal(why, "purge queue wants the name of a queue");
}

static void a_bound_is_bytes_or_a_part_of_the_memory(void **s)
{
	(void)s;
	struct request r;
	char why[1024];
	assert_int_equal(parse("limit memory 5000", &r, why, sizeof why), ERR_OK);
	assert_true(r.kind == REQUEST_MEMORY && !r.is_relative && r.number == 5000);
	assert_int_equal(parse("limit disk 9223372036854775807", &r, why, sizeof why), ERR_OK);
	assert_true(r.kind == REQUEST_DISK && r.number == INT64_MAX);
	static const struct {
		const char *line;
		uint64_t billionths;
	} rows[] = {
		{ "limit memory relative 0", 0 },
		{ "limit memory relative 0.4", 400000000 },
		{ "limit memory relative 1.000000001", 1000000001 },
		{ "limit disk relative 100", UINT64_C(100000000000) },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		assert_int_equal(parse(rows[i].line, &r, why, sizeof why), ERR_OK);
		assert_true(r.is_relative && r.number == rows[i].billionths);
	}
	static const char *const wrong[] = {
		"limit memory",
		"limit memory x",
		"limit memory -1",
		"limit memory relative",
		"limit memory relative .5",
		"limit memory relative 1.",
		"limit memory relative 0.x",
		"limit memory 5 5",
		"limit disk relative 101",
		"limit memory relative 0.0000000001",
		"limit disk 9223372036854775808",
	};
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		assert_int_equal(parse(wrong[i], &r, why, sizeof why), ERR_MALFORMED);
		assert_non_null(strstr(why, "wants bytes, or relative and a fraction, not '"));
	}
}

static void a_queue_may_be_called_like_a_condition(void **s)
{
	(void)s;
	static const struct {
		const char *line, *name;
		bool if_unused, if_empty;
	} rows[] = {
		{ "delete queue q", "/|q", false, false },
		{ "delete queue if-empty", "/|if-empty", false, false },
		{ "delete queue if-empty -p v a b", "v|a b", false, true },
		{ "delete queue if-unused -p v q", "v|q", true, false },
		{ "delete queue if-unused if-empty -p v if-empty", "v|if-empty", true, true },
		{ "delete queue if-empty -l 3 a b c d", "a b|c d", false, true },
		{ "delete queue -l 3 a b if-empty", "a b|if-empty", false, false },
		{ "delete queue if-empty if-unused", "/|if-empty if-unused", false, false },
	};
	struct request r;
	char why[1024];
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		assert_int_equal(parse(rows[i].line, &r, why, sizeof why), ERR_OK);
		assert_string_equal(why, rows[i].name);
		assert_true(r.if_unused == rows[i].if_unused && r.if_empty == rows[i].if_empty);
	}
	assert_int_equal(parse("delete queue", &r, why, sizeof why), ERR_MALFORMED);
	assert_int_equal(parse("delete queue if-empty -p v", &r, why, sizeof why), ERR_MALFORMED);
}

static void names_and_passwords_may_hold_blanks(void **s)
{
	(void)s;
	struct request r;
	char why[1024];
	assert_int_equal(parse("authenticate user 3 a b p w ", &r, why, sizeof why), ERR_OK);
	assert_string_equal(why, "a b|p w ");
	static const char *const wrong[] = { "authenticate user",
					     "authenticate user x",
					     "authenticate user 3 ab",
					     "authenticate user 3 abc",
					     "authenticate user 2 abc",
					     "authenticate user -1 a b",
					     "authenticate user 18446744073709551615 a b" };
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		assert_int_equal(parse(wrong[i], &r, why, sizeof why), ERR_MALFORMED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_request_of_the_table_is_understood),
		cmocka_unit_test(a_number_chooses_one_and_none_chooses_all),
		cmocka_unit_test(who_is_to_be_closed_is_told_why),
		cmocka_unit_test(a_queue_that_is_to_be_purged_has_a_name),
		cmocka_unit_test(a_queue_may_be_called_like_a_condition),
		cmocka_unit_test(names_and_passwords_may_hold_blanks),
		cmocka_unit_test(a_bound_is_bytes_or_a_part_of_the_memory),
		cmocka_unit_test(a_word_chooses_a_part_and_none_chooses_all),
		cmocka_unit_test(a_name_may_hold_blanks_and_has_a_virtual_host),
		cmocka_unit_test(a_message_has_two_numbers_and_belongs_to_an_exchange),
		cmocka_unit_test(what_is_no_request_is_refused_with_a_reason),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
