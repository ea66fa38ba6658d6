#include "wire/mqtt/print.h"

#include "base/must.h"
#include "wire/mqtt/ack.h"
#include "wire/mqtt/connect.h"
#include "wire/mqtt/publish.h"
#include "wire/mqtt/subscribe.h"

static void put_quoted(struct text *out, const char *name, struct slice s)
{
	must(name != NULL);
	text_putf(out, " %s='", name);
	text_put_printable(out, s);
	text_putc(out, '\'');
}

static void put_number(struct text *out, const char *name, uint64_t v)
{
	must(name != NULL);
	text_putf(out, " %s=", name);
	text_put_u64(out, v);
}

static void put_length(struct text *out, const char *name, struct slice s)
{
	must(name != NULL);
	text_putf(out, " %s=(%zu)", name, s.n);
}

static void put_if(struct text *out, bool is_so, const char *word)
{
	must(word != NULL);
	if (is_so)
		text_putf(out, " %s", word);
}

static void put_users(struct text *out, struct slice block)
{
	struct rd r = rd_of(block);
	struct mqtt_user u;
	must(block.n > 0);
	while (mqtt_props_next_user(&r, &u)) {
		put_quoted(out, "user_property", u.name);
		put_quoted(out, "to", u.value);
	}
}

/* All of them: a PUBLISH may have one for each subscription. */
static void put_ids(struct text *out, struct slice block)
{
	struct rd r = rd_of(block);
	uint32_t id;
	must(block.n > 0);
	while (mqtt_props_next_id(&r, &id))
		put_number(out, "subscription_id", id);
}

#define print_bit(name, v)    put_number(out, name, v)
#define print_u16(name, v)    put_number(out, name, v)
#define print_u32(name, v)    put_number(out, name, v)
#define print_pos16(name, v)  put_number(out, name, v)
#define print_pos32(name, v)  put_number(out, name, v)
#define print_alias(name, v)  put_number(out, name, v)
#define print_number(name, v) put_ids(out, p->block)
#define print_str(name, v)    put_quoted(out, name, v)
#define print_topic(name, v)  put_quoted(out, name, v)
#define print_bin(name, v)    put_quoted(out, name, v)
#define print_secret(name, v) put_length(out, name, v)
#define print_pair(name, v)   put_users(out, p->block)

static void put_props(struct text *out, const struct mqtt_props *p)
{
	must(out != NULL && p != NULL);
#define PROP(id, name, type, places, many, prose) \
	if (p->has & MQTT_HAS(name))              \
		print_##type(#name, p->name);
#include "wire/mqtt/props.def"
#undef PROP
}

static void put_reason(struct text *out, uint8_t reason)
{
	must(mqtt_reason_text(reason) != NULL);
	text_putf(out, " reason=%u (%s)", reason, mqtt_reason_text(reason));
}

static enum mqtt_fault print_connect(const struct mqtt_packet *p, struct text *out)
{
	struct mqtt_connect c;
	enum mqtt_fault f = mqtt_connect_decode(p, &c);
	if (f != MQTT_FAULT_NONE)
		return f;
	must(c.version != 0);
	put_number(out, "version", c.version);
	put_if(out, c.is_bridge, "bridge");
	put_quoted(out, "client_id", c.client_id);
	put_if(out, c.clean_start, "clean_start");
	put_number(out, "keep_alive_s", c.keep_alive_s);
	put_props(out, &c.props);
	if (c.has_will) {
		put_quoted(out, "will_topic", c.will_topic);
		put_number(out, "will_qos", c.will_qos);
		put_if(out, c.will_retain, "will_retain");
		put_props(out, &c.will_props);
		put_length(out, "will_payload", c.will_payload);
	}
	if (c.has_user)
		put_quoted(out, "user", c.user);
	if (c.has_password)
		put_length(out, "password", c.password);
	return f;
}

static enum mqtt_fault print_connack(const struct mqtt_packet *p, struct text *out)
{
	struct mqtt_connack c;
	enum mqtt_fault f = mqtt_connack_decode(p, &c);
	if (f != MQTT_FAULT_NONE)
		return f;
	must(p->type == MQTT_CONNACK);
	put_if(out, c.session_present, "session_present");
	if (p->version == MQTT_V5)
		put_reason(out, c.reason);
	else
		put_number(out, "code", c.reason);
	put_props(out, &c.props);
	return f;
}

