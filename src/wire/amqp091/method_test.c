#include "wire/amqp091/method.h"

#include "wire/amqp091/fault.h"
#include "wire/amqp091/for_tests.h"
#include "wire/amqp091/table.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

/* ---- any value of each type, and how two are compared ---- */

static uint8_t some_u8(struct prng *r)
{
	return (uint8_t)prng_u64(r);
}
static uint16_t some_u16(struct prng *r)
{
	return (uint16_t)prng_u64(r);
}
static uint32_t some_u32(struct prng *r)
{
	return (uint32_t)prng_u64(r);
}
static uint64_t some_u64(struct prng *r)
{
	return prng_u64(r);
}

static struct slice some_str32(struct prng *r)
{
	static const char letters[] =
		"some longer words, with a \0 inside and \xFF at the end \xFF";
	return slice_of(letters, (size_t)prng_below(r, sizeof letters));
}

static struct slice some_secret(struct prng *r)
{
	return some_str32(r);
}

static struct slice some_str8(struct prng *r)
{
	static uint8_t letters[LIMIT_SHORTSTR];
	memset(letters, 'x', sizeof letters);
	memcpy(letters, "na\xC3\xAFve", 6);
	size_t n = (size_t)prng_below(r, 3) ? (size_t)prng_below(r, 20) : sizeof letters;
	return slice_of(letters, n == 3 ? 4 : n); /* not half a character */
}

static struct slice some_table(struct prng *r)
{
	static const struct slice tables[] = {
		{ NULL, 0 },
		{ (const uint8_t *)"\1aV", 3 },
		{ (const uint8_t *)"\1aI\0\0\0\5\2bbF\0\0\0\4\1ct\1", 19 },
	};
	return tables[prng_below(r, 3)];
}

#define same_u8(a, b)     ((a) == (b))
#define same_u16(a, b)    ((a) == (b))
#define same_u32(a, b)    ((a) == (b))
#define same_u64(a, b)    ((a) == (b))
#define same_str8(a, b)   slice_eq(a, b)
#define same_str32(a, b)  slice_eq(a, b)
#define same_secret(a, b) slice_eq(a, b)
#define same_table(a, b)  slice_eq(a, b)

#define FIELD(type, name)    m->name = some_##type(r);
#define RESERVED(type, name) FIELD(type, name)
#define BITS(bits)           bits
#define BIT(place, name)     m->name = prng_chance(r, 1, 2);
#define NO_FIELDS            m->nothing = 0;
#define METHOD(c, i, noun, verb, by, kind, content, fields, prose)                          \
	static void fill_##noun##_##verb(struct amqp091_##noun##_##verb *m, struct prng *r) \
	{                                                                                   \
		(void)r;                                                                    \
		fields                                                                      \
	}
#include "wire/amqp091/methods.def"
#undef METHOD
#undef FIELD
#undef BIT
#undef NO_FIELDS

#define FIELD(type, name) must(same_##type(a->name, b->name));
#define BIT(place, name)  must(a->name == b->name);
#define NO_FIELDS         must(a != NULL && b != NULL);
#define METHOD(c, i, noun, verb, by, kind, content, fields, prose)                   \
	static void compare_##noun##_##verb(const struct amqp091_##noun##_##verb *a, \
					    const struct amqp091_##noun##_##verb *b) \
	{                                                                            \
		fields                                                               \
	}
#include "wire/amqp091/methods.def"
#undef METHOD
#undef FIELD
#undef BIT
#undef NO_FIELDS
#undef RESERVED
#undef BITS

static struct amqp091_method some_method(enum amqp091_method_kind kind, struct prng *r)
{
	struct amqp091_method m = { .kind = kind };
	switch (kind) {
#define METHOD(c, i, noun, verb, by, kind_, content, fields, prose) \
	case AMQP091_##noun##_##verb:                               \
		fill_##noun##_##verb(&m.noun##_##verb, r);          \
		break;
#include "wire/amqp091/methods.def"
#undef METHOD
	case AMQP091_METHOD_N: break;
	}
	return m;
}

static void compare(const struct amqp091_method *a, const struct amqp091_method *b)
{
	must(a->kind == b->kind);
	switch (a->kind) {
#define METHOD(c, i, noun, verb, by, kind_, content, fields, prose)            \
	case AMQP091_##noun##_##verb:                                          \
		compare_##noun##_##verb(&a->noun##_##verb, &b->noun##_##verb); \
		break;
#include "wire/amqp091/methods.def"
#undef METHOD
	case AMQP091_METHOD_N: break;
	}
}

/* ---- every row ---- */

static struct slice payload_of(struct slice frame)
{
	struct amqp091_frame f;
	must(amqp091_frame_read(frame, 0, &f) == ERR_OK && f.total == frame.n);
	must(f.type == AMQP091_FRAME_METHOD && f.channel == 0x0102);
	must(amqp091_frame_check(&f) == ERR_OK);
	return f.payload;
}

