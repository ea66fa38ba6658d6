#include "wire/amqp091/headers.h"

#include "wire/amqp091/for_tests.h"
#include "wire/amqp091/props.h"
#include "wire/amqp091/table.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

static struct header value_of(struct slice table)
{
	struct header h;
	must(header_find(&amqp091_argument_ops, table, slice_str("a"), &h));
	return h;
}

static bool are_same(struct slice a, struct slice b)
{
	struct header x = value_of(a), y = value_of(b);
	struct hash_key key = { 1, 2 };
	must(header_same(&x, &y) == (header_hash(key, &x) == header_hash(key, &y)));
	must(header_name_hash(key, &x) == header_name_hash(key, &y));
	return header_same(&x, &y);
}

static void integers_are_the_same_in_any_width(void **state)
{
	(void)state;
	must(are_same(bytes_of("\1ab\377"), bytes_of("\1al\377\377\377\377\377\377\377\377")));
	must(are_same(bytes_of("\1aB\7"), bytes_of("\1aI\0\0\0\7")));
	must(!are_same(bytes_of("\1aB\7"), bytes_of("\1aT\0\0\0\0\0\0\0\7")));
	must(!are_same(bytes_of("\1aB\1"), bytes_of("\1at\1")));
	must(!are_same(bytes_of("\1aB\0"), bytes_of("\1aV")));
	must(!are_same(bytes_of("\1aS\0\0\0\1x"), bytes_of("\1ax\0\0\0\1x")));
	must(are_same(bytes_of("\1aA\0\0\0\2t\1"), bytes_of("\1aA\0\0\0\2t\1")));
}

static void a_float_is_the_double_of_its_value(void **state)
{
	(void)state;
	struct slice one = bytes_of("\1ad\x3f\xf8\0\0\0\0\0\0");
	must(are_same(bytes_of("\1af\x3f\xc0\0\0"), one));
	must(are_same(bytes_of("\1af\x80\0\0\0"), bytes_of("\1af\0\0\0\0"))); /* -0.0 */
	must(!are_same(bytes_of("\1aD\1\0\0\0\17"), one));
}

/* Every prefix, and every flag: what cannot be read has no headers. */
static void headers_are_found_behind_what_comes_first(void **state)
{
	(void)state;
	struct amqp091_props p = {
		.flags = AMQP091_HAS_content_type | AMQP091_HAS_headers | AMQP091_HAS_message_id |
			 AMQP091_HAS_timestamp | AMQP091_HAS_app_id,
		.content_type = slice_str("text/plain"),
		.headers = bytes_of("\1aB\7\1aB\10\1bV"),
		.message_id = slice_str("id"),
		.timestamp = 258,
		.app_id = slice_str("app"),
	};
	uint8_t buf[128];
	struct slice props = slice_of(buf, (size_t)(amqp091_props_put(buf, &p) - buf));
	struct header h, id;
	must(header_find(&amqp091_header_ops, props, slice_str("a"), &h) && h.number == 7);
	must(amqp091_header_ops.property(props, HEADER_MESSAGE_ID, &id));
	must(id.class == HEADER_TEXT && slice_eq(id.octets, slice_str("id")));
	must(amqp091_header_ops.property(props, HEADER_TIMESTAMP, &id));
	must(id.class == HEADER_TIME && id.number == 258);
	must(!amqp091_header_ops.property(props, HEADER_CORRELATION_ID, &id));
	for (size_t n = 0; n < props.n; n++) {
		struct slice part = exact(props, n);
		(void)header_find(&amqp091_header_ops, part, slice_str("z"), &h);
		must(!amqp091_header_ops.property(part, HEADER_MESSAGE_ID, &id));
		exact_free(part);
	}
	must(!header_find(&amqp091_header_ops, bytes_of("\0\0"), slice_str("a"), &h));
}

/* Each alone, and each with all. */
static void every_property_is_given_in_no_encoding(void **state)
{
	(void)state;
	struct amqp091_props p = {
		.content_type = slice_str("a/b"),
		.content_encoding = slice_str("gzip"),
		.priority = 9,
		.correlation_id = slice_str("c"),
		.reply_to = slice_str("r"),
		.expiration = slice_str("60000"),
		.message_id = slice_str("m"),
		.timestamp = 1u << 31,
		.type = slice_str("t"),
		.user_id = slice_str("u"),
		.app_id = slice_str("app"),
	};
	static const struct {
		enum header_property which;
		uint16_t flag;
		const char *text;
		uint64_t number;
		enum header_class class;
	} all[] = {
		{ HEADER_CONTENT_TYPE, AMQP091_HAS_content_type, "a/b", 0, HEADER_TEXT },
		{ HEADER_CONTENT_ENCODING, AMQP091_HAS_content_encoding, "gzip", 0, HEADER_TEXT },
		{ HEADER_MESSAGE_ID, AMQP091_HAS_message_id, "m", 0, HEADER_TEXT },
		{ HEADER_CORRELATION_ID, AMQP091_HAS_correlation_id, "c", 0, HEADER_TEXT },
		{ HEADER_REPLY_TO, AMQP091_HAS_reply_to, "r", 0, HEADER_TEXT },
		{ HEADER_TYPE, AMQP091_HAS_type, "t", 0, HEADER_TEXT },
		{ HEADER_USER_ID, AMQP091_HAS_user_id, "u", 0, HEADER_TEXT },
		{ HEADER_APP_ID, AMQP091_HAS_app_id, "app", 0, HEADER_TEXT },
		{ HEADER_TIMESTAMP, AMQP091_HAS_timestamp, "", 1u << 31, HEADER_TIME },
		{ HEADER_EXPIRATION, AMQP091_HAS_expiration, "", 60000, HEADER_INT },
		{ HEADER_PRIORITY, AMQP091_HAS_priority, "", 9, HEADER_INT },
	};
	_Static_assert(sizeof all / sizeof all[0] == HEADER_RETAIN, "all but what is a header");
	uint8_t buf[128];
	for (uint32_t flags = 0, i = 0; i <= HEADER_RETAIN; i++) {
		p.flags = (uint16_t)flags;
		struct slice props = slice_of(buf, (size_t)(amqp091_props_put(buf, &p) - buf));
		for (size_t j = 0; j < HEADER_RETAIN; j++) {
			struct header h;
			bool is_there = amqp091_header_ops.property(props, all[j].which, &h);
			must(is_there == ((flags & all[j].flag) != 0));
			must(!is_there || (h.name.n == 0 && h.class == all[j].class &&
					   h.number == all[j].number &&
					   slice_eq(h.octets, slice_str(all[j].text))));
		}
		flags |= i < HEADER_RETAIN ? all[i].flag : 0u;
	}
}

