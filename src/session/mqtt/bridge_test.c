#include "session/mqtt/bridge.h"

#include "base/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

static struct mqtt_bridge_topic topic(const char *line)
{
	char room[200];
	struct text why = text_of(room, sizeof room);
	struct mqtt_bridge_topic t;
	assert_true(mqtt_bridge_topic_read(slice_str(line), &t, &why));
	assert_int_equal(why.n, 0);
	return t;
}

static void refused(const char *line, const char *because)
{
	char room[200];
	struct text why = text_of(room, sizeof room);
	struct mqtt_bridge_topic t;
	assert_false(mqtt_bridge_topic_read(slice_str(line), &t, &why));
	assert_non_null(strstr(room, because));
}

static void is(struct slice have, const char *want)
{
	assert_int_equal(have.n, strlen(want));
	assert_memory_equal(have.p, want, have.n);
}

static void a_line_may_leave_out_what_follows_the_pattern(void **s)
{
	(void)s;
	struct mqtt_bridge_topic t = topic("a/#");
	is(t.pattern, "a/#");
	assert_true(t.is_out && !t.is_in && t.qos == 0 && t.local.n == 0 && t.remote.n == 0);
	t = topic("  a/#\tboth 2  l/   r/ ");
	assert_true(t.is_out && t.is_in && t.qos == 2);
	is(t.local, "l/");
	is(t.remote, "r/");
	t = topic("# in 1 \"\" r/");
	assert_true(t.is_in && !t.is_out && t.local.n == 0);
	is(t.remote, "r/");
}

static void a_line_that_makes_no_filter_is_refused(void **s)
{
	(void)s;
	char deep[300];
	refused("", "PATTERN");
	refused("a up", "out, in or both");
	refused("a in 3", "0, 1 or 2");
	refused("a in 1 l/ r/ more", "ends with");
	refused("a# in 1", "no topic filter");
	refused("a in 1 +/", "no topic filter");
	refused("\"\" in 1 l/", "no topic filter");
	refused("$share/g/a in 1", "no topic filter");
	refused("a in 1 \"\" \xff", "no topic filter");
	memset(deep, 'x', sizeof deep - 1);
	deep[sizeof deep - 1] = '\0';
	refused(deep, "no topic filter");
	memset(deep, '/', 250);
	deep[250] = '\0';
	refused(deep, "no topic filter");
}

static void maps(const char *line, bool is_out, const char *from, const char *to)
{
	uint8_t buf[LIMIT_SHORTSTR];
	struct slice out;
	const struct mqtt_bridge_topic t = topic(line);
	const struct mqtt_bridge b = { .topics = &t, .topics_n = 1 };
	assert_int_equal(mqtt_bridge_map(&b, is_out, slice_str(from), buf, &out), to != NULL);
	if (to)
		is(out, to);
}

static void prefixes_are_exchanged_on_the_way(void **s)
{
	(void)s;
	maps("# both 0 l/ r/", true, "l/a/b", "r/a/b");
	maps("# both 0 l/ r/", false, "r/a/b", "l/a/b");
	maps("# both 0 l/ r/", true, "l", "r");
	maps("# both 0 l/", true, "l", NULL);
	maps("# both 0 l/", true, "r/a", NULL);
	maps("# out 0 l/ r/", false, "r/a", NULL);
	maps("# in 0 l/ r/", true, "l/a", NULL);
	maps("+/x out", true, "a/x", "a/x");
	maps("\"\" both 0 one other", true, "one", "other");
	maps("\"\" both 0 one other", false, "other", "one");
}

static void a_topic_that_would_become_too_long_goes_nowhere(void **s)
{
	(void)s;
	char line[256], topic_of[256];
	snprintf(line, sizeof line, "# out 0 \"\" %0100d/", 0);
	memset(topic_of, 'x', 155);
	topic_of[155] = '\0';
	maps(line, true, topic_of, NULL);
	topic_of[154] = '\0';
	uint8_t buf[LIMIT_SHORTSTR];
	struct slice out;
	const struct mqtt_bridge_topic t = topic(line);
	const struct mqtt_bridge b = { .topics = &t, .topics_n = 1 };
	assert_true(mqtt_bridge_map(&b, true, slice_str(topic_of), buf, &out));
	assert_int_equal(out.n, LIMIT_SHORTSTR);
}

static void the_first_line_that_matches_counts(void **s)
{
	(void)s;
	uint8_t buf[LIMIT_SHORTSTR];
	struct slice out;
	const struct mqtt_bridge_topic two[] = { topic("a/# in 1 x/"), topic("a/b out 1 \"\" y/"),
						 topic("a/# out 1 \"\" z/") };
	const struct mqtt_bridge b = { .topics = two, .topics_n = 3 };
	assert_true(mqtt_bridge_map(&b, true, slice_str("a/b"), buf, &out));
	is(out, "y/a/b");
	assert_true(mqtt_bridge_map(&b, true, slice_str("a/c"), buf, &out));
	is(out, "z/a/c");
	assert_true(mqtt_bridge_map(&b, false, slice_str("a/c"), buf, &out));
	is(out, "x/a/c");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_may_leave_out_what_follows_the_pattern),
		cmocka_unit_test(a_line_that_makes_no_filter_is_refused),
		cmocka_unit_test(prefixes_are_exchanged_on_the_way),
		cmocka_unit_test(a_topic_that_would_become_too_long_goes_nowhere),
		cmocka_unit_test(the_first_line_that_matches_counts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