/* refused: decode says no, and has not touched its output. */
static void refused(struct slice payload)
{
	struct amqp091_method before, m;
	memset(&before, 0xA5, sizeof before);
	m = before;
	must(amqp091_method_decode(payload, &m) != ERR_OK);
	must(memcmp(&m, &before, sizeof m) == 0);
}

static void too_short_or_too_long_is_refused(struct slice payload)
{
	for (size_t n = 0; n < payload.n; n++) {
		struct slice part = exact(payload, n);
		refused(part);
		exact_free(part);
	}
	uint8_t longer[4096];
	must(payload.n < sizeof longer);
	memcpy(longer, payload.p, payload.n);
	longer[payload.n] = 0;
	refused(slice_of(longer, payload.n + 1));
}

static void round_trip(enum amqp091_method_kind kind, struct prng *r)
{
	struct amqp091_method m = some_method(kind, r), back;
	uint8_t buf[4096];
	size_t size = amqp091_method_size(&m);
	must(size <= sizeof buf);
	must(amqp091_method_put(buf, 0x0102, &m) == buf + size);

	struct slice frame = exact(slice_of(buf, size), size);
	struct slice payload = payload_of(frame);
	must(amqp091_method_decode(payload, &back) == ERR_OK);
	compare(&m, &back);
	too_short_or_too_long_is_refused(payload);
	exact_free(frame);
}

static void every_method_comes_back_as_it_was(void **s)
{
	(void)s;
	struct prng r = prng_of(91);
	for (int round = 0; round < 20; round++)
		for (int kind = 0; kind < AMQP091_METHOD_N; kind++)
			round_trip((enum amqp091_method_kind)kind, &r);
}

static void every_method_is_found_by_its_ids(void **s)
{
	(void)s;
	must(AMQP091_METHOD_N == 66);
	enum amqp091_method_kind kind;
	for (unsigned i = 0; i < AMQP091_METHOD_N; i++) {
		const struct amqp091_method_info *info = &amqp091_method_info[i];
		must(amqp091_method_find(info->class_id, info->method_id, &kind) && kind == i);
		must(info->name != NULL && info->prose != NULL && info->sent_by != 0);
	}
	must(!amqp091_method_find(60, 99, &kind) && !amqp091_method_find(0, 0, &kind));
	must(amqp091_method_find(40, 51, &kind) && kind == AMQP091_exchange_unbind_ok);
	must(!amqp091_method_find(40, 41, &kind));
}

static void the_table_says_who_sends_what(void **s)
{
	(void)s;
	const struct amqp091_method_info *publish = &amqp091_method_info[AMQP091_basic_publish];
	assert_string_equal(publish->name, "basic.publish");
	must(publish->sent_by == AMQP091_CLIENT && publish->call == AMQP091_CAST);
	must(publish->has_content);
	const struct amqp091_method_info *get_ok = &amqp091_method_info[AMQP091_basic_get_ok];
	must(get_ok->sent_by == AMQP091_SERVER && get_ok->call == AMQP091_REPLY);
	must(amqp091_method_info[AMQP091_basic_ack].sent_by == AMQP091_BOTH);
	must(amqp091_method_info[AMQP091_queue_declare].call == AMQP091_CALL);

	int contents = 0;
	for (int i = 0; i < AMQP091_METHOD_N; i++)
		contents += amqp091_method_info[i].has_content;
	must(contents == 4);
}

/* ---- octets written by hand, so that encoder and decoder cannot agree on a mistake ---- */

static void publish_is_spelled_as_the_specification_spells_it(void **s)
{
	(void)s;
	struct amqp091_method m;
	must(amqp091_method_decode(bytes_of("\0\74\0\50\0\0\2ex\3key\1"), &m) == ERR_OK);
	must(m.kind == AMQP091_basic_publish && m.basic_publish.ticket == 0);
	must(slice_eq(m.basic_publish.exchange, slice_str("ex")));
	must(slice_eq(m.basic_publish.routing_key, slice_str("key")));
	must(m.basic_publish.mandatory && !m.basic_publish.immediate);
}

static void declare_is_spelled_as_the_specification_spells_it(void **s)
{
	(void)s;
	static const char frame[] = "\1\0\7\0\0\0\30\0\62\0\12\0\0\1q\22\0\0\0\13\5x-max"
				    "I\0\0\0\12\xCE";
	struct amqp091_method m = { .kind = AMQP091_queue_declare };
	m.queue_declare = (struct amqp091_queue_declare){
		.queue = slice_str("q"),
		.durable = true,
		.nowait = true,
		.arguments = bytes_of("\5x-maxI\0\0\0\12"),
	};
	uint8_t buf[sizeof frame - 1];
	must(amqp091_method_size(&m) == sizeof buf);
	amqp091_method_put(buf, 7, &m);
	assert_memory_equal(buf, frame, sizeof buf);
}

