#include "wire/mqtt/headers.h"

#include "base/must.h"
#include "base/utf8.h"
#include "wire/mqtt/publish.h"
#include "wire/mqtt/topic.h"

static struct rd begin_nothing(struct slice props)
{
	must(props.p != NULL || props.n == 0);
	return rd_of(SLICE_EMPTY);
}

static bool next(struct rd *r, struct header *out)
{
	struct mqtt_user u;
	must(out != NULL);
	if (!mqtt_props_next_user(r, &u))
		return false;
	*out = (struct header){ .name = u.name, .octets = u.value, .class = HEADER_TEXT };
	return true;
}

/* Which of the topics with its key it is to be the last message of. */
static bool retain_of(struct slice props, struct header *out)
{
	struct mqtt_publish_peek p;
	if (!mqtt_publish_head_peek(props, &p) || !p.retain || p.topic.n == 0)
		return false;
	must(p.topic.n <= props.n);
	*out = (struct header){ .number = mqtt_topic_number(p.topic), .class = HEADER_INT };
	return true;
}

static bool property_retain(struct slice props, enum header_property which, struct header *out)
{
	must(out != NULL && which < HEADER_PROPERTY_N);
	return which == HEADER_RETAIN && retain_of(props, out);
}

const struct header_ops mqtt3_header_ops = { begin_nothing, next, property_retain };

/* properties_of reads the head again, as it was read when it came. */
static struct mqtt_props properties_of(struct slice head)
{
	struct mqtt_publish pub;
	if (!mqtt_publish_head_decode(head, MQTT_V5, &pub))
		return (struct mqtt_props){ .has = 0 };
	must(pub.head.n <= head.n);
	return pub.props;
}

static struct rd begin(struct slice props)
{
	struct slice block = properties_of(props).block;
	must(block.n <= props.n);
	return rd_of(block);
}

static void set_octets(struct header *out, uint8_t class, struct slice octets)
{
	must(class == HEADER_TEXT || class == HEADER_BINARY);
	*out = (struct header){ .octets = octets, .class = class };
}

static bool property(struct slice props, enum header_property which, struct header *out)
{
	if (which == HEADER_RETAIN)
		return retain_of(props, out);
	struct mqtt_props p = properties_of(props);
	must(out != NULL && which < HEADER_PROPERTY_N);
	if (which == HEADER_CONTENT_TYPE && (p.has & MQTT_HAS(content_type))) {
		set_octets(out, HEADER_TEXT, p.content_type);
	} else if (which == HEADER_CORRELATION_ID && (p.has & MQTT_HAS(correlation_data))) {
		bool is_text = utf8_is_valid(p.correlation_data);
		set_octets(out, is_text ? HEADER_TEXT : HEADER_BINARY, p.correlation_data);
	} else if (which == HEADER_REPLY_TO && (p.has & MQTT_HAS(response_topic))) {
		set_octets(out, HEADER_TEXT, p.response_topic);
		out->name = slice_str("/");
	} else if (which == HEADER_EXPIRATION && (p.has & MQTT_HAS(message_expiry_s))) {
		*out = (struct header){ .number = (uint64_t)p.message_expiry_s * 1000,
					.class = HEADER_INT };
	} else {
		return false;
	}
	return true;
}

const struct header_ops mqtt5_header_ops = { begin, next, property };
