#include "wire/amqp091/table.h"

#include "base/limits.h"
#include "wire/amqp091/erl.h"
#include "wire/amqp091/for_tests.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#define BUF 4096

/* One entry of each type, written by hand. */
static const char every_type[] = "\4bool"
				 "t\1"
				 "\4byte"
				 "b\xFF"
				 "\5ubyte"
				 "B\xFF"
				 "\5short"
				 "s\xFF\xFE"
				 "\6ushort"
				 "u\xFF\xFE"
				 "\3int"
				 "I\xFF\xFF\xFF\xFD"
				 "\4uint"
				 "i\xFF\xFF\xFF\xFD"
				 "\4long"
				 "l\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFC"
				 "\tlong long"
				 "L\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFB"
				 "\5float"
				 "f\x3F\xC0\0\0"
				 "\6double"
				 "d\x3F\xB9\x99\x99\x99\x99\x99\x9A"
				 "\7decimal"
				 "D\2\0\0\1\x3A"
				 "\7longstr"
				 "S\0\0\0\2hi"
				 "\5array"
				 "A\0\0\0\7t\0S\0\0\0\0"
				 "\4time"
				 "T\0\0\0\0\x65\0\0\0"
				 "\5table"
				 "F\0\0\0\3\1xV"
				 "\4void"
				 "V"
				 "\6binary"
				 "x\0\0\0\2\0\1";

static void say(struct slice table, const char *want, int line)
{
	char buf[1024];
	struct text t = text_of(buf, sizeof buf);
	amqp091_table_print(table, &t);
	say_text(&t, want, line);
}
#define SAY(table, want) say(table, want, __LINE__)

static bool is_good(struct slice table)
{
	return amqp091_table_check(table) == ERR_OK;
}

static void every_type_is_read(void **s)
{
	(void)s;
	struct slice table = exact(bytes_of(every_type), sizeof every_type - 1);
	must(is_good(table));
	SAY(table, "{bool=true, byte=-1, ubyte=255, short=-2, ushort=65534, int=-3, "
		   "uint=4294967293, long=-4, long long=-5, float=1.5, double=0.1, "
		   "decimal={2,314}, "
		   "longstr='hi', array=[false, ''], time=1694498816, table={x=void}, void=void, "
		   "binary='\\x00\\x01'}");
	exact_free(table);
}

static void every_value_is_written_as_it_was_read(void **s)
{
	(void)s;
	uint8_t buf[sizeof every_type];
	struct wr w = wr_of(buf, sizeof buf);
	struct rd r = rd_of(bytes_of(every_type));
	struct amqp091_entry e;
	while (amqp091_table_next(&r, &e)) {
		amqp091_put_name(&w, e.name);
		amqp091_put_value(&w, &e.value);
	}
	must(rd_done(&r) && wr_ok(&w));
	must(slice_eq(wr_done(&w), bytes_of(every_type)));
}

/* A prefix is good only where an entry ends; anything else must be refused without a look at the
 * octets behind it. */
static void every_prefix_is_refused_or_ends_an_entry(void **s)
{
	(void)s;
	struct slice whole = bytes_of(every_type);
	size_t good = 0;
	for (size_t n = 0; n <= whole.n; n++) {
		struct slice part = exact(whole, n);
		struct rd r = rd_of(part);
		struct amqp091_entry e;
		good += is_good(part);
		while (amqp091_table_next(&r, &e))
			must(e.name.n >= 3);
		must(is_good(part) == rd_done(&r));
		exact_free(part);
	}
	must(good == 19); /* none of the 18, one, two, ... */
}

static void unknown_types_are_refused(void **s)
{
	(void)s;
	static const char known[] = "tbBsuIilLfdDSATFVx";
	for (int type = 0; type < 256; type++) {
		uint8_t entry[] = { 1, 'a', (uint8_t)type, 0, 0, 0, 0, 0, 0, 0, 0 };
		bool good = false;
		for (size_t n = 3; n <= sizeof entry; n++)
			good |= is_good(slice_of(entry, n));
		must(good == (type != 0 && strchr(known, type) != NULL));
	}
}

