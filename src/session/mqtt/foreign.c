#include "session/mqtt/foreign.h"

#include "base/must.h"
#include "base/rd.h"
#include "base/text.h"
#include "base/utf8.h"
#include "session/views.h"
#include "wire/mqtt/topic.h"

/* As RabbitMQ maps them (docs/interop.md). */

void foreign_read(const struct msg *m, struct foreign *out)
{
	struct rd r = rd_of(msg_route(m));
	(void)rd_str8(&r);
	const struct slice key = rd_str8(&r);
	must(rd_ok(&r) && key.n <= sizeof out->topic_bytes);
	out->topic = slice_of(out->topic_bytes,
			      (size_t)(mqtt_topic_put(out->topic_bytes, key) - out->topic_bytes));
}

static bool is_text(struct slice s)
{
	must(s.p || s.n == 0);
	return s.n <= UINT16_MAX && utf8_is_valid(s) && (s.n == 0 || !memchr(s.p, 0, s.n));
}

/* A header's value in words; false: it has none. */
static bool words_of(const struct header *h, char *buf, size_t cap, struct slice *out)
{
	struct text t = text_of(buf, cap);
	must(cap > 1);
	switch ((enum header_class)h->class) {
	case HEADER_TEXT: *out = h->octets; return is_text(h->octets);
	case HEADER_BOOL: text_puts(&t, h->number ? "true" : "false"); break;
	case HEADER_INT: text_putf(&t, "%lld", (long long)h->number); break;
	case HEADER_TIME: text_putf(&t, "%llu", (unsigned long long)h->number); break;
	case HEADER_VOID: break;
	case HEADER_REAL: {
		double real;
		memcpy(&real, &h->number, sizeof real);
		text_putf(&t, "%.17g", real);
		break;
	}
	case HEADER_DECIMAL:
	case HEADER_BINARY:
	case HEADER_LIST:
	case HEADER_TABLE: return false;
	}
	*out = text_slice(&t);
	return true;
}

static void put_users(const struct header_ops *ops, const struct msg *m, struct foreign *room,
		      struct mqtt_props *out)
{
	struct rd r = ops->begin(msg_props(m));
	struct header h;
	uint8_t *at = room->bytes;
	char words[32];
	must(out->block.n == 0);
	while (ops->next(&r, &h)) {
		struct mqtt_user u = { .name = h.name };
		if (!is_text(h.name) || !words_of(&h, words, sizeof words, &u.value))
			continue;
		if ((size_t)(room->bytes + FOREIGN_ROOM - at) < mqtt_user_size(&u))
			continue;
		at = mqtt_user_put(at, &u);
		out->user_property++;
	}
	out->block = slice_of(room->bytes, (size_t)(at - room->bytes));
	if (out->user_property > 0)
		out->has |= MQTT_HAS(user_property);
}

void foreign_props(const struct msg *m, struct foreign *room, struct mqtt_props *out)
{
	const struct header_ops *ops = header_ops_of(m->proto);
	const struct slice props = msg_props(m);
	struct header h;
	*out = (struct mqtt_props){ .has = 0 };
	must(m->proto != MSG_MQTT5);
	if (ops->property(props, HEADER_CONTENT_TYPE, &h) && is_text(h.octets)) {
		out->has |= MQTT_HAS(content_type);
		out->content_type = h.octets;
	}
	if (ops->property(props, HEADER_CORRELATION_ID, &h) && h.octets.n <= UINT16_MAX) {
		out->has |= MQTT_HAS(correlation_data);
		out->correlation_data = h.octets;
	}
	if (ops->property(props, HEADER_EXPIRATION, &h)) {
		out->has |= MQTT_HAS(message_expiry_s);
		out->message_expiry_s = (uint32_t)((h.number + 999) / 1000);
	}
	if (header_find(ops, props, slice_str("x-reply-to-topic"), &h) && h.class == HEADER_TEXT &&
	    h.octets.n > 0 && mqtt_topic_ok(h.octets)) {
		out->has |= MQTT_HAS(response_topic);
		out->response_topic = h.octets;
	}
	put_users(ops, m, room, out);
}
