#include "session/mqtt/subs.h"

#include "base/mem_for_tests.h"
#include "base/prng.h"
#include "base/text.h"
#include "wire/mqtt/topic.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static struct mem_for_tests heap;

static struct subs empty(void)
{
	struct subs s = { .n = 0 };
	map_init(&s.by_filter, NULL, 0, 7);
	heap = mem_for_tests((size_t)1 << 26);
	return s;
}

static void add(struct subs *s, const char *filter, uint8_t options, uint32_t number)
{
	struct sub *one = subs_add(s, &heap.mem, slice_str(filter));
	assert_non_null(one);
	one->options = options;
	one->number = number;
}

static void end(struct subs *s)
{
	subs_fini(s, &heap.mem);
	assert_int_equal(heap.mem.used, 0);
}

static void a_topic_has_the_highest_qos_of_all_that_match(void **state)
{
	(void)state;
	struct subs s = empty();
	struct sub_match m;
	add(&s, "a/b", 0, 0);
	add(&s, "a/+", 1, 5);
	add(&s, "#", 2 | SUB_AS_PUBLISHED, 6);
	subs_match(&s, slice_str("a/b"), &m);
	assert_true(m.n == 3 && m.qos == 2 && m.is_as_published && m.numbers_n == 2);
	assert_int_equal(m.numbers[0] + m.numbers[1], 11);
	subs_match(&s, slice_str("b"), &m);
	assert_true(m.n == 1 && m.qos == 2);
	subs_drop(&s, &heap.mem, subs_find(&s, slice_str("#")));
	subs_match(&s, slice_str("a/c"), &m);
	assert_true(m.n == 1 && m.qos == 1 && !m.is_as_published && m.numbers[0] == 5);
	subs_match(&s, slice_str("b"), &m);
	assert_int_equal(m.n, 0);
	end(&s);
}

static void no_local_counts_if_all_say_so(void **state)
{
	(void)state;
	struct subs s = empty();
	struct sub_match m;
	add(&s, "a", SUB_NO_LOCAL, 0);
	add(&s, "+", SUB_NO_LOCAL, 0);
	subs_match(&s, slice_str("a"), &m);
	assert_true(m.is_no_local);
	add(&s, "#", 0, 0);
	subs_match(&s, slice_str("a"), &m);
	assert_true(!m.is_no_local && m.n == 3);
	subs_match(&s, slice_str("b/c"), &m);
	assert_true(!m.is_no_local && m.n == 1);
	end(&s);
}

static void those_of_the_broker_itself_are_counted(void **state)
{
	(void)state;
	struct subs s = empty();
	add(&s, "$SYS/broker/#", 0, 0);
	add(&s, "$SYS/+/uptime", 1, 0);
	add(&s, "$SYS", 0, 0);
	add(&s, "$share/g/$SYS/#", 0, 0);
	add(&s, "#", 0, 0);
	assert_int_equal(s.sys_n, 2);
	subs_drop(&s, &heap.mem, subs_find(&s, slice_str("#")));
	subs_drop(&s, &heap.mem, subs_find(&s, slice_str("$SYS/+/uptime")));
	assert_int_equal(s.sys_n, 1);
	end(&s);
}

static void many_are_found_and_dropped(void **state)
{
	(void)state;
	struct subs s = empty();
	char name[32];
	for (int i = 0; i < 3000; i++) {
		snprintf(name, sizeof name, i % 3 ? "t/%d" : "t/+/%d", i);
		add(&s, name, 0, 0);
	}
	for (int i = 0; i < 3000; i += 2) {
		snprintf(name, sizeof name, i % 3 ? "t/%d" : "t/+/%d", i);
		subs_drop(&s, &heap.mem, subs_find(&s, slice_str(name)));
	}
	assert_int_equal(s.n, 1500);
	for (int i = 0; i < 3000; i++) {
		struct sub_match m;
		snprintf(name, sizeof name, i % 3 ? "t/%d" : "t/x/%d", i);
		subs_match(&s, slice_str(name), &m);
		assert_int_equal(m.n, i % 2);
	}
	end(&s);
}

/* A text of levels out of few words, among them wildcards, dollars and nothing at all. */
static struct slice levels_of(struct prng *p, const char *const *words, size_t words_n, char *room,
			      size_t cap)
{
	struct text t = text_of(room, cap);
	do
		text_putf(&t, "%s%s", t.n ? "/" : "", words[prng_below(p, words_n)]);
	while (prng_below(p, 3) > 0 && t.n < 8);
	return text_slice(&t);
}

/* Whatever is subscribed to, and whatever topic comes, also one that only AMQP can send. */
static void many_match_as_each_one_does(void **state)
{
	static const char *const words[] = { "a", "b", "", "$a", "+", "#", "cc", "d", "+" };
	char room[100];
	struct prng p = prng_of(17);
	uint32_t by_shape = 0;
	(void)state;
	for (int round = 0; round < 60; round++) {
		struct subs s = empty();
		for (int i = 0; i < 400; i++) {
			struct slice f = levels_of(&p, words, 9, room, sizeof room);
			if (mqtt_filter_ok(f) && !subs_find(&s, f))
				assert_non_null(subs_add(&s, &heap.mem, f));
		}
		for (int i = 0; i < 300; i++) {
			struct slice topic = levels_of(&p, words, 9, room, sizeof room);
			const struct sub *one = NULL;
			struct sub_match m;
			size_t cursor = 0;
			uint32_t n = 0;
			while (topic.n > 0 && (one = subs_next(&s, &cursor, one)) != NULL)
				n += (one->wild_at == SUB_EXACT)
					     ? slice_eq(sub_filter(one), topic)
					     : mqtt_filter_match(sub_filter(one), topic);
			subs_match(&s, topic, &m);
			assert_int_equal(m.n, n);
			by_shape += n > 1 && s.shapes_n < s.wild_n / 2;
			while (i % 50 == 49 && s.wild_n > 30)
				subs_drop(&s, &heap.mem, s.wild[prng_below(&p, s.wild_n)]);
		}
		end(&s);
	}
	assert_true(by_shape > 1000);
}

/* Most clients that stand there have one, of a topic of their own. */
static void what_has_no_wildcard_takes_no_room_for_those_that_have(void **state)
{
	(void)state;
	struct subs s = empty();
	struct sub_match m;
	add(&s, "site/7/state", 1, 0);
	add(&s, "$share/group/site/+/state", 1, 0);
	assert_int_equal(heap.mem.used, map_bytes(2) + 2 * sizeof(struct sub) +
						strlen("site/7/state") +
						strlen("$share/group/site/+/state"));
	add(&s, "site/+/state", 2, 0);
	subs_match(&s, slice_str("site/7/state"), &m);
	assert_true(m.n == 2 && m.qos == 2);
	end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_topic_has_the_highest_qos_of_all_that_match),
		cmocka_unit_test(no_local_counts_if_all_say_so),
		cmocka_unit_test(those_of_the_broker_itself_are_counted),
		cmocka_unit_test(what_has_no_wildcard_takes_no_room_for_those_that_have),
		cmocka_unit_test(many_are_found_and_dropped),
		cmocka_unit_test(many_match_as_each_one_does),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