/* nested writes a table of `depth` levels, tables and arrays by turns. */
static struct slice nested(uint8_t *buf, int depth)
{
	size_t marks[LIMIT_TABLE_DEPTH_MAX + 1];
	struct wr w = wr_of(buf, BUF);
	for (int i = 1; i < depth; i++) {
		if (i % 2)
			amqp091_put_name(&w, slice_str("a"));
		marks[i] = amqp091_put_open(&w, i % 2 ? AMQP091_TYPE_ARRAY : AMQP091_TYPE_TABLE);
	}
	for (int i = depth - 1; i > 0; i--)
		amqp091_put_close(&w, marks[i]);
	must(wr_ok(&w));
	return wr_done(&w);
}

static void nesting_is_bounded(void **s)
{
	(void)s;
	uint8_t buf[BUF];
	for (int depth = 1; depth <= LIMIT_TABLE_DEPTH_MAX; depth++)
		must(is_good(nested(buf, depth)));
	must(!is_good(nested(buf, LIMIT_TABLE_DEPTH_MAX + 1)));

	/* side by side is not inside each other */
	struct wr w = wr_of(buf, sizeof buf);
	for (int i = 0; i < 200; i++)
		amqp091_put_close(&w, amqp091_put_table(&w, "t"));
	must(is_good(wr_done(&w)));
}

static void a_nested_length_cannot_reach_beyond_its_parent(void **s)
{
	(void)s;
	must(is_good(bytes_of("\1aF\0\0\0\3\1bV\1cV")));
	must(!is_good(bytes_of("\1aF\0\0\0\7\1bV\1cV")));
	must(!is_good(bytes_of("\1aF\0\0\0\4\1bV\1cV")));
	must(!is_good(bytes_of("\1aF\0\0\0\2\1bV\1cV")));
	must(!is_good(bytes_of("\1aF\0\0\0\13\1bS\0\0\0\5"
			       "abcdefgh")));
	must(!is_good(bytes_of("\1aS\xFF\xFF\xFF\xFF")));
}

static void tables_are_built_and_looked_into(void **s)
{
	(void)s;
	uint8_t buf[BUF];
	struct wr w = wr_of(buf, sizeof buf);
	size_t caps = amqp091_put_table(&w, "capabilities");
	amqp091_put_bool(&w, "basic.nack", true);
	amqp091_put_close(&w, caps);
	amqp091_put_str(&w, "product", slice_str("Godwit"));
	amqp091_put_int(&w, "n", -5);
	amqp091_put_str(&w, "product", slice_str("second"));
	struct slice table = wr_done(&w), nested_table, str;
	SAY(table, "{capabilities={basic.nack=true}, product='Godwit', n=-5, product='second'}");
	must(is_good(table));

	bool flag = false;
	int64_t n = 0;
	must(amqp091_table_table(table, "capabilities", &nested_table));
	must(amqp091_table_bool(nested_table, "basic.nack", &flag) && flag);
	must(amqp091_table_str(table, "product", &str) && slice_eq(str, slice_str("Godwit")));
	must(amqp091_table_int(table, "n", &n) && n == -5);
	must(!amqp091_table_int(table, "product", &n) && !amqp091_table_str(table, "n", &str));
	must(!amqp091_table_bool(table, "n", &flag) && !amqp091_table_table(table, "n", &str));
	must(!amqp091_table_str(table, "nothing", &str));
}

static void a_table_that_does_not_fit_is_not_written(void **s)
{
	(void)s;
	uint8_t buf[20];
	struct wr w = wr_of(buf, sizeof buf);
	size_t mark = amqp091_put_table(&w, "capabilities");
	amqp091_put_bool(&w, "basic.nack", true);
	amqp091_put_close(&w, mark);
	must(!wr_ok(&w));
}

/* ---- comparing ---- */

static struct amqp091_value value_of(struct slice typed)
{
	struct rd r = rd_of(typed);
	struct amqp091_value v = { .type = AMQP091_TYPE_VOID };
	must(amqp091_value_read(&r, &v) && rd_done(&r));
	return v;
}

static bool equivalent(struct slice a, struct slice b)
{
	struct amqp091_value va = value_of(a), vb = value_of(b);
	must(amqp091_value_equivalent(&va, &vb) == amqp091_value_equivalent(&vb, &va));
	return amqp091_value_equivalent(&va, &vb);
}

