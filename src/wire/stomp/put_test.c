#include "wire/stomp/put.h"

#include "base/limits.h"
#include "base/wr.h"
#include "wire/stomp/for_tests.h"
#include "wire/stomp/stored.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

static uint8_t room[2000];

/* What is counted is what is written, to the octet. */
#define WRITTEN(put)                                                 \
	static struct slice put##_written(const struct put *what)    \
	{                                                            \
		size_t n = put##_put(NULL, what);                    \
		must(n < sizeof room);                               \
		room[n] = 0xEE;                                      \
		must(put##_put(room, what) == n && room[n] == 0xEE); \
		return slice_of(room, n);                            \
	}
WRITTEN(stomp_message)
WRITTEN(stomp_connected)
WRITTEN(stomp_error)

static struct stomp_message plain(void)
{
	return (struct stomp_message){ .version = STOMP_1_2,
				       .destination = slice_str("/queue/a"),
				       .id = slice_str("T_1@@s@@1"),
				       .ops = &stomp_header_ops };
}

static void a_message_says_what_is_its_own(void **s)
{
	(void)s;
	struct stomp_message m = plain();
	SAME(stomp_message_written(&m),
	     "MESSAGE\ndestination:/queue/a\nmessage-id:T_1@@s@@1\nredelivered:false\n"
	     "content-length:0\n\n");
	m.has_subscription = m.is_acked = m.is_persistent = m.is_redelivered = true;
	m.subscription = slice_str("1:2");
	m.body_bytes = 12;
	SAME(stomp_message_written(&m),
	     "MESSAGE\nsubscription:1\\c2\ndestination:/queue/a\nmessage-id:T_1@@s@@1\n"
	     "redelivered:true\nack:T_1@@s@@1\npersistent:true\ncontent-length:12\n\n");
	m.version = STOMP_1_1;
	SAME(stomp_message_written(&m),
	     "MESSAGE\nsubscription:1\\c2\ndestination:/queue/a\nmessage-id:T_1@@s@@1\n"
	     "redelivered:true\npersistent:true\ncontent-length:12\n\n");
}

static void activemq_says_less_and_more(void **s)
{
	(void)s;
	uint8_t block[200];
	struct wr w = wr_of(block, sizeof block);
	struct stomp_message m = plain();
	m.is_activemq = m.is_text = true;
	SAME(stomp_message_written(&m),
	     "MESSAGE\ndestination:/queue/a\nmessage-id:T_1@@s@@1\npriority:4\nexpires:0\n"
	     "timestamp:0\n\n");
	stomp_stored_put_one(&w, slice_str("timestamp"), slice_str("1700000000123"));
	stomp_stored_put_one(&w, slice_str("amq-msg-type"), slice_str("bytes"));
	stomp_stored_put_one(&w, slice_str("priority"), slice_str("9"));
	m.props = wr_done(&w);
	m.is_text = false;
	m.is_redelivered = true;
	SAME(stomp_message_written(&m),
	     "MESSAGE\ndestination:/queue/a\nmessage-id:T_1@@s@@1\nredelivered:true\nexpires:0\n"
	     "timestamp:1700000000123\npriority:9\ncontent-length:0\n\n");
}

static struct slice told(struct slice block, bool is_activemq)
{
	struct stomp_message m = plain();
	m.is_activemq = m.is_text = is_activemq;
	m.now_ms = 1700000001000;
	m.props = block;
	struct slice all = stomp_message_written(&m);
	const size_t before = sizeof "MESSAGE\ndestination:/queue/a\nmessage-id:T_1@@s@@1\n" - 1;
	must(all.n > before);
	return slice_from(all, before);
}

static void times_are_told_as_the_reader_counts_them(void **s)
{
	(void)s;
	uint8_t block[200];
	struct wr w = wr_of(block, sizeof block);
	stomp_stored_put_one(&w, slice_str("timestamp"), slice_str("1700000000123"));
	stomp_stored_put_one(&w, slice_str("expires"), slice_str("1700000060123"));
	SAME(told(wr_done(&w), true),
	     "priority:4\ntimestamp:1700000000123\nexpires:1700000060123\n\n");
	SAME(told(wr_done(&w), false),
	     "redelivered:false\ntimestamp:1700000000\nexpires:1700000060123\n"
	     "expiration:60000\ncontent-length:0\n\n");
	w = wr_of(block, sizeof block);
	stomp_stored_put_one(&w, slice_str("timestamp"), slice_str("1700000000"));
	stomp_stored_put_one(&w, slice_str("expiration"), slice_str("60000"));
	SAME(told(wr_done(&w), true), "priority:4\nexpires:1700000061000\ntimestamp:1700000000000\n"
				      "expiration:60000\n\n");
	SAME(told(wr_done(&w), false), "redelivered:false\ntimestamp:1700000000\n"
				       "expiration:60000\ncontent-length:0\n\n");
	w = wr_of(block, sizeof block);
	stomp_stored_put_one(&w, slice_str("timestamp"), slice_str("soon"));
	stomp_stored_put_one(&w, slice_str("expires"), slice_str("1700000060123"));
	SAME(told(wr_done(&w), false), "redelivered:false\ntimestamp:soon\n"
				       "expires:1700000060123\ncontent-length:0\n\n");
}

static void a_text_says_what_it_was_to_be_made_into(void **s)
{
	(void)s;
	struct stomp_message m = plain();
	m.is_activemq = m.is_text = true;
	m.transformation = slice_str("jms-map:json");
	SAME(stomp_message_written(&m),
	     "MESSAGE\ndestination:/queue/a\nmessage-id:T_1@@s@@1\n"
	     "transformation:jms-map\\cjson\npriority:4\nexpires:0\ntimestamp:0\n\n");
	m.is_text = false;
	SAME(stomp_message_written(&m), "MESSAGE\ndestination:/queue/a\nmessage-id:T_1@@s@@1\n"
					"priority:4\nexpires:0\ntimestamp:0\ncontent-length:0\n\n");
}

static struct slice dead(bool is_expired, bool is_timed, const char *expires)
{
	static const char before[] = "MESSAGE\ndestination:/queue/a\nmessage-id:T_1@@s@@1\n"
				     "priority:4\n";
	uint8_t block[100];
	struct wr w = wr_of(block, sizeof block);
	struct stomp_message m = plain();
	m.is_activemq = m.is_text = m.is_dead = true;
	m.is_expired = is_expired;
	m.is_timed = is_timed;
	if (expires)
		stomp_stored_put_one(&w, slice_str("expires"), slice_str(expires));
	m.props = wr_done(&w);
	const struct header_ops other = { .property = stomp_header_ops.property,
					  .begin = stomp_header_ops.begin,
					  .next = stomp_header_ops.next };
	m.ops = &other; /* as if it came by another protocol, as dead letters do */
	struct slice all = stomp_message_written(&m);
	must(slice_starts_with(all, slice_str(before)));
	return slice_from(all, sizeof before - 1);
}

static void a_dead_letter_says_when_its_time_was_over(void **s)
{
	(void)s;
	SAME(dead(false, false, NULL), "expires:0\noriginalExpiration:0\ntimestamp:0\n\n");
	SAME(dead(false, false, "17"), "expires:0\noriginalExpiration:17\ntimestamp:0\n\n");
	SAME(dead(false, true, NULL), "expires:0\ntimestamp:0\n\n");
	SAME(dead(true, true, NULL), "expires:0\ndlqDeliveryFailureCause:java.lang.Throwable\\c "
				     "Message Expired.\ntimestamp:0\n\n");
	SAME(dead(true, false, "17"),
	     "expires:0\noriginalExpiration:17\ndlqDeliveryFailureCause:java.lang.Throwable\\c "
	     "Message Expired. Expiration\\c17\ntimestamp:0\n\n");
}

static struct slice with_header(enum stomp_version v, struct slice name, struct slice value)
{
	uint8_t block[100];
	struct wr w = wr_of(block, sizeof block);
	stomp_stored_put_one(&w, name, value);
	struct stomp_message m = plain();
	m.version = v;
	m.props = wr_done(&w);
	struct slice all = stomp_message_written(&m);
	size_t before = sizeof "MESSAGE\ndestination:/queue/a\nmessage-id:T_1@@s@@1\n"
			       "redelivered:false\n" -
			1;
	return slice_sub(all, before, all.n - before - (sizeof "content-length:0\n\n" - 1));
}

static void no_message_is_longer_than_its_bound(void **s)
{
	(void)s;
	static uint8_t block[1000], nasty[100];
	memset(nasty, '\\', sizeof nasty);
	for (size_t n = 0; n <= sizeof nasty; n++) {
		struct wr w = wr_of(block, sizeof block);
		struct stomp_message m = plain();
		for (int i = 0; i < 4; i++)
			stomp_stored_put_one(&w, slice_of("\\", 1), slice_of(nasty, n));
		m.has_subscription = m.is_acked = m.is_persistent = true;
		m.subscription = m.destination = m.id = slice_of(nasty, n ? n : 1);
		m.is_activemq = m.is_text = n % 2;
		m.transformation = m.id;
		m.body_bytes = UINT64_MAX / 2;
		m.props = wr_done(&w);
		must(stomp_rest_put(NULL, &m) <= stomp_rest_bound(&m));
		must(stomp_receipt_put(NULL, STOMP_1_2, m.id) <= STOMP_RECEIPT_MAX(m.id.n));
	}
}

/* The fronts of one subscription differ in their tags. */
static void the_tag_has_its_place_behind_each_id(void **s)
{
	(void)s;
	struct stomp_message m = plain();
	uint32_t at[STOMP_FRONT_TAGS];
	m.id = slice_str("T_1@@s@@");
	m.is_acked = true;
	size_t n = stomp_front_put(room, &m, at);
	SAME(slice_of(room, n), "MESSAGE\ndestination:/queue/a\nmessage-id:T_1@@s@@\n"
				"redelivered:false\nack:T_1@@s@@\n");
	SAME(slice_of(room, at[0]), "MESSAGE\ndestination:/queue/a\nmessage-id:T_1@@s@@");
	must(at[1] == n - 1);
	m.version = STOMP_1_1;
	n = stomp_front_put(room, &m, at);
	SAME(slice_of(room, at[0]), "MESSAGE\ndestination:/queue/a\nmessage-id:T_1@@s@@");
	must(at[1] == n);
}

static void octets_hide_as_the_version_has_it(void **s)
{
	(void)s;
	SAME(with_header(STOMP_1_2, bytes_of("a:b"), bytes_of("c:d\\e\nf\rg")),
	     "a\\cb:c\\cd\\\\e\\nf\\rg\n");
	SAME(with_header(STOMP_1_1, bytes_of("a:b"), bytes_of("c:d\\e\nf\rg")),
	     "a\\cb:c\\cd\\\\e\\nf\rg\n");
	SAME(with_header(STOMP_1_0, bytes_of("a:b"), bytes_of("c:d\\e\nf")), "a\\cb:c:d\\e\\nf\n");
	SAME(with_header(STOMP_1_2, bytes_of("a"), bytes_of("\0b\0")), "a:b\n");
}

/* Properties as another protocol may have them. */
static const struct header rows[] = {
	{ { (const uint8_t *)"foo", 3 }, { (const uint8_t *)"bar", 3 }, 0, HEADER_TEXT },
	{ { (const uint8_t *)"n", 1 }, { NULL, 0 }, (uint64_t)-7, HEADER_INT },
	{ { (const uint8_t *)"t", 1 }, { NULL, 0 }, 1, HEADER_BOOL },
	{ { (const uint8_t *)"x", 1 }, { NULL, 0 }, 0, HEADER_TABLE },
	{ { (const uint8_t *)"v", 1 }, { NULL, 0 }, 0, HEADER_VOID },
	{ { (const uint8_t *)"ack", 3 }, { NULL, 0 }, 0, HEADER_TEXT },
	{ { (const uint8_t *)"b", 1 }, { (const uint8_t *)"1", 1 }, 0, HEADER_BINARY },
	{ { (const uint8_t *)"c", 1 }, { (const uint8_t *)"\xff", 1 }, 0, HEADER_BINARY },
	{ { (const uint8_t *)"d", 1 }, { (const uint8_t *)"a\0b", 3 }, 0, HEADER_TEXT },
};
static struct rd begin_rows(struct slice props)
{
	return rd_of(props);
}
static bool next_row(struct rd *r, struct header *out)
{
	size_t left = rd_left(r);
	rd_skip(r, 1);
	if (left > 0)
		*out = rows[sizeof rows / sizeof *rows - left];
	return left > 0;
}
static bool row_property(struct slice props, enum header_property which, struct header *out)
{
	(void)props;
	if (which != HEADER_PRIORITY && which != HEADER_CONTENT_TYPE)
		return false;
	*out = which == HEADER_PRIORITY
		       ? (struct header){ .number = 5, .class = HEADER_INT }
		       : (struct header){ .octets = slice_str("text/plain"), .class = HEADER_TEXT };
	return true;
}

static void properties_of_another_protocol_are_headers(void **s)
{
	(void)s;
	static const struct header_ops ops = { begin_rows, next_row, row_property };
	struct stomp_message m = plain();
	m.ops = &ops;
	m.props = slice_of("123456789", sizeof rows / sizeof *rows);
	SAME(stomp_message_written(&m),
	     "MESSAGE\ndestination:/queue/a\nmessage-id:T_1@@s@@1\nredelivered:false\n"
	     "content-type:text/plain\npriority:5\nfoo:bar\nn:-7\nt:true\nb:1\n"
	     "content-length:0\n\n");
}

static bool no_row(struct rd *r, struct header *out)
{
	(void)r;
	(void)out;
	return false;
}
static bool reply_property(struct slice props, enum header_property which, struct header *out)
{
	*out = (struct header){ .name = slice_sub(props, 0, 1),
				.octets = slice_from(props, 1),
				.class = HEADER_TEXT };
	return which == HEADER_REPLY_TO;
}

/* The first octet stands between the words; without one it is a destination already. */
static void a_topic_for_the_answer_is_a_destination(void **s)
{
	(void)s;
	static const struct header_ops ops = { begin_rows, no_row, reply_property };
	static char longer[LIMIT_SHORTSTR + 3];
	struct stomp_message m = plain();
	m.ops = &ops;
	m.props = slice_str("/a/b c/d%");
	SAME(stomp_message_written(&m),
	     "MESSAGE\ndestination:/queue/a\nmessage-id:T_1@@s@@1\nredelivered:false\n"
	     "reply-to:/topic/a.b c.d%25\ncontent-length:0\n\n");
	m.props = slice_str(".a.b");
	SAME(stomp_message_written(&m),
	     "MESSAGE\ndestination:/queue/a\nmessage-id:T_1@@s@@1\nredelivered:false\n"
	     "reply-to:/topic/a.b\ncontent-length:0\n\n");
	m.stream_pos = 1;
	m.props = slice_str(".a.b");
	SAME(stomp_message_written(&m),
	     "MESSAGE\ndestination:/queue/a\nmessage-id:T_1@@s@@1\nredelivered:false\n"
	     "x-stream-offset:0\nreply-to:/topic/a.b\ncontent-length:0\n\n");
	m.stream_pos = 0;
	memset(longer, '/', sizeof longer - 1);
	m.props = slice_str(longer); /* no key of any binding: nowhere to answer to */
	SAME(stomp_message_written(&m),
	     "MESSAGE\ndestination:/queue/a\nmessage-id:T_1@@s@@1\nredelivered:false\n"
	     "content-length:0\n\n");
}

static void the_other_frames_are_as_rabbitmq_writes_them(void **s)
{
	(void)s;
	struct stomp_connected c = { .version = STOMP_1_1,
				     .server = slice_str("Godwit/1"),
				     .session = slice_str("session-x:y"),
				     .sends_ms = 500 };
	SAME(stomp_connected_written(&c),
	     "CONNECTED\nserver:Godwit/1\nsession:session-x:y\nheart-beat:500,0\nversion:1.1\n\n");
	c.has_receipt = true;
	c.receipt = slice_str("a:1");
	SAME(stomp_connected_written(&c),
	     "CONNECTED\nserver:Godwit/1\nsession:session-x:y\nheart-beat:500,0\nversion:1.1\n"
	     "response-id:a:1\nreceipt-id:a:1\n\n");
	struct slice receipt = slice_of(room, stomp_receipt_put(NULL, STOMP_1_2, slice_str("a:")));
	must(stomp_receipt_put(room, STOMP_1_2, slice_str("a:")) == receipt.n);
	SAME(receipt, "RECEIPT\nreceipt-id:a\\c\n\n");
	struct stomp_error e = { .version = STOMP_1_2,
				 .message = slice_str("Bad command"),
				 .body_bytes = 34 };
	SAME(stomp_error_written(&e),
	     "ERROR\nmessage:Bad command\ncontent-type:text/plain\nversion:1.0,1.1,1.2\n"
	     "content-length:34\n\n");
	e.has_receipt = e.has_subscription = true;
	e.receipt = slice_str("1");
	SAME(stomp_error_written(&e),
	     "ERROR\nmessage:Bad command\nreceipt-id:1\nsubscription:\ncontent-type:text/plain\n"
	     "version:1.0,1.1,1.2\ncontent-length:34\n\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_message_says_what_is_its_own),
		cmocka_unit_test(activemq_says_less_and_more),
		cmocka_unit_test(times_are_told_as_the_reader_counts_them),
		cmocka_unit_test(a_text_says_what_it_was_to_be_made_into),
		cmocka_unit_test(a_dead_letter_says_when_its_time_was_over),
		cmocka_unit_test(no_message_is_longer_than_its_bound),
		cmocka_unit_test(the_tag_has_its_place_behind_each_id),
		cmocka_unit_test(octets_hide_as_the_version_has_it),
		cmocka_unit_test(properties_of_another_protocol_are_headers),
		cmocka_unit_test(a_topic_for_the_answer_is_a_destination),
		cmocka_unit_test(the_other_frames_are_as_rabbitmq_writes_them),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
