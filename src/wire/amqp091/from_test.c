#include "wire/amqp091/from.h"

#include "wire/amqp091/for_tests.h"
#include "wire/amqp091/from_for_tests.h"
#include "wire/amqp091/headers.h"
#include "wire/amqp091/props.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#define ROOM 65536

static uint8_t strange[ROOM];

static struct wr begin(void)
{
	return wr_of(strange, sizeof strange);
}

static void put_text(struct wr *w, int which, const char *name, struct slice value)
{
	strange_put(
		w, which,
		&(struct header){ .class = HEADER_TEXT, .name = slice_str(name), .octets = value });
}

static void put_number(struct wr *w, int which, enum header_class class, const char *name,
		       uint64_t number)
{
	strange_put(w, which,
		    &(struct header){
			    .class = (uint8_t) class, .name = slice_str(name), .number = number });
}

/* Made in a room of the exact size, from a block of the exact size; as frames are printed. */
static void says(const struct wr *w, bool is_persistent, const char *want, int line)
{
	struct slice in = exact(wr_done(w), w->n);
	size_t n = amqp091_from_room(in);
	uint8_t *room = malloc(n);
	must(room != NULL);
	struct slice made = amqp091_props_from(room, n, &strange_ops, in, is_persistent);
	say_props(made, want, line);
	free(room);
	exact_free(in);
}

static void what_has_nothing_says_whether_it_is_persistent(void **state)
{
	struct wr w = begin();
	(void)state;
	says(&w, false, " delivery_mode=1", __LINE__);
	says(&w, true, " delivery_mode=2", __LINE__);
}

static void properties_go_where_they_belong(void **state)
{
	struct wr w = begin();
	(void)state;
	put_text(&w, HEADER_APP_ID, "", slice_str("app"));
	put_text(&w, HEADER_USER_ID, "", slice_str("guest"));
	put_text(&w, HEADER_TYPE, "", slice_str("order"));
	put_number(&w, HEADER_TIMESTAMP, HEADER_TIME, "", 1700000000);
	put_text(&w, HEADER_MESSAGE_ID, "", slice_str("m-1"));
	put_number(&w, HEADER_EXPIRATION, HEADER_INT, "", 60000);
	put_text(&w, HEADER_REPLY_TO, "", slice_str("answers"));
	put_text(&w, HEADER_CORRELATION_ID, "", slice_str("c-1"));
	put_number(&w, HEADER_PRIORITY, HEADER_INT, "", 300);
	put_text(&w, HEADER_CONTENT_ENCODING, "", slice_str("gzip"));
	put_text(&w, HEADER_CONTENT_TYPE, "", slice_str("text/plain"));
	says(&w, true,
	     " content_type='text/plain' content_encoding='gzip' delivery_mode=2 priority=255"
	     " correlation_id='c-1' reply_to='answers' expiration='60000' message_id='m-1'"
	     " timestamp=1700000000 type='order' user_id='guest' app_id='app'",
	     __LINE__);
}

static void headers_keep_their_types_and_stand_once(void **state)
{
	struct wr w = begin();
	double real = 2.5;
	uint64_t bits;
	(void)state;
	memcpy(&bits, &real, sizeof bits);
	put_text(&w, HEADER_PROPERTY_N, "s", slice_str("text"));
	put_number(&w, HEADER_PROPERTY_N, HEADER_INT, "i", (uint64_t)-7);
	put_number(&w, HEADER_PROPERTY_N, HEADER_BOOL, "b", 1);
	put_number(&w, HEADER_PROPERTY_N, HEADER_REAL, "r", bits);
	put_number(&w, HEADER_PROPERTY_N, HEADER_VOID, "v", 0);
	put_text(&w, HEADER_PROPERTY_N, "s", slice_str("again"));
	put_number(&w, HEADER_PROPERTY_N, HEADER_TABLE, "table", 0);
	says(&w, false, " headers={s='text', i=-7, b=true, r=2.5, v=void} delivery_mode=1",
	     __LINE__);
}

