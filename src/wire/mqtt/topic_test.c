#include "wire/mqtt/topic.h"

#include "wire/mqtt/for_tests.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

static void topics_are_any_text_without_wildcards(void **s)
{
	(void)s;
	static const char *const good[] = { "a",    "/",          "//",          "/a", "a/",
					    "a//b", " ",          "$SYS/x",      "$",  "a.b",
					    "*",    "a/\xc3\xa9", "\xef\xbf\xbf" };
	static const char *const bad[] = {
		"", "+", "#", "a/+", "a#", "a+b/c", "0123456789#", "\xff", "abcdefghijk\xc3"
	};
	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		must(mqtt_topic_ok(slice_str(good[i])));
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		must(!mqtt_topic_ok(slice_str(bad[i])));
	must(!mqtt_topic_ok(hex("61 00 62")));
	must(!mqtt_topic_ok(hex("'abcdefghijk' 00")));
}

static void a_topic_has_at_most_65535_octets(void **s)
{
	(void)s;
	char *long_one = malloc(65536);
	must(long_one != NULL);
	memset(long_one, 'a', 65536);
	must(mqtt_topic_ok(slice_of(long_one, 65535)) && !mqtt_topic_ok(slice_of(long_one, 65536)));
	must(mqtt_filter_ok(slice_of(long_one, 65535)));
	must(!mqtt_filter_ok(slice_of(long_one, 65536)));
	free(long_one);
}

static void a_wildcard_has_a_level_for_itself(void **s)
{
	(void)s;
	static const char *const good[] = { "#",      "+",      "/",         "a",   "a/#",
					    "+/#",    "+/+",    "/+",        "+/",  "a/+/b/#",
					    "$SYS/#", "$share", "$shared/x", "//#", "a//+" };
	static const char *const bad[] = { "",   "a#",     "a/#/b", "#/",   "##", "a+",
					   "+a", "a/b+/c", "a/+#",  "a/#b", "++" };
	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		must(mqtt_filter_check(slice_str(good[i])) == MQTT_FAULT_NONE &&
		     mqtt_filter_ok(slice_str(good[i])));
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		must(mqtt_filter_check(slice_str(bad[i])) == MQTT_FAULT_FILTER &&
		     !mqtt_filter_ok(slice_str(bad[i])));
	must(!mqtt_filter_ok(hex("61 00")) && !mqtt_filter_ok(hex("ff")));
}

static void a_shared_filter_has_a_group(void **s)
{
	(void)s;
	static const char *const bad[] = { "$share/",     "$share/g",   "$share/g/", "$share//x",
					   "$share/a+/x", "$share/#/x", "$share/+/x" };
	struct slice group, filter;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		must(mqtt_filter_check(slice_str(bad[i])) == MQTT_FAULT_SHARE);
	must(mqtt_filter_check(slice_str("$share/g/a#")) == MQTT_FAULT_FILTER);
	must(mqtt_filter_check(slice_str("$share/g/a/#")) == MQTT_FAULT_NONE);
	must(mqtt_filter_check(slice_str("$share/g//")) == MQTT_FAULT_NONE);

	must(mqtt_share_split(slice_str("$share/g/a/#"), &group, &filter));
	must(slice_eq(group, slice_str("g")) && slice_eq(filter, slice_str("a/#")));
	must(mqtt_share_split(slice_str("$share/g//"), &group, &filter));
	must(slice_eq(filter, slice_str("/")));
	must(!mqtt_share_split(slice_str("a/$share/g/x"), &group, &filter));
	must(slice_eq(filter, slice_str("a/$share/g/x")));
}

static void a_filter_may_have_too_many_levels(void **s)
{
	(void)s;
	char slashes[LIMIT_MQTT_TOPIC_LEVELS + 1];
	memset(slashes, '/', sizeof slashes);
	must(mqtt_filter_ok(slice_of(slashes, sizeof slashes)));
	must(!mqtt_filter_is_deep(slice_of(slashes, LIMIT_MQTT_TOPIC_LEVELS - 1)));
	must(mqtt_filter_is_deep(slice_of(slashes, LIMIT_MQTT_TOPIC_LEVELS)));
	must(!mqtt_filter_is_deep(slice_str("a")) && !mqtt_filter_is_deep(SLICE_EMPTY));
	must(mqtt_topic_ok(slice_of(slashes, sizeof slashes)));
}