static void numbers_are_compared_by_class(void **s)
{
	(void)s;
	struct slice five = bytes_of("I\0\0\0\5");
	must(equivalent(five, bytes_of("b\5")) && equivalent(five, bytes_of("B\5")));
	must(equivalent(five, bytes_of("s\0\5")) && equivalent(five, bytes_of("u\0\5")));
	must(equivalent(five, bytes_of("i\0\0\0\5")));
	must(equivalent(five, bytes_of("l\0\0\0\0\0\0\0\5")));
	must(equivalent(five, bytes_of("L\0\0\0\0\0\0\0\5")));
	must(!equivalent(five, bytes_of("b\6")));
	must(!equivalent(five, bytes_of("T\0\0\0\0\0\0\0\5")));
	must(!equivalent(five, bytes_of("S\0\0\0\1"
					"5")));
	must(!equivalent(five, bytes_of("D\0\0\0\0\5")));
	must(!equivalent(bytes_of("B\xFF"), bytes_of("b\xFF")));
	must(equivalent(bytes_of("f\x3F\xC0\0\0"), bytes_of("d\x3F\xF8\0\0\0\0\0\0")));
	must(!equivalent(five, bytes_of("f\x40\xA0\0\0")));
	must(equivalent(bytes_of("t\1"), bytes_of("t\2")));
	must(!equivalent(bytes_of("t\1"), bytes_of("t\0")));
	must(equivalent(bytes_of("V"), bytes_of("V")) && !equivalent(bytes_of("V"), five));
	must(!equivalent(bytes_of("S\0\0\0\1a"), bytes_of("x\0\0\0\1a")));
	must(equivalent(bytes_of("D\1\0\0\0\5"), bytes_of("D\1\0\0\0\5")));
	must(!equivalent(bytes_of("D\1\0\0\0\5"), bytes_of("D\2\0\0\0\5")));
}

static void integers_are_known_by_their_class(void **s)
{
	(void)s;
	struct rd r = rd_of(bytes_of(every_type));
	struct amqp091_entry e;
	size_t ints = 0;
	while (amqp091_table_next(&r, &e))
		ints += amqp091_value_is_int(&e.value);
	must(ints == 8);
}

static void one_value_is_printed_like_a_table_prints_it(void **s)
{
	(void)s;
	char buf[64];
	struct text t = text_of(buf, sizeof buf);
	struct amqp091_value v = value_of(bytes_of("A\0\0\0\2t\1"));
	amqp091_value_print(&v, &t);
	say_text(&t, "[true]", __LINE__);
}

static void arguments_are_equivalent_by_name(void **s)
{
	(void)s;
	struct slice ttl = bytes_of("\3ttlI\0\0\0\5"),
		     wide = bytes_of("\1aV\3ttll\0\0\0\0\0\0\0\5");
	must(amqp091_args_equivalent(ttl, wide, "ttl"));
	must(!amqp091_args_equivalent(ttl, wide, "a"));
	must(amqp091_args_equivalent(ttl, wide, "neither"));
	must(!amqp091_args_equivalent(ttl, SLICE_EMPTY, "ttl"));
	must(!amqp091_args_equivalent(bytes_of("\3ttlV"), SLICE_EMPTY, "ttl"));
}

static void tables_are_equal_in_any_order(void **s)
{
	(void)s;
	struct slice ab = bytes_of("\1at\1\1bV"), ba = bytes_of("\1bV\1at\1");
	must(amqp091_table_eq(ab, ab) && amqp091_table_eq(ab, ba));
	must(amqp091_table_eq(SLICE_EMPTY, SLICE_EMPTY) && !amqp091_table_eq(ab, SLICE_EMPTY));
	must(!amqp091_table_eq(ab, bytes_of("\1at\0\1bV")));
	must(!amqp091_table_eq(bytes_of("\1aV\1aV\1bV"), bytes_of("\1aV\1bV\1bV")));

	/* too many entries to compare each with each */
	uint8_t x[4 * 200], y[4 * 200];
	for (uint8_t i = 0; i < 200; i++) {
		memcpy(x + 4 * i, (uint8_t[]){ 1, i, 't', 0 }, 4);
		memcpy(y + 4 * (199 - i), (uint8_t[]){ 1, i, 't', 0 }, 4);
	}
	must(amqp091_table_eq(slice_of(x, 4 * 64), slice_of(y + 4 * 136, 4 * 64)));
	must(!amqp091_table_eq(slice_of(x, sizeof x), slice_of(y, sizeof y)));
	must(amqp091_table_eq(slice_of(x, sizeof x), slice_of(x, sizeof x)));
}

