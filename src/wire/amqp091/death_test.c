#include "wire/amqp091/death.h"

#include "wire/amqp091/for_tests.h"
#include "wire/amqp091/props.h"
#include "wire/amqp091/table.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#define ROOM 4096

static struct amqp091_death rejected_in(const char *queue)
{
	return (struct amqp091_death){
		.queue = slice_str(queue),
		.reason = slice_str("rejected"),
		.exchange = slice_str("orders"),
		.key = slice_str("eu"),
		.time_s = 1700000000,
	};
}

/* Properties of nothing but headers, as a publisher writes them. */
static struct slice headers_of(uint8_t *at, struct slice table)
{
	struct wr w = wr_of(at, ROOM);
	wr_u16(&w, AMQP091_HAS_headers);
	wr_str32(&w, table);
	assert_true(wr_ok(&w));
	return wr_done(&w);
}

static struct amqp091_dead last; /* of the death before */

/* Rewrites, in blocks of the exact size; prints what came of it. */
static struct slice die(uint8_t *at, struct slice props, const struct amqp091_death *d)
{
	size_t room = amqp091_death_room(props, d);
	struct slice in = exact(props, props.n);
	assert_true(room <= ROOM);
	struct wr w = wr_of(at, room);
	assert_int_equal(amqp091_death_put(&w, in, d, &last), ERR_OK);
	assert_true(wr_ok(&w));
	for (size_t n = 0; n < w.n; n++) { /* too small: it says so, and writes no further */
		uint8_t *small = malloc(n ? n : 1);
		struct amqp091_dead none;
		struct wr tight = wr_of(small, n);
		assert_int_equal(amqp091_death_put(&tight, in, d, &none), ERR_OK);
		assert_false(wr_ok(&tight));
		free(small);
	}
	exact_free(in);
	return wr_done(&w);
}

static void the_first_death_begins_a_history(void **s)
{
	(void)s;
	uint8_t at[ROOM];
	struct amqp091_death d = rejected_in("work");
	struct slice out = die(at, bytes_of("\0\0"), &d);
	say_props(out,
		  " headers={x-death=[{count=1, reason='rejected', queue='work', "
		  "time=1700000000, exchange='orders', routing-keys=['eu']}], "
		  "x-first-death-exchange='orders', x-first-death-queue='work', "
		  "x-first-death-reason='rejected', x-last-death-exchange='orders', "
		  "x-last-death-queue='work', x-last-death-reason='rejected'}",
		  __LINE__);
	struct amqp091_props p;
	struct amqp091_value deaths, death, count;
	assert_int_equal(amqp091_props_decode(out, &p), ERR_OK);
	assert_true(amqp091_table_find(p.headers, slice_str("x-death"), &deaths));
	struct rd r = rd_of(deaths.octets);
	assert_true(amqp091_array_next(&r, &death));
	assert_true(amqp091_table_find(death.octets, slice_str("count"), &count));
	assert_int_equal(count.type, AMQP091_TYPE_LONG);
	assert_true(amqp091_table_find(death.octets, slice_str("time"), &count));
	assert_int_equal(count.type, AMQP091_TYPE_TIMESTAMP);
}

static void all_other_properties_stay_but_expiration_which_is_remembered(void **s)
{
	(void)s;
	uint8_t in[ROOM], at[ROOM];
	struct amqp091_props p = {
		.flags = 0xFFFC & ~AMQP091_HAS_headers,
		.content_type = slice_str("text/plain"),
		.delivery_mode = 2,
		.priority = 7,
		.expiration = slice_str("60000"),
		.timestamp = 5,
		.app_id = slice_str("a"),
	};
	uint8_t *end = amqp091_props_put(in, &p);
	struct amqp091_death d = rejected_in("work");
	struct slice out = die(at, slice_of(in, (size_t)(end - in)), &d);
	struct amqp091_props q;
	assert_int_equal(amqp091_props_decode(out, &q), ERR_OK);
	assert_int_equal(q.flags, 0xFFFC & ~AMQP091_HAS_expiration);
	assert_true(slice_eq(q.content_type, p.content_type));
	assert_int_equal(q.delivery_mode, 2);
	assert_int_equal(q.priority, 7);
	assert_int_equal(last.priority, 7);
	assert_int_equal(q.timestamp, 5);
	assert_true(slice_eq(q.app_id, p.app_id));
	struct amqp091_value deaths, death;
	struct slice was;
	assert_true(amqp091_table_find(q.headers, slice_str("x-death"), &deaths));
	struct rd r = rd_of(deaths.octets);
	assert_true(amqp091_array_next(&r, &death));
	assert_true(amqp091_table_str(death.octets, "original-expiration", &was));
	assert_true(slice_eq(was, slice_str("60000")));
}