static void what_has_no_property_is_found_among_the_headers(void **state)
{
	(void)state;
	uint8_t table[128], buf[256];
	struct wr w = wr_of(table, sizeof table);
	struct header h;
	amqp091_put_str(&w, AMQP091_CORRELATION_ID, bytes_of("\377\0"));
	amqp091_put_str(&w, AMQP091_REPLY_TO_TOPIC, slice_str("a.b"));
	struct amqp091_props p = { .flags = AMQP091_HAS_headers, .headers = wr_done(&w) };
	struct slice props = slice_of(buf, (size_t)(amqp091_props_put(buf, &p) - buf));
	must(amqp091_header_ops.property(props, HEADER_CORRELATION_ID, &h));
	must(h.class == HEADER_BINARY && slice_eq(h.octets, bytes_of("\377\0")));
	must(amqp091_header_ops.property(props, HEADER_REPLY_TO, &h));
	must(slice_eq(h.name, slice_str(".")) && slice_eq(h.octets, slice_str("a.b")));
	must(!amqp091_header_ops.property(props, HEADER_MESSAGE_ID, &h));
	static const char octets[] = "\20x-correlation-idx\0\0\0\2\377\1";
	p.headers = bytes_of(octets); /* as clients write octets that are no text */
	props = slice_of(buf, (size_t)(amqp091_props_put(buf, &p) - buf));
	must(amqp091_header_ops.property(props, HEADER_CORRELATION_ID, &h));
	must(h.class == HEADER_BINARY && slice_eq(h.octets, bytes_of("\377\1")));
	p.flags |= AMQP091_HAS_reply_to | AMQP091_HAS_correlation_id;
	p.reply_to = p.correlation_id = slice_str("q");
	props = slice_of(buf, (size_t)(amqp091_props_put(buf, &p) - buf));
	must(amqp091_header_ops.property(props, HEADER_REPLY_TO, &h) && h.name.n == 0);
	must(amqp091_header_ops.property(props, HEADER_CORRELATION_ID, &h));
	must(h.class == HEADER_TEXT && slice_eq(h.octets, slice_str("q")));
}

static void a_header_is_dropped_and_the_rest_stays(void **state)
{
	(void)state;
	struct amqp091_props p = {
		.flags = AMQP091_HAS_content_type | AMQP091_HAS_headers | AMQP091_HAS_priority,
		.content_type = slice_str("a/b"),
		.headers = bytes_of("\1aB\7\3BCCA\0\0\0\0\1bV\3BCCV"),
		.priority = 5,
	};
	uint8_t buf[128];
	size_t n = (size_t)(amqp091_props_put(buf, &p) - buf);
	must(amqp091_headers_drop(buf, n, slice_str("CC")) == 0);
	size_t gone = amqp091_headers_drop(buf, n, slice_str("BCC"));
	must(gone == 9);
	struct slice left = exact(slice_of(buf + gone, n - gone), n - gone);
	must(amqp091_props_decode(left, &p) == ERR_OK && p.priority == 5);
	must(slice_eq(p.content_type, slice_str("a/b")));
	must(slice_eq(p.headers, bytes_of("\1aB\7\1bV\3BCCV")));
	exact_free(left);
	must(amqp091_headers_drop(buf + gone, n - gone, slice_str("BCC")) == 5);
	must(amqp091_headers_drop(buf + gone + 5, n - gone - 5, slice_str("BCC")) == 0);
	memcpy(buf, "\x20\0\0\0\0\5\3BCCV", 11);
	must(amqp091_headers_drop(buf, 11, slice_str("BCC")) == 5);
	must(memcmp(buf + 5, "\x20\0\0\0\0\0", 6) == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(integers_are_the_same_in_any_width),
		cmocka_unit_test(a_float_is_the_double_of_its_value),
		cmocka_unit_test(headers_are_found_behind_what_comes_first),
		cmocka_unit_test(every_property_is_given_in_no_encoding),
		cmocka_unit_test(what_has_no_property_is_found_among_the_headers),
		cmocka_unit_test(a_header_is_dropped_and_the_rest_stays),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
