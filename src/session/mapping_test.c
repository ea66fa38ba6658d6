#include "session/mapping.h"

#include "base/exact_for_tests.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static uint8_t room[8 * LIMIT_SHORTSTR];

static struct slice ports(void)
{
	struct wr w = wr_of(room, sizeof room);
	mapping_put(&w, slice_str("1883"), slice_str("/"));
	mapping_put(&w, slice_str("1884"), slice_str("north"));
	mapping_put(&w, slice_str("1883"), slice_str("south"));
	return wr_done(&w);
}

static bool gives(struct slice value, const char *name, const char *given)
{
	struct slice out = SLICE_EMPTY;
	bool is = mapping_look(value, slice_str(name), &out);
	return given ? is && slice_eq(out, slice_str(given)) : !is;
}

static void a_name_is_given_what_stands_first_for_it(void **state)
{
	(void)state;
	assert_true(gives(ports(), "1883", "/"));
	assert_true(gives(ports(), "1884", "north"));
	assert_true(gives(ports(), "188", NULL));
	assert_true(gives(ports(), "18840", NULL));
	assert_true(gives(ports(), "north", NULL));
	assert_true(gives(ports(), "", NULL));
	assert_true(gives(SLICE_EMPTY, "1883", NULL));
}

static void what_gives_nothing_is_left_out(void **state)
{
	(void)state;
	char name[LIMIT_SHORTSTR + 2] = "";
	memset(name, 'n', LIMIT_SHORTSTR + 1);
	for (int is_long = 0; is_long <= 1; is_long++) {
		struct wr w = wr_of(room, sizeof room);
		name[LIMIT_SHORTSTR] = is_long ? 'n' : '\0';
		mapping_put(&w, slice_str(name), slice_str("a"));
		mapping_put(&w, slice_str("b"), slice_str(name));
		mapping_put(&w, slice_str(""), slice_str("c"));
		mapping_put(&w, slice_str("c"), slice_str(""));
		assert_true(gives(wr_done(&w), name, is_long ? NULL : "a"));
		assert_true(gives(wr_done(&w), "b", is_long ? NULL : name));
		assert_true(gives(wr_done(&w), "c", NULL));
	}
}

static void only_two_parameters_are_mappings(void **state)
{
	(void)state;
	assert_true(mapping_is(slice_str("mqtt_port_to_vhost_mapping")));
	assert_true(mapping_is(slice_str("mqtt_default_vhosts")));
	assert_false(mapping_is(slice_str("mqtt_default_vhost")));
	assert_false(mapping_is(SLICE_EMPTY));
}

/* Whatever is missing at the end: nothing is read behind it, and nothing is made up. */
static void every_prefix_is_read_to_its_end(void **state)
{
	(void)state;
	const struct slice whole = ports();
	for (size_t n = 0; n <= whole.n; n++) {
		struct slice value = exact(whole, n);
		assert_true(gives(value, "1884", n >= 7 + 11 ? "north" : NULL));
		assert_true(gives(value, "x", NULL));
		exact_free(value);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_is_given_what_stands_first_for_it),
		cmocka_unit_test(what_gives_nothing_is_left_out),
		cmocka_unit_test(only_two_parameters_are_mappings),
		cmocka_unit_test(every_prefix_is_read_to_its_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
