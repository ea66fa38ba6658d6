#include "session/mqtt/bridge.h"

#include "base/limits.h"
#include "base/must.h"
#include "wire/mqtt/topic.h"

#include <string.h>

/* ---- a line ------------------------------------------------------------------------------- */

/* The next word, or nothing. "" is the empty one, as Mosquitto writes it. */
static bool take_word(struct slice *line, struct slice *out)
{
	size_t n = 0;
	while (line->n && (line->p[0] == ' ' || line->p[0] == '\t'))
		*line = slice_from(*line, 1);
	while (n < line->n && line->p[n] != ' ' && line->p[n] != '\t')
		n++;
	*out = slice_sub(*line, 0, n);
	*line = slice_from(*line, n);
	if (slice_eq(*out, slice_str("\"\"")))
		*out = SLICE_EMPTY;
	must(n > 0 || out->n == 0);
	return n > 0;
}

static bool take_direction(struct slice word, struct mqtt_bridge_topic *t)
{
	const bool is_both = slice_eq(word, slice_str("both"));
	t->is_in = is_both || slice_eq(word, slice_str("in"));
	t->is_out = is_both || slice_eq(word, slice_str("out"));
	must(!is_both || (t->is_in && t->is_out));
	return t->is_in || t->is_out;
}

static bool is_mappable(const struct mqtt_bridge_topic *t, bool is_there)
{
	uint8_t buf[2 * LIMIT_SHORTSTR];
	const struct slice prefix = is_there ? t->remote : t->local;
	struct slice group, filter, of;
	if (prefix.n > LIMIT_SHORTSTR || t->pattern.n > LIMIT_SHORTSTR)
		return false;
	filter = mqtt_bridge_filter(t, is_there, buf);
	must(filter.n <= sizeof buf);
	return filter.n <= LIMIT_SHORTSTR && (prefix.n == 0 || mqtt_topic_ok(prefix)) &&
	       mqtt_filter_ok(filter) && !mqtt_share_split(filter, &group, &of) &&
	       !mqtt_filter_is_deep(filter);
}

bool mqtt_bridge_topic_read(struct slice line, struct mqtt_bridge_topic *out, struct text *why)
{
	struct mqtt_bridge_topic t = { .is_out = true };
	struct slice word;
	must(out != NULL);
	if (!take_word(&line, &t.pattern)) {
		text_puts(why, "is PATTERN [out|in|both [QOS [LOCAL-PREFIX [REMOTE-PREFIX]]]]");
		return false;
	}
	if (take_word(&line, &word) && !take_direction(word, &t)) {
		text_puts(why, "behind the pattern comes out, in or both");
		return false;
	}
	if (take_word(&line, &word)) {
		if (word.n != 1 || word.p[0] < '0' || word.p[0] > '2') {
			text_puts(why, "behind the direction comes the QoS: 0, 1 or 2");
			return false;
		}
		t.qos = (uint8_t)(word.p[0] - '0');
	}
	(void)take_word(&line, &t.local);
	(void)take_word(&line, &t.remote);
	if (take_word(&line, &word)) {
		text_puts(why, "ends with the remote prefix; names with blanks cannot be written");
		return false;
	}
	if (!is_mappable(&t, false) || !is_mappable(&t, true)) {
		text_putf(why, "prefix and pattern make no topic filter of at most %u octets",
			  (unsigned)LIMIT_SHORTSTR);
		return false;
	}
	*out = t;
	return true;
}

/* ---- from one side to the other ----------------------------------------------------------- */

struct slice mqtt_bridge_filter(const struct mqtt_bridge_topic *topic, bool is_there, uint8_t *buf)
{
	const struct slice prefix = is_there ? topic->remote : topic->local;
	must(prefix.n <= LIMIT_SHORTSTR && topic->pattern.n <= LIMIT_SHORTSTR);
	if (prefix.n)
		memcpy(buf, prefix.p, prefix.n);
	if (topic->pattern.n)
		memcpy(buf + prefix.n, topic->pattern.p, topic->pattern.n);
	return slice_of(buf, prefix.n + topic->pattern.n);
}

/* Puts one prefix in the place of the other. A # behind a prefix a/ matches a itself, too. */
static bool exchange(struct slice topic, struct slice from, struct slice to, uint8_t *buf,
		     struct slice *out)
{
	const struct slice rest = topic.n > from.n ? slice_from(topic, from.n) : SLICE_EMPTY;
	must(topic.n > 0 && to.n <= LIMIT_SHORTSTR);
	if (topic.n < from.n && to.n > 0 && to.p[to.n - 1] == '/')
		to.n--;
	*out = slice_of(buf, to.n + rest.n);
	if (out->n == 0 || out->n > LIMIT_SHORTSTR)
		return false;
	if (to.n)
		memcpy(buf, to.p, to.n);
	if (rest.n)
		memcpy(buf + to.n, rest.p, rest.n);
	return true;
}

bool mqtt_bridge_map(const struct mqtt_bridge *b, bool is_out, struct slice topic, uint8_t *buf,
		     struct slice *out)
{
	uint8_t room[2 * LIMIT_SHORTSTR];
	must(topic.n > 0);
	for (uint32_t i = 0; i < b->topics_n; i++) {
		const struct mqtt_bridge_topic *t = &b->topics[i];
		if ((is_out ? t->is_out : t->is_in) &&
		    mqtt_filter_match(mqtt_bridge_filter(t, !is_out, room), topic))
			return exchange(topic, is_out ? t->local : t->remote,
					is_out ? t->remote : t->local, buf, out);
	}
	return false;
}
