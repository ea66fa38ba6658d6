#include "wire/mqtt/from.h"

#include "wire/mqtt/for_tests.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

/* A message of no protocol: its "properties" are the octets of this struct. */
struct made {
	struct header properties[HEADER_PROPERTY_N];
	bool has[HEADER_PROPERTY_N];
	struct header headers[12];
	size_t n;
};

static struct slice made_props(const struct made *m)
{
	return slice_of(m, sizeof *m);
}

static struct rd made_begin(struct slice props)
{
	const struct made *m = (const void *)props.p;
	return rd_of(slice_of(m->headers, m->n * sizeof *m->headers));
}

static bool made_next(struct rd *r, struct header *out)
{
	if (r->n == 0)
		return false;
	memcpy(out, rd_take(r, sizeof *out).p, sizeof *out);
	return true;
}

static bool made_property(struct slice props, enum header_property which, struct header *out)
{
	const struct made *m = (const void *)props.p;
	if (m->has[which])
		*out = m->properties[which];
	return m->has[which];
}

static const struct header_ops made_ops = { made_begin, made_next, made_property };

static void set(struct made *m, enum header_property which, uint8_t class, const char *text,
		uint64_t number)
{
	m->has[which] = true;
	m->properties[which] = (struct header){ .octets = slice_str(text),
						.number = number,
						.class = class };
}

static void add(struct made *m, const char *name, uint8_t class, const char *text, uint64_t number)
{
	m->headers[m->n++] = (struct header){ slice_str(name), slice_str(text), number, class };
}

static void expect(const struct made *m, const char *z, int line)
{
	static uint8_t room[1024];
	struct mqtt_props p;
	struct slice block = mqtt_props_from(room, sizeof room, &made_ops, made_props(m));
	expect_octets(block.p, block.p + block.n, z, line);
	must(mqtt_props_decode(block, MQTT_PUBLISH, &p) == MQTT_FAULT_NONE);
	must(mqtt_from_room(SLICE_EMPTY) >= block.n);
	for (size_t n = 0; n < block.n; n++) {
		struct slice less = exact(block, n);
		uint8_t *at = (uint8_t *)(uintptr_t)less.p;
		struct slice got = mqtt_props_from(at, n, &made_ops, made_props(m));
		must(got.n <= n && mqtt_props_decode(got, MQTT_PUBLISH, &p) == MQTT_FAULT_NONE);
		exact_free(less);
	}
}

static void properties_go_where_they_belong(void **s)
{
	(void)s;
	struct made m = { .n = 0 };
	expect(&m, "", __LINE__);
	set(&m, HEADER_CONTENT_TYPE, HEADER_TEXT, "text/plain", 0);
	set(&m, HEADER_CORRELATION_ID, HEADER_TEXT, "k", 0);
	set(&m, HEADER_EXPIRATION, HEADER_INT, "", 61999);
	set(&m, HEADER_MESSAGE_ID, HEADER_TEXT, "m", 0);
	set(&m, HEADER_PRIORITY, HEADER_INT, "", 4);
	expect(&m, "02 0000003e 03 000a'text/plain' 09 0001'k'", __LINE__);
	set(&m, HEADER_EXPIRATION, HEADER_INT, "", UINT64_MAX);
	set(&m, HEADER_CONTENT_TYPE, HEADER_TEXT, "\xff", 0);
	set(&m, HEADER_CORRELATION_ID, HEADER_BINARY, "\xff", 0);
	expect(&m, "02 ffffffff 09 0001 ff", __LINE__);
}

static void only_a_topic_is_an_address(void **s)
{
	(void)s;
	char equal[] = "amq.gen-1"; /* and not the same octets */
	struct made m = { .n = 0 };
	set(&m, HEADER_REPLY_TO, HEADER_TEXT, "amq.gen-1", 0);
	expect(&m, "", __LINE__);
	m.properties[HEADER_REPLY_TO].name = slice_str(".");
	expect(&m, "08 0009'amq/gen-1'", __LINE__);
	m.properties[HEADER_REPLY_TO].name = slice_str("/");
	expect(&m, "08 0009'amq.gen-1'", __LINE__);
	add(&m, "x-reply-to-topic", HEADER_TEXT, "", 0);
	add(&m, "other", HEADER_TEXT, equal, 0);
	m.headers[0].octets = m.properties[HEADER_REPLY_TO].octets;
	expect(&m, "08 0009'amq.gen-1' 26 0005'other' 0009'amq.gen-1'", __LINE__);
	m.n = 0;
	m.properties[HEADER_REPLY_TO].name = SLICE_EMPTY;
	set(&m, HEADER_REPLY_TOPIC, HEADER_TEXT, "re.ply", 0);
	m.properties[HEADER_REPLY_TOPIC].name = slice_str(".");
	expect(&m, "08 0006're/ply'", __LINE__);
	m.has[HEADER_REPLY_TO] = false;
	expect(&m, "08 0006're/ply'", __LINE__);
	m.has[HEADER_REPLY_TOPIC] = false;
	m.has[HEADER_REPLY_TO] = true;
	m.properties[HEADER_REPLY_TO].name = slice_str("/");
	m.properties[HEADER_REPLY_TO].octets = slice_str("a/+");
	expect(&m, "", __LINE__);
	m.properties[HEADER_REPLY_TO].octets = SLICE_EMPTY;
	expect(&m, "", __LINE__);
}

static void headers_become_text(void **s)
{
	(void)s;
	struct made m = { .n = 0 };
	double real = -1.5;
	uint64_t bits;
	memcpy(&bits, &real, sizeof bits);
	add(&m, "t", HEADER_TEXT, "x", 0);
	add(&m, "", HEADER_VOID, "", 0);
	add(&m, "b", HEADER_BOOL, "", 1);
	add(&m, "c", HEADER_BOOL, "", 0);
	add(&m, "i", HEADER_INT, "", (uint64_t)INT64_MIN);
	add(&m, "d", HEADER_TIME, "", UINT64_MAX);
	add(&m, "r", HEADER_REAL, "", bits);
	expect(&m,
	       "26 0001't' 0001'x' 26 0000 0000 26 0001'b' 0004'true' 26 0001'c' 0005'false' "
	       "26 0001'i' 0014'-9223372036854775808' 26 0001'd' 0014'18446744073709551615' "
	       "26 0001'r' 001b'-1.50000000000000000000e+00'",
	       __LINE__);
}

static void what_mqtt_cannot_say_is_left_out(void **s)
{
	(void)s;
	struct made m = { .n = 0 };
	add(&m, "a", HEADER_BINARY, "x", 0);
	add(&m, "b", HEADER_LIST, "x", 0);
	add(&m, "c", HEADER_TABLE, "x", 0);
	add(&m, "d", HEADER_DECIMAL, "", 5);
	add(&m, "e", HEADER_TEXT, "\xff", 0);
	add(&m, "\xff", HEADER_TEXT, "x", 0);
	m.headers[m.n++] = (struct header){ slice_str("f"), slice_of("\0", 1), 0, HEADER_TEXT };
	add(&m, "t", HEADER_TEXT, "x", 0);
	add(&m, "t", HEADER_TEXT, "y", 0);
	expect(&m, "26 0001't' 0001'x' 26 0001't' 0001'y'", __LINE__);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(properties_go_where_they_belong),
		cmocka_unit_test(only_a_topic_is_an_address),
		cmocka_unit_test(headers_become_text),
		cmocka_unit_test(what_mqtt_cannot_say_is_left_out),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