static void unused_flag_bits_are_nobodys_business(void **s)
{
	(void)s;
	struct amqp091_method m;
	must(amqp091_method_decode(bytes_of("\0\125\0\12\xFE"), &m) == ERR_OK);
	must(m.kind == AMQP091_confirm_select && !m.confirm_select.nowait);
}

static void acks_are_written_like_any_method(void **s)
{
	(void)s;
	uint8_t slow[AMQP091_ACK_SIZE], fast[AMQP091_ACK_SIZE];
	struct amqp091_method m = { .kind = AMQP091_basic_ack };
	m.basic_ack = (struct amqp091_basic_ack){ .delivery_tag = 0x0102030405060708,
						  .multiple = true };
	must(amqp091_method_size(&m) == sizeof slow);
	amqp091_method_put(slow, 300, &m);
	must(amqp091_ack_put(fast, 300, 0x0102030405060708, true) == fast + sizeof fast);
	assert_memory_equal(slow, fast, sizeof slow);

	m = (struct amqp091_method){ .kind = AMQP091_basic_nack };
	m.basic_nack = (struct amqp091_basic_nack){ .delivery_tag = 9 };
	amqp091_method_put(slow, 1, &m);
	must(amqp091_nack_put(fast, 1, 9, false) == fast + sizeof fast);
	assert_memory_equal(slow, fast, sizeof slow);
}

/* ---- refusals ---- */

static void each_refusal_has_its_error(void **s)
{
	(void)s;
	struct amqp091_method m;
	must(amqp091_method_decode(bytes_of("\0\74\0\143"), &m) == ERR_COMMAND_INVALID);
	must(amqp091_method_decode(bytes_of("\0\0\0\0"), &m) == ERR_COMMAND_INVALID);
	must(amqp091_method_decode(bytes_of("\0\62\0\12\0\0"), &m) == ERR_MALFORMED);
	/* basic.cancel of a tag that is no UTF-8: alone, a surrogate, over-long */
	must(amqp091_method_decode(bytes_of("\0\74\0\36\1\xFF\0"), &m) == ERR_SYNTAX_ERROR);
	must(amqp091_method_decode(bytes_of("\0\74\0\36\3\xED\xA0\x80\0"), &m) == ERR_SYNTAX_ERROR);
	must(amqp091_method_decode(bytes_of("\0\74\0\36\2\xC0\x80\0"), &m) == ERR_SYNTAX_ERROR);
	must(amqp091_method_decode(bytes_of("\0\74\0\36\2\xC3\xA9\0"), &m) == ERR_OK);
	/* queue.bind whose table has an unknown type */
	must(amqp091_method_decode(bytes_of("\0\62\0\24\0\0\0\0\0\0\0\0\0\3\1a?"), &m) ==
	     ERR_MALFORMED);
}

static void short_strings_are_clipped_between_characters(void **s)
{
	(void)s;
	char text[300];
	memset(text, 'a', sizeof text);
	must(amqp091_str8_clip(slice_of(text, 255)).n == 255);
	must(amqp091_str8_clip(slice_of(text, 256)).n == 255);
	memcpy(text + 253, "\xE2\x82\xAC", 3); /* octets 253 to 255 */
	must(amqp091_str8_clip(slice_of(text, 300)).n == 253);
	memcpy(text + 252,
	       "\xE2\x82\xAC"
	       "a",
	       4);
	must(amqp091_str8_clip(slice_of(text, 300)).n == 255);
}

static void ascii_is_seen_at_any_place(void **s)
{
	(void)s;
	uint8_t text[40];
	for (size_t n = 0; n < sizeof text; n++) {
		memset(text, 'a', sizeof text);
		must(amqp091_is_ascii(slice_of(text, n)));
		for (size_t i = 0; i < n; i++) {
			text[i] = 0x80;
			struct slice part = exact(slice_of(text, n), n);
			must(!amqp091_is_ascii(part));
			exact_free(part);
			text[i] = 'a';
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_method_comes_back_as_it_was),
		cmocka_unit_test(every_method_is_found_by_its_ids),
		cmocka_unit_test(the_table_says_who_sends_what),
		cmocka_unit_test(publish_is_spelled_as_the_specification_spells_it),
		cmocka_unit_test(declare_is_spelled_as_the_specification_spells_it),
		cmocka_unit_test(unused_flag_bits_are_nobodys_business),
		cmocka_unit_test(acks_are_written_like_any_method),
		cmocka_unit_test(each_refusal_has_its_error),
		cmocka_unit_test(short_strings_are_clipped_between_characters),
		cmocka_unit_test(ascii_is_seen_at_any_place),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