/* ---- words ---- */

static void say_words(const struct amqp091_value *v, const char *want, int line)
{
	char buf[256];
	struct text t = text_of(buf, sizeof buf);
	amqp091_value_words(v, &t);
	say_text(&t, want, line);
}
#define WORDS(typed, want)                                           \
	do {                                                         \
		struct amqp091_value v_ = value_of(bytes_of(typed)); \
		say_words(&v_, want, __LINE__);                      \
	} while (0)

static void values_are_said_in_rabbitmqs_words(void **s)
{
	(void)s;
	say_words(NULL, "none", __LINE__);
	WORDS("I\0\0\3\xE8", "the value '1000' of type 'signedint'");
	WORDS("S\0\0\0\4lazy", "the value 'lazy' of type 'longstr'");
	WORDS("l\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF", "the value '-1' of type 'long'");
	WORDS("t\1", "the value 'true' of type 'bool'");
	WORDS("V", "none");
	WORDS("d\x3F\xF0\0\0\0\0\0\0", "the value '1.0' of type 'double'");
	WORDS("F\0\0\0\7\1aI\0\0\0\1", "the value '[{<<\"a\">>,signedint,1}]' of type 'table'");
	WORDS("A\0\0\0\7t\0S\0\0\0\0", "the value '[{bool,false},{longstr,<<>>}]' of type 'array'");
	WORDS("S\0\0\0\1\n", "the value '\\x0a' of type 'longstr'");
}

static void say_real(double d, const char *want, int line)
{
	char buf[64];
	struct text t = text_of(buf, sizeof buf);
	amqp091_erl_real(d, &t);
	say_text(&t, want, line);
}
#define REAL(d, want) say_real(d, want, __LINE__)

static void reals_are_short(void **s)
{
	(void)s;
	REAL(0, "0.0");
	REAL(1, "1.0");
	REAL(-2.5, "-2.5");
	REAL(0.1, "0.1");
	REAL(0.30000000000000004, "0.30000000000000004");
	REAL(123456.789, "123456.789");
	REAL(1e300, "1.0000000000000001e+300");
}

static void sorting_puts_names_in_order_and_keeps_equal_ones(void **state)
{
	(void)state;
	uint8_t room[64], many[65 * 4];
	struct slice sorted = amqp091_table_sort(bytes_of("\1bt\1\2aaV\1at\0\1bV"), room);
	must(slice_eq(sorted, bytes_of("\1at\0\2aaV\1bt\1\1bV")));
	must(amqp091_table_sort(SLICE_EMPTY, room).n == 0);
	sorted = amqp091_table_sort(bytes_of("\1bV\0t\1\1aV\0V"), room);
	must(slice_eq(sorted, bytes_of("\0t\1\0V\1aV\1bV")));
	for (size_t i = 0; i < sizeof many; i += 4)
		memcpy(many + i, (const uint8_t[]){ 1, (uint8_t)(200 - i / 4), 't', 1 }, 4);
	must(amqp091_table_sort(slice_of(many, sizeof many), NULL).p == many);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_type_is_read),
		cmocka_unit_test(every_value_is_written_as_it_was_read),
		cmocka_unit_test(every_prefix_is_refused_or_ends_an_entry),
		cmocka_unit_test(unknown_types_are_refused),
		cmocka_unit_test(nesting_is_bounded),
		cmocka_unit_test(a_nested_length_cannot_reach_beyond_its_parent),
		cmocka_unit_test(tables_are_built_and_looked_into),
		cmocka_unit_test(a_table_that_does_not_fit_is_not_written),
		cmocka_unit_test(numbers_are_compared_by_class),
		cmocka_unit_test(integers_are_known_by_their_class),
		cmocka_unit_test(one_value_is_printed_like_a_table_prints_it),
		cmocka_unit_test(arguments_are_equivalent_by_name),
		cmocka_unit_test(tables_are_equal_in_any_order),
		cmocka_unit_test(values_are_said_in_rabbitmqs_words),
		cmocka_unit_test(reals_are_short),
		cmocka_unit_test(sorting_puts_names_in_order_and_keeps_equal_ones),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