static void the_newest_death_is_first_and_each_pair_is_counted_once(void **s)
{
	(void)s;
	uint8_t one[ROOM], two[ROOM], three[ROOM];
	struct amqp091_death d = rejected_in("a");
	struct slice out = die(one, bytes_of("\0\0"), &d);
	d = rejected_in("b");
	d.reason = slice_str("expired");
	d.exchange = slice_str("dlx");
	d.time_s++;
	d.has_history = true;
	out = die(two, out, &d);
	say_props(
		out,
		" headers={x-first-death-exchange='orders', x-first-death-queue='a', "
		"x-first-death-reason='rejected', x-death=[{count=1, reason='expired', queue='b', "
		"time=1700000001, exchange='dlx', routing-keys=['eu']}, {count=1, "
		"reason='rejected', queue='a', time=1700000000, exchange='orders', "
		"routing-keys=['eu']}], x-last-death-exchange='dlx', x-last-death-queue='b', "
		"x-last-death-reason='expired'}",
		__LINE__);
	d = rejected_in("a");
	d.time_s += 9;
	d.has_history = true;
	out = die(three, out, &d);
	say_props(
		out,
		" headers={x-first-death-exchange='orders', x-first-death-queue='a', "
		"x-first-death-reason='rejected', x-death=[{count=2, reason='rejected', queue='a', "
		"time=1700000000, exchange='orders', routing-keys=['eu']}, {count=1, "
		"reason='expired', queue='b', time=1700000001, exchange='dlx', "
		"routing-keys=['eu']}], x-last-death-exchange='orders', x-last-death-queue='a', "
		"x-last-death-reason='rejected'}",
		__LINE__);
}

/* {CC: ["de", 5, "fr"], BCC: ["hidden"]} */
static struct slice with_copies(uint8_t *at)
{
	uint8_t in[ROOM];
	struct wr w = wr_of(in, ROOM);
	struct amqp091_value v = { .type = AMQP091_TYPE_LONGSTR, .octets = slice_str("de") };
	amqp091_put_name(&w, slice_str("CC"));
	size_t mark = amqp091_put_open(&w, AMQP091_TYPE_ARRAY);
	amqp091_put_value(&w, &v);
	amqp091_put_value(&w, &(struct amqp091_value){ .type = AMQP091_TYPE_INT, .i = 5 });
	v.octets = slice_str("fr");
	amqp091_put_value(&w, &v);
	amqp091_put_close(&w, mark);
	amqp091_put_name(&w, slice_str("BCC"));
	mark = amqp091_put_open(&w, AMQP091_TYPE_ARRAY);
	amqp091_put_value(&w, &v);
	amqp091_put_close(&w, mark);
	return headers_of(at, wr_done(&w));
}

static void who_dies_likewise_gets_the_same_headers(void **s)
{
	(void)s;
	uint8_t one[ROOM], two[ROOM], with[ROOM];
	struct amqp091_death d = rejected_in("work");
	struct slice out = die(one, bytes_of("\0\0"), &d);
	assert_true(last.is_plain);
	d.same = last.headers;
	struct slice again = die(two, bytes_of("\0\0"), &d);
	assert_true(slice_eq(out, again));
	d.same = bytes_of("\1aV"); /* not asked for by who has headers, or a history */
	(void)die(two, with_copies(with), &d);
	assert_false(last.is_plain);
	assert_true(last.deaths.n > 0);
	d.has_history = true;
	(void)die(two, out, &d);
	assert_false(last.is_plain);
	assert_true(last.deaths.n > 0);
}

static void what_a_publisher_calls_a_history_is_none(void **s)
{
	(void)s;
	uint8_t in[ROOM], at[ROOM];
	struct wr w = wr_of(in, ROOM);
	amqp091_put_str(&w, "x-death", slice_str("x"));
	amqp091_put_int(&w, "a", 5);
	amqp091_put_str(&w, "x-first-death-queue", slice_str("q"));
	amqp091_put_str(&w, "x-last-death-queue", slice_str("q"));
	struct slice props = headers_of(at, wr_done(&w));
	uint8_t out_at[ROOM];
	struct amqp091_death d = rejected_in("work");
	say_props(die(out_at, props, &d),
		  " headers={a=5, x-death=[{count=1, reason='rejected', queue='work', "
		  "time=1700000000, exchange='orders', routing-keys=['eu']}], "
		  "x-first-death-exchange='orders', x-first-death-queue='work', "
		  "x-first-death-reason='rejected', x-last-death-exchange='orders', "
		  "x-last-death-queue='work', x-last-death-reason='rejected'}",
		  __LINE__);
}