static void an_id_that_is_no_short_text_is_a_header(void **state)
{
	struct wr w = begin();
	(void)state;
	strange_put(&w, HEADER_CORRELATION_ID,
		    &(struct header){ .class = HEADER_BINARY, .octets = bytes_of("\1\377") });
	uint8_t room[AMQP091_FROM_BYTES];
	struct slice props = amqp091_props_from(room, sizeof room, &strange_ops, wr_done(&w), true);
	struct header h;
	must(header_find(&amqp091_header_ops, props, slice_str(AMQP091_CORRELATION_ID), &h));
	must(h.class == HEADER_TEXT && slice_eq(h.octets, bytes_of("\1\377")));
	must(amqp091_header_ops.property(props, HEADER_CORRELATION_ID, &h));
	must(h.class == HEADER_BINARY && slice_eq(h.octets, bytes_of("\1\377")));
	w = begin();
	strange_put(&w, HEADER_CORRELATION_ID,
		    &(struct header){ .class = HEADER_BINARY, .octets = slice_str("plain") });
	says(&w, true, " delivery_mode=2 correlation_id='plain'", __LINE__);
}

static void a_topic_for_the_answer_is_spelt_as_a_key(void **state)
{
	struct wr w = begin();
	(void)state;
	put_text(&w, HEADER_REPLY_TO, "/", slice_str("a/b.c/d"));
	put_text(&w, HEADER_PROPERTY_N, "k", slice_str("v"));
	says(&w, false, " headers={x-reply-to-topic='a.b.c.d', k='v'} delivery_mode=1", __LINE__);
}

static void what_is_too_long_is_left_out(void **state)
{
	char longer[UINT8_MAX + 2];
	struct wr w = begin();
	struct slice s = slice_of(longer, sizeof longer - 1);
	(void)state;
	memset(longer, 'x', sizeof longer);
	put_text(&w, HEADER_CONTENT_TYPE, "", s);
	put_text(&w, HEADER_REPLY_TO, "", s);
	put_text(&w, HEADER_PROPERTY_N, "k", slice_str("v"));
	says(&w, false, " headers={k='v'} delivery_mode=1", __LINE__);
}

/* Each room from the smallest: with the headers, or without any. */
static void headers_that_have_no_room_are_left_out(void **state)
{
	struct wr w = begin();
	size_t whole_n = 0;
	(void)state;
	for (int i = 0; i < 100; i++)
		put_text(&w, HEADER_PROPERTY_N, i % 2 ? "odd" : "even",
			 slice_str("a value of some octets, so that a hundred need room"));
	put_text(&w, HEADER_MESSAGE_ID, "", slice_str("id"));
	for (size_t n = AMQP091_FROM_BYTES; n < AMQP091_FROM_BYTES + 128; n++) {
		uint8_t *room = malloc(n);
		struct amqp091_props p;
		must(room != NULL);
		struct slice made = amqp091_props_from(room, n, &strange_ops, wr_done(&w), true);
		must(amqp091_props_decode(made, &p) == ERR_OK);
		must(p.flags & AMQP091_HAS_message_id);
		whole_n += (p.flags & AMQP091_HAS_headers) != 0;
		free(room);
	}
	must(whole_n > 0);
	w = begin();
	for (int i = 0; i < 400; i++)
		put_text(&w, HEADER_PROPERTY_N, "many",
			 slice_str("a value of some octets, so that hundreds have no room"));
	uint8_t room[AMQP091_FROM_BYTES];
	struct amqp091_props p;
	struct slice made = amqp091_props_from(room, sizeof room, &strange_ops, wr_done(&w), true);
	must(amqp091_props_decode(made, &p) == ERR_OK && p.flags == AMQP091_HAS_delivery_mode);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_has_nothing_says_whether_it_is_persistent),
		cmocka_unit_test(properties_go_where_they_belong),
		cmocka_unit_test(headers_keep_their_types_and_stand_once),
		cmocka_unit_test(an_id_that_is_no_short_text_is_a_header),
		cmocka_unit_test(a_topic_for_the_answer_is_spelt_as_a_key),
		cmocka_unit_test(what_is_too_long_is_left_out),
		cmocka_unit_test(headers_that_have_no_room_are_left_out),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