static enum mqtt_fault print_publish(const struct mqtt_packet *p, struct text *out)
{
	struct mqtt_publish pub;
	enum mqtt_fault f = mqtt_publish_decode(p, &pub);
	if (f != MQTT_FAULT_NONE)
		return f;
	must(pub.qos <= 2);
	put_quoted(out, "topic", pub.topic);
	put_number(out, "qos", pub.qos);
	if (pub.qos > 0)
		put_number(out, "id", pub.id);
	put_if(out, pub.dup, "dup");
	put_if(out, pub.retain, "retain");
	put_props(out, &pub.props);
	put_length(out, "payload", pub.payload);
	return f;
}

static enum mqtt_fault print_ack(const struct mqtt_packet *p, struct text *out)
{
	struct mqtt_ack a;
	enum mqtt_fault f = mqtt_ack_decode(p, &a);
	if (f != MQTT_FAULT_NONE)
		return f;
	must(p->type >= MQTT_PUBACK);
	if (a.id)
		put_number(out, "id", a.id);
	if (p->version == MQTT_V5)
		put_reason(out, a.reason);
	put_props(out, &a.props);
	return f;
}

static void put_subscriptions(struct text *out, struct slice list)
{
	struct rd r = rd_of(list);
	struct mqtt_subscription one;
	must(list.n > 0);
	while (mqtt_subscribe_next(&r, &one)) {
		put_quoted(out, "filter", one.filter);
		put_number(out, "qos", one.qos);
		put_if(out, one.no_local, "no_local");
		put_if(out, one.retain_as_published, "retain_as_published");
		if (one.retain_handling)
			put_number(out, "retain_handling", one.retain_handling);
	}
}

static enum mqtt_fault print_subscribe(const struct mqtt_packet *p, struct text *out)
{
	struct mqtt_subscribe s;
	struct slice filter;
	enum mqtt_fault f = mqtt_subscribe_decode(p, &s);
	if (f != MQTT_FAULT_NONE)
		return f;
	must(s.filters_n > 0);
	put_number(out, "id", s.id);
	put_props(out, &s.props);
	if (p->type == MQTT_SUBSCRIBE) {
		put_subscriptions(out, s.list);
		return f;
	}
	for (struct rd r = rd_of(s.list); mqtt_unsubscribe_next(&r, &filter);)
		put_quoted(out, "filter", filter);
	return f;
}

static enum mqtt_fault print_suback(const struct mqtt_packet *p, struct text *out)
{
	struct mqtt_suback s;
	enum mqtt_fault f = mqtt_suback_decode(p, &s);
	if (f != MQTT_FAULT_NONE)
		return f;
	must(s.id != 0);
	put_number(out, "id", s.id);
	put_props(out, &s.props);
	for (size_t i = 0; i < s.reasons.n; i++)
		put_reason(out, s.reasons.p[i]);
	return f;
}

static enum mqtt_fault print_body(const struct mqtt_packet *p, struct text *out)
{
	must(p->type < 16);
	switch (p->type) {
	case MQTT_CONNECT: return print_connect(p, out);
	case MQTT_CONNACK: return print_connack(p, out);
	case MQTT_PUBLISH: return print_publish(p, out);
	case MQTT_SUBSCRIBE:
	case MQTT_UNSUBSCRIBE: return print_subscribe(p, out);
	case MQTT_SUBACK:
	case MQTT_UNSUBACK: return print_suback(p, out);
	case MQTT_PINGREQ:
	case MQTT_PINGRESP: return mqtt_ping_check(p);
	default: return print_ack(p, out);
	}
}

void mqtt_packet_print(const struct mqtt_packet *p, struct text *out)
{
	must(p != NULL && out != NULL);
	text_puts(out, mqtt_packet_name(p->type));
	if (p->version == 0 && p->type != MQTT_CONNECT) {
		text_putf(out, " (%zu octets)", p->total);
		return;
	}
	struct mqtt_packet other = *p;
	other.from_server = !p->from_server;
	enum mqtt_fault f = print_body(p, out);
	if (f != MQTT_FAULT_NONE && print_body(&other, out) != MQTT_FAULT_NONE)
		text_putf(out, " (%zu octets) malformed: %s", p->total, mqtt_faults[f].text);
}
