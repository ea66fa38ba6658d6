#include "wire/stomp/stored.h"

#include "wire/stomp/for_tests.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

static uint8_t room[1000], scratch_room[1000];

static struct slice stored(struct slice head)
{
	struct wr scratch = wr_of(scratch_room, sizeof scratch_room);
	struct wr w = wr_of(room, STOMP_STORED_MAX(head.n));
	stomp_stored_put(head, STOMP_1_2, &scratch, &w);
	return wr_done(&w);
}

static void what_is_ours_does_not_travel(void **s)
{
	(void)s;
	struct slice block = stored(bytes_of("destination:/queue/a\nreceipt:1\ntype:t\nfoo:b\\car\n"
					     "content-length:5\npersistent:true\n"));
	SAME(block, "\0\4type\0\1t\0\3foo\0\4b:ar");
}

static void the_shortest_headers_have_room(void **s)
{
	(void)s;
	char head[3 * 150];
	for (size_t i = 0; i < sizeof head; i += 3)
		memcpy(head + i, "a:\n", 3);
	for (size_t n = 3; n <= sizeof head; n += 3)
		must(stored(slice_of(head, n)).n == n / 3 * 5);
}

static void properties_are_apart_from_headers(void **s)
{
	(void)s;
	struct slice block = stored(bytes_of(
		"foo:bar\ntype:t\ntimestamp:12345\nexpiration:60000\npriority:5\nzed:1\nfoo:2\n"));
	struct header h;
	must(stomp_header_ops.property(block, HEADER_TYPE, &h) && h.class == HEADER_TEXT);
	SAME(h.octets, "t");
	must(stomp_header_ops.property(block, HEADER_TIMESTAMP, &h));
	must(h.class == HEADER_TIME && h.number == 12345 && h.name.n == 0);
	must(stomp_header_ops.property(block, HEADER_EXPIRATION, &h) && h.number == 60000);
	must(stomp_header_ops.property(block, HEADER_PRIORITY, &h) && h.class == HEADER_INT);
	must(!stomp_header_ops.property(block, HEADER_APP_ID, &h));
	struct rd r = stomp_header_ops.begin(block);
	must(stomp_header_ops.next(&r, &h));
	SAME(h.name, "foo");
	SAME(h.octets, "bar");
	must(stomp_header_ops.next(&r, &h));
	SAME(h.name, "zed");
	must(stomp_header_ops.next(&r, &h) && !stomp_header_ops.next(&r, &h));
}

static void a_number_that_is_none_is_no_property(void **s)
{
	(void)s;
	struct header h;
	struct slice block = stored(bytes_of("priority:300\nexpiration:x\ntimestamp:-1\n"));
	must(!stomp_header_ops.property(block, HEADER_PRIORITY, &h));
	must(!stomp_header_ops.property(block, HEADER_EXPIRATION, &h));
	must(!stomp_header_ops.property(block, HEADER_TIMESTAMP, &h));
	int64_t n = 7;
	must(stomp_number(bytes_of("-12"), &n) && n == -12);
	must(!stomp_number(bytes_of("-"), &n) && !stomp_number(SLICE_EMPTY, &n));
	must(!stomp_number(bytes_of("9999999999999999999"), &n) && n == -12);
}

static void a_moment_to_expire_at_is_a_life_from_the_timestamp_on(void **s)
{
	(void)s;
	struct header h;
	struct slice block = stored(bytes_of("timestamp:1700000000123\nexpires:1700000060123\n"));
	must(stomp_header_ops.property(block, HEADER_EXPIRATION, &h));
	must(h.class == HEADER_INT && h.number == 60000);
	must(stomp_header_ops.property(block, HEADER_TIMESTAMP, &h) && h.number == 1700000000);
	must(header_find(&stomp_header_ops, block, slice_str("expires"), &h));
	block = stored(bytes_of("expires:1700000060123\ntimestamp:1700000000\n"));
	must(stomp_header_ops.property(block, HEADER_EXPIRATION, &h) && h.number == 60123);
	block = stored(bytes_of("timestamp:1700000000123\nexpires:1\n"));
	must(stomp_header_ops.property(block, HEADER_EXPIRATION, &h) && h.number == 0);
	block = stored(bytes_of("timestamp:1700000000123\nexpires:0\n"));
	must(!stomp_header_ops.property(block, HEADER_EXPIRATION, &h));
	block = stored(bytes_of("expires:1700000060123\n"));
	must(!stomp_header_ops.property(block, HEADER_EXPIRATION, &h));
	block = stored(bytes_of("expires:1700000060123\ntimestamp:1700000000123\nexpiration:5\n"));
	must(stomp_header_ops.property(block, HEADER_EXPIRATION, &h) && h.number == 5);
}

static void a_topic_for_the_answer_is_one_to_others_too(void **s)
{
	(void)s;
	static const struct {
		const char *head, *topic;
	} rows[] = {
		{ "reply-to:/topic/re.ply\nreply-to:/topic/second\n", "re.ply" },
		{ "reply-to:/exchange/amq.topic/re.ply\n", "re.ply" },
		{ "reply-to:/exchange/other/re.ply\n", NULL },
		{ "reply-to:/exchange/amq.topic\n", NULL },
		{ "reply-to:/queue/re.ply\n", NULL },
		{ "reply-to:/topic/\n", NULL },
		{ "reply-to:/topic/re/ply\n", NULL },
		{ "reply-to:/topic/re%2Fply\n", NULL },
		{ "type:/topic/re.ply\n", NULL },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct header h;
		struct slice block = stored(slice_str(rows[i].head));
		bool is_topic = stomp_header_ops.property(block, HEADER_REPLY_TOPIC, &h);
		must(is_topic == (rows[i].topic != NULL));
		if (!is_topic)
			continue;
		must(slice_eq(h.octets, slice_str(rows[i].topic)));
		SAME(h.name, ".");
		must(stomp_header_ops.property(block, HEADER_REPLY_TO, &h) && h.name.n == 0);
	}
}

static void a_note_for_its_own_readers_is_not_told_to_others(void **s)
{
	(void)s;
	struct header h;
	struct slice block = stored(bytes_of("amq-msg-type:text\nfoo:bar\ntype:t\n"));
	must(header_find(&stomp_header_ops, block, slice_str("amq-msg-type"), &h));
	must(!header_find(&stomp_told_ops, block, slice_str("amq-msg-type"), &h));
	must(header_find(&stomp_told_ops, block, slice_str("foo"), &h));
	must(stomp_told_ops.property(block, HEADER_TYPE, &h));
}

static void any_octets_are_read_safely(void **s)
{
	(void)s;
	struct slice block = stored(bytes_of("foo:bar\ntype:t\n"));
	for (size_t n = 0; n <= block.n; n++) {
		struct slice in = exact(block, n);
		struct header h;
		bool is_there = stomp_header_ops.property(in, HEADER_TYPE, &h);
		must(is_there == (n == block.n));
		struct rd r = stomp_header_ops.begin(in);
		must(stomp_header_ops.next(&r, &h) == (n >= 10));
		exact_free(in);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_ours_does_not_travel),
		cmocka_unit_test(the_shortest_headers_have_room),
		cmocka_unit_test(properties_are_apart_from_headers),
		cmocka_unit_test(a_number_that_is_none_is_no_property),
		cmocka_unit_test(a_moment_to_expire_at_is_a_life_from_the_timestamp_on),
		cmocka_unit_test(a_topic_for_the_answer_is_one_to_others_too),
		cmocka_unit_test(a_note_for_its_own_readers_is_not_told_to_others),
		cmocka_unit_test(any_octets_are_read_safely),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