static void further_keys_are_remembered_and_go_with_a_key_of_its_own(void **s)
{
	(void)s;
	uint8_t in[ROOM], at[ROOM];
	struct slice props = with_copies(in);
	struct amqp091_death d = rejected_in("work");
	say_props(
		die(at, props, &d),
		" headers={CC=['de', 5, 'fr'], x-death=[{count=1, reason='rejected', queue='work', "
		"time=1700000000, exchange='orders', routing-keys=['eu', 'de', 'fr']}], "
		"x-first-death-exchange='orders', x-first-death-queue='work', "
		"x-first-death-reason='rejected', x-last-death-exchange='orders', "
		"x-last-death-queue='work', x-last-death-reason='rejected'}",
		__LINE__);
	d.has_own_key = true;
	say_props(die(at, props, &d),
		  " headers={x-death=[{count=1, reason='rejected', queue='work', "
		  "time=1700000000, exchange='orders', routing-keys=['eu', 'de', 'fr']}], "
		  "x-first-death-exchange='orders', x-first-death-queue='work', "
		  "x-first-death-reason='rejected', x-last-death-exchange='orders', "
		  "x-last-death-queue='work', x-last-death-reason='rejected'}",
		  __LINE__);
}

static void copies_are_the_strings_of_the_array(void **s)
{
	(void)s;
	uint8_t in[ROOM], at[ROOM];
	struct slice key, props = with_copies(in);
	struct amqp091_death d = rejected_in("work");
	struct amqp091_dead dead;
	struct wr w = wr_of(at, sizeof at);
	assert_int_equal(amqp091_death_put(&w, props, &d, &dead), ERR_OK);
	struct rd r = rd_of(dead.copies);
	assert_true(amqp091_death_copy_next(&r, &key));
	assert_true(slice_eq(key, slice_str("de")));
	assert_true(amqp091_death_copy_next(&r, &key));
	assert_true(slice_eq(key, slice_str("fr")));
	assert_false(amqp091_death_copy_next(&r, &key));
	d.has_own_key = true;
	w = wr_of(at, sizeof at);
	assert_int_equal(amqp091_death_put(&w, props, &d, &dead), ERR_OK);
	assert_int_equal(dead.copies.n, 0);
}

static void a_way_back_without_a_rejection_is_a_cycle(void **s)
{
	(void)s;
	uint8_t one[ROOM], two[ROOM], three[ROOM];
	struct amqp091_death d = rejected_in("a");
	d.reason = slice_str("expired");
	struct slice out = die(one, bytes_of("\0\0"), &d);
	assert_true(amqp091_death_is_cycle(last.deaths, slice_str("a")));
	assert_false(amqp091_death_is_cycle(last.deaths, slice_str("b")));
	d.queue = slice_str("b");
	d.has_history = true;
	out = die(two, out, &d);
	assert_true(amqp091_death_is_cycle(last.deaths, slice_str("a")));
	assert_true(amqp091_death_is_cycle(last.deaths, slice_str("b")));
	d.queue = slice_str("c");
	d.reason = slice_str("rejected");
	out = die(three, out, &d);
	assert_false(amqp091_death_is_cycle(last.deaths, slice_str("a")));
	assert_false(amqp091_death_is_cycle(last.deaths, slice_str("c")));
	assert_false(amqp091_death_is_cycle(SLICE_EMPTY, slice_str("a")));
	for (size_t n = 0; n < last.deaths.n; n++)
		(void)amqp091_death_is_cycle(slice_of(last.deaths.p, n), slice_str("a"));
}

static void malformed_properties_are_refused(void **s)
{
	(void)s;
	uint8_t in[ROOM], at[ROOM];
	struct slice props = with_copies(in);
	struct amqp091_death d = rejected_in("work");
	for (size_t n = 0; n < props.n; n++) {
		struct slice part = exact(props, n);
		struct wr w = wr_of(at, sizeof at);
		assert_int_equal(amqp091_death_put(&w, part, &d, &last), ERR_MALFORMED);
		assert_int_equal(w.n, 0);
		exact_free(part);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_death_begins_a_history),
		cmocka_unit_test(all_other_properties_stay_but_expiration_which_is_remembered),
		cmocka_unit_test(the_newest_death_is_first_and_each_pair_is_counted_once),
		cmocka_unit_test(who_dies_likewise_gets_the_same_headers),
		cmocka_unit_test(what_a_publisher_calls_a_history_is_none),
		cmocka_unit_test(further_keys_are_remembered_and_go_with_a_key_of_its_own),
		cmocka_unit_test(copies_are_the_strings_of_the_array),
		cmocka_unit_test(a_way_back_without_a_rejection_is_a_cycle),
		cmocka_unit_test(malformed_properties_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
