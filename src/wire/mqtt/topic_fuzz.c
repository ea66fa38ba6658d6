/* topic_fuzz -- a filter and a topic, with a line's end between them: what mqtt_filter_match says
 * is what a plain reading of the specification says, and where it says yes the binding key of the
 * filter meets the routing key of the topic. */
#include "base/must.h"
#include "wire/mqtt/topic.h"

#define EACH_MAX 48

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

/* split gives the first word and what is behind the separator; false: there is none. */
static bool split(struct slice s, uint8_t separator, struct slice *word, struct slice *rest)
{
	size_t at = slice_find(s, separator);
	*word = slice_sub(s, 0, at);
	*rest = at < s.n ? slice_from(s, at + 1) : SLICE_EMPTY;
	return at < s.n;
}

/* matches reads level by level; `more` says that there is one. */
static bool matches(struct slice filter, bool filter_more, struct slice topic, bool topic_more)
{
	struct slice want, have;
	if (!filter_more)
		return !topic_more;
	bool is_more = split(filter, '/', &want, &filter);
	if (slice_eq(want, slice_str("#")))
		return true;
	if (!topic_more)
		return false;
	topic_more = split(topic, '/', &have, &topic);
	if (!slice_eq(want, slice_str("+")) && !slice_eq(want, have))
		return false;
	return matches(filter, is_more, topic, topic_more);
}

/* meets is a topic exchange: `#` is any number of words, `*` is one. */
static bool meets(struct slice binding, bool binding_more, struct slice key, bool key_more)
{
	struct slice want, have;
	if (!binding_more)
		return !key_more;
	bool is_more = split(binding, '.', &want, &binding);
	if (slice_eq(want, slice_str("#"))) {
		while (!meets(binding, is_more, key, key_more)) {
			if (!key_more)
				return false;
			key_more = split(key, '.', &have, &key);
		}
		return true;
	}
	if (!key_more)
		return false;
	key_more = split(key, '.', &have, &key);
	if (!slice_eq(want, slice_str("*")) && !slice_eq(want, have))
		return false;
	return meets(binding, is_more, key, key_more);
}

static void compare(struct slice filter, struct slice topic)
{
	uint8_t binding[EACH_MAX], key[EACH_MAX], back[EACH_MAX];
	bool is_hidden = topic.p[0] == '$' && (filter.p[0] == '+' || filter.p[0] == '#');
	bool want = !is_hidden && matches(filter, true, topic, true);
	must(mqtt_filter_match(filter, topic) == want);
	size_t binding_n = (size_t)(mqtt_binding_put(binding, filter) - binding);
	must(binding_n > 0 && binding_n <= filter.n);
	must(mqtt_key_put(key, topic) == key + topic.n);
	if (want)
		must(meets(slice_of(binding, binding_n), true, slice_of(key, topic.n), true));
	must(mqtt_topic_put(back, slice_of(key, topic.n)) == back + topic.n);
	if (slice_find(topic, '.') == topic.n)
		must(slice_eq(slice_of(back, topic.n), topic));
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct slice filter, topic, group, inner;
	(void)split(slice_of(p, n), '\n', &filter, &topic);
	bool is_filter = mqtt_filter_ok(filter), is_topic = mqtt_topic_ok(topic);
	if (is_filter && mqtt_share_split(filter, &group, &inner)) {
		must(group.n > 0 && group.n + inner.n + 8 == filter.n);
		filter = inner;
	}
	if (is_filter && is_topic && filter.n <= EACH_MAX && topic.n <= EACH_MAX)
		compare(filter, topic);
	return 0;
}