static const struct {
	const char *filter, *topic;
	bool matches;
} pairs[] = {
	{ "a", "a", true },
	{ "a", "A", false },
	{ "a", "a/", false },
	{ "a", "/a", false },
	{ "a/", "a/", true },
	{ "a/", "a", false },
	{ "/", "/", true },
	{ "/", "//", false },
	{ "a//b", "a//b", true },
	{ "a//b", "a/b", false },
	{ "a/b", "a/b/c", false },
	{ "a/b/c", "a/b", false },
	{ "a.b", "a.b", true },
	{ "a.b", "a/b", false },
	{ "*", "x", false },
	{ "*", "*", true },
	{ "#", "a", true },
	{ "#", "/", true },
	{ "#", "a/b/c", true },
	{ "sport/#", "sport", true },
	{ "sport/#", "sport/", true },
	{ "sport/#", "sport/a/b", true },
	{ "sport/#", "sports", false },
	{ "sport/tennis/#", "sport", false },
	{ "+", "a", true },
	{ "+", "/", false },
	{ "+", "a.b", true },
	{ "+/+", "/", true },
	{ "/+", "/a", true },
	{ "+", "/a", false },
	{ "+/", "a/", true },
	{ "+/", "a", false },
	{ "a/+", "a", false },
	{ "a/+", "a/", true },
	{ "a/+", "a/b", true },
	{ "a/+", "a/b/c", false },
	{ "a/+/c", "a//c", true },
	{ "a/+/c", "a/b/c", true },
	{ "a/+/c", "a/b/d", false },
	{ "a/+/#", "a", false },
	{ "a/+/#", "a/b", true },
	{ "+/#", "a", true },
	{ "+/a/#", "/a", true },
	{ "#", "$SYS/x", false },
	{ "#", "$", false },
	{ "+/x", "$SYS/x", false },
	{ "+", "$SYS", false },
	{ "$SYS/#", "$SYS/x/y", true },
	{ "$SYS/#", "$SYS", true },
	{ "$SYS/+/x", "$SYS/a/x", true },
	{ "a/#", "a/$x", true },
	{ "a/+", "a/$x", true },
};

static void a_filter_matches_what_the_specification_says(void **s)
{
	(void)s;
	for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
		struct slice f = slice_str(pairs[i].filter), t = slice_str(pairs[i].topic);
		struct slice filter = exact(f, f.n), topic = exact(t, t.n);
		if (mqtt_filter_match(filter, topic) != pairs[i].matches) {
			fprintf(stderr, "%s %s\n", pairs[i].filter, pairs[i].topic);
			abort();
		}
		exact_free(filter);
		exact_free(topic);
	}
	must(!mqtt_filter_match(slice_str("#"), SLICE_EMPTY));
	must(!mqtt_filter_match(SLICE_EMPTY, slice_str("a")));
}

struct key {
	const char *from, *to;
};

static void expect_keys(uint8_t *(*put)(uint8_t *, struct slice), const struct key *keys)
{
	uint8_t buf[64];
	for (; keys->from; keys++)
		expect_octets(buf, put(buf, slice_str(keys->from)), keys->to, __LINE__);
}

#define KEYS(put, ...) expect_keys(put, (const struct key[]){ __VA_ARGS__, { NULL, NULL } })

static void topics_are_routing_keys_in_rabbitmqs_way(void **s)
{
	(void)s;
	KEYS(mqtt_key_put, { "a/b", "'a.b'" }, { "/a//b/", "'.a..b.'" },
	     { "a.b/+/#", "'a.b.*.#'" });
	KEYS(mqtt_topic_put, { "a.b", "'a/b'" }, { ".a.*.#", "'/a/*/#'" }, { "a/b", "'a/b'" });
}

static void a_plus_is_any_number_of_words_in_a_binding(void **s)
{
	(void)s;
	KEYS(mqtt_binding_put, { "a/b", "'a.b'" }, { "/", "'.'" }, { "//a", "'..a'" },
	     { "a/", "'a.'" }, { "+", "'#'" }, { "#", "'#'" }, { "a/+/c", "'a.#.c'" },
	     { "a/+/+/c/+/#", "'a.#.c.#'" }, { "/+", "'.#'" }, { "+/", "'#.'" },
	     { "a.b/c", "'a.b.c'" });
}

static void only_the_broker_says_what_is_at_its_topics(void **state)
{
	(void)state;
	assert_true(mqtt_topic_is_ours(slice_str("$SYS")));
	assert_true(mqtt_topic_is_ours(slice_str("$SYS/")));
	assert_true(mqtt_topic_is_ours(slice_str("$SYS/broker/version")));
	assert_true(mqtt_topic_is_ours(slice_str("$SYS/broker/connection/a/b/state")));
	assert_false(mqtt_topic_is_ours(slice_str("$SYS/broker/connection/a/state")));
	assert_false(mqtt_topic_is_ours(slice_str("$SYSTEM")));
	assert_false(mqtt_topic_is_ours(slice_str("$SY")));
	assert_false(mqtt_topic_is_ours(slice_str("a/$SYS/b")));
	assert_false(mqtt_topic_is_ours(SLICE_EMPTY));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(topics_are_any_text_without_wildcards),
		cmocka_unit_test(a_topic_has_at_most_65535_octets),
		cmocka_unit_test(a_wildcard_has_a_level_for_itself),
		cmocka_unit_test(a_shared_filter_has_a_group),
		cmocka_unit_test(a_filter_may_have_too_many_levels),
		cmocka_unit_test(a_filter_matches_what_the_specification_says),
		cmocka_unit_test(topics_are_routing_keys_in_rabbitmqs_way),
		cmocka_unit_test(a_plus_is_any_number_of_words_in_a_binding),
		cmocka_unit_test(only_the_broker_says_what_is_at_its_topics),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
