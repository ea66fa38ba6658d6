#include "wire/mqtt/topic.h"

#include "base/hash.h"
#include "base/limits.h"
#include "base/must.h"
#include "msg/header.h"
#include "wire/mqtt/field.h"

bool mqtt_topic_ok(struct slice topic)
{
	uint8_t seen = mqtt_scan(topic);
	must(seen <= (MQTT_SCAN_HIGH | MQTT_SCAN_ZERO | MQTT_SCAN_WILD));
	return topic.n > 0 && topic.n <= UINT16_MAX && !(seen & MQTT_SCAN_WILD) &&
	       mqtt_text_fault(topic, seen) == MQTT_FAULT_NONE;
}

/* take_level takes the next level and the slash behind it from the front of `rest`. */
static struct slice take_level(struct slice *rest, bool *out_is_last)
{
	size_t n = slice_find(*rest, '/');
	struct slice level = slice_sub(*rest, 0, n);
	*out_is_last = n == rest->n;
	*rest = *out_is_last ? SLICE_EMPTY : slice_from(*rest, n + 1);
	must(level.n == n);
	return level;
}

static bool level_is(struct slice level, uint8_t c)
{
	must(c == '+' || c == '#');
	return level.n == 1 && level.p[0] == c;
}

static bool has_wildcard(struct slice s)
{
	must(s.n == 0 || s.p != NULL);
	return slice_find(s, '+') < s.n || slice_find(s, '#') < s.n;
}

static enum mqtt_fault check_levels(struct slice rest)
{
	bool is_last = false;
	if (rest.n == 0)
		return MQTT_FAULT_FILTER;
	while (!is_last) {
		struct slice level = take_level(&rest, &is_last);
		if (level_is(level, '#') ? !is_last : !level_is(level, '+') && has_wildcard(level))
			return MQTT_FAULT_FILTER;
	}
	must(rest.n == 0);
	return MQTT_FAULT_NONE;
}

enum mqtt_fault mqtt_filter_check(struct slice filter)
{
	struct slice prefix = slice_str(MQTT_SHARE_PREFIX);
	must(filter.n <= UINT16_MAX);
	if (!slice_starts_with(filter, prefix))
		return check_levels(filter);
	bool is_last;
	struct slice rest = slice_from(filter, prefix.n);
	struct slice group = take_level(&rest, &is_last);
	if (group.n == 0 || has_wildcard(group) || rest.n == 0)
		return MQTT_FAULT_SHARE;
	return check_levels(rest);
}

bool mqtt_filter_ok(struct slice filter)
{
	if (filter.n > UINT16_MAX || mqtt_text_fault(filter, mqtt_scan(filter)) != MQTT_FAULT_NONE)
		return false;
	return mqtt_filter_check(filter) == MQTT_FAULT_NONE;
}

bool mqtt_filter_is_deep(struct slice filter)
{
	size_t levels_n = 1;
	must(filter.n == 0 || filter.p != NULL);
	for (size_t i = 0; i < filter.n; i++)
		levels_n += filter.p[i] == '/';
	return levels_n > LIMIT_MQTT_TOPIC_LEVELS;
}

bool mqtt_filter_match(struct slice filter, struct slice topic)
{
	if (filter.n == 0 || topic.n == 0)
		return false;
	if (topic.p[0] == '$' && (filter.p[0] == '+' || filter.p[0] == '#'))
		return false;
	bool filter_ends = false, topic_ends = false;
	for (;;) {
		struct slice want = take_level(&filter, &filter_ends);
		if (level_is(want, '#'))
			return true;
		if (topic_ends) /* the one level that may be left of the filter was # */
			return false;
		struct slice have = take_level(&topic, &topic_ends);
		if (!level_is(want, '+') && !slice_eq(want, have))
			return false;
		if (filter_ends)
			return topic_ends;
	}
}

bool mqtt_topic_is_ours(struct slice topic)
{
	const struct slice root = slice_str("$SYS");
	if (topic.n < root.n || topic.p[0] != '$' || !slice_starts_with(topic, root))
		return false;
	must(root.n == 4);
	return (topic.n == root.n || topic.p[root.n] == '/') &&
	       !mqtt_filter_match(slice_str("$SYS/broker/connection/+/state"), topic);
}

bool mqtt_share_split(struct slice filter, struct slice *out_group, struct slice *out_filter)
{
	struct slice prefix = slice_str(MQTT_SHARE_PREFIX);
	must(out_group && out_filter);
	*out_filter = filter;
	if (!slice_starts_with(filter, prefix))
		return false;
	bool is_last;
	*out_filter = slice_from(filter, prefix.n);
	*out_group = take_level(out_filter, &is_last);
	return true;
}

uint8_t *mqtt_key_put(uint8_t *at, struct slice topic)
{
	must(at != NULL && topic.n <= LIMIT_SHORTSTR);
	for (size_t i = 0; i < topic.n; i++) {
		uint8_t c = topic.p[i];
		at[i] = c == '/' ? '.' : c == '+' ? '*' : c;
	}
	return at + topic.n;
}

uint32_t mqtt_topic_number(struct slice topic)
{
	static const struct hash_key key = { 0x676f64776974, 0x746f706963 };
	must(topic.n > 0);
	if (slice_find(topic, '.') == topic.n)
		return 0;
	return (uint32_t)(1 + hash_slice(key, topic) % HEADER_RETAIN_MAX);
}

uint8_t *mqtt_topic_put(uint8_t *at, struct slice key)
{
	must(at != NULL && key.n <= LIMIT_SHORTSTR);
	for (size_t i = 0; i < key.n; i++)
		at[i] = key.p[i] == '.' ? '/' : key.p[i];
	return at + key.n;
}

uint8_t *mqtt_binding_put(uint8_t *at, struct slice filter)
{
	bool is_first = true, is_last = false, is_many = false;
	must(at != NULL && filter.n > 0 && filter.n <= LIMIT_SHORTSTR);
	while (!is_last) {
		struct slice level = take_level(&filter, &is_last);
		bool is_wild = level_is(level, '+') || level_is(level, '#');
		if (is_wild && is_many) /* # twice in a row is the same as once */
			continue;
		if (!is_first)
			*at++ = '.';
		at = is_wild ? mqtt_put_u8(at, '#') : mqtt_key_put(at, level);
		is_first = false;
		is_many = is_wild;
	}
	return at;
}
