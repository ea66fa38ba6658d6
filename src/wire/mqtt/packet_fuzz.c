/* packet_fuzz -- any octets as what one side sends: the first octet says which version and side,
 * packets follow. Each is refused, or printed, written again and read again as the same. */
#include "base/must.h"
#include "wire/mqtt/ack.h"
#include "wire/mqtt/connect.h"
#include "wire/mqtt/headers.h"
#include "wire/mqtt/print.h"
#include "wire/mqtt/publish.h"
#include "wire/mqtt/subscribe.h"

#define LINE_MAX 8192
#define OUT_MAX  (1u << 21)

static uint8_t out[OUT_MAX];

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

/* written is what goes out for a packet, as a client or a server of that version would write it; 0:
 * it cannot be read. */
static size_t write_connect(const struct mqtt_packet *p)
{
	struct mqtt_connect c;
	struct mqtt_connack a;
	if (p->type == MQTT_CONNECT && mqtt_connect_decode(p, &c) == MQTT_FAULT_NONE) {
		size_t size = mqtt_connect_size(&c);
		must(size <= OUT_MAX && mqtt_connect_put(out, &c) == out + size);
		return size;
	}
	if (p->type == MQTT_CONNACK && mqtt_connack_decode(p, &a) == MQTT_FAULT_NONE) {
		size_t size = mqtt_connack_size(p->version, &a);
		must(size <= OUT_MAX && mqtt_connack_put(out, p->version, &a) == out + size);
		return size;
	}
	return 0;
}

static size_t write_publish(const struct mqtt_packet *p)
{
	struct mqtt_publish pub;
	uint32_t ids[64], id;
	if (mqtt_publish_decode(p, &pub) != MQTT_FAULT_NONE)
		return 0;
	must(pub.head.n + pub.payload.n == p->total && pub.head.p + pub.head.n == pub.payload.p);
	struct mqtt_publish_out o = { .version = p->version,
				      .qos = pub.qos,
				      .dup = pub.dup,
				      .retain = pub.retain,
				      .id = pub.id,
				      .topic = pub.topic,
				      .props = &pub.props,
				      .ids = ids,
				      .payload_n = pub.payload.n };
	if (pub.props.has == 0)
		pub.props = (struct mqtt_props){ .has = 0 };
	for (struct rd r = rd_of(pub.props.block); mqtt_props_next_id(&r, &id) && o.ids_n < 64;)
		ids[o.ids_n++] = id;
	size_t size = mqtt_publish_head_size(&o);
	must(mqtt_publish_total(&o) == size + o.payload_n && size + o.payload_n <= OUT_MAX);
	must(mqtt_publish_head_put(out, &o) == out + size);

	struct mqtt_publish again;
	struct mqtt_publish_peek peek;
	struct header h;
	must(mqtt_publish_head_peek(pub.head, &peek) && slice_eq(peek.topic, pub.topic));
	must(peek.qos == pub.qos && peek.retain == pub.retain && (peek.id_at > 0) == (pub.id > 0));
	must(mqtt_publish_head_decode(slice_of(out, size), p->version, &again));
	must(slice_eq(again.topic, pub.topic) && again.id == pub.id && again.qos == pub.qos);
	uint32_t users_n = 0;
	const struct header_ops *ops = p->version == MQTT_V5 ? &mqtt5_header_ops
							     : &mqtt3_header_ops;
	for (struct rd r = ops->begin(pub.head); ops->next(&r, &h); users_n++)
		must(h.class == HEADER_TEXT);
	must(users_n == pub.props.user_property);
	if (pub.payload.n)
		memcpy(out + size, pub.payload.p, pub.payload.n);
	return size + pub.payload.n;
}

static size_t write_subscribe(const struct mqtt_packet *p)
{
	struct mqtt_subscribe s;
	struct mqtt_subscription one;
	if (mqtt_subscribe_decode(p, &s) != MQTT_FAULT_NONE)
		return 0;
	size_t size = mqtt_subscribe_size(p->version, &s);
	must(size <= OUT_MAX);
	must(mqtt_subscribe_put(out, p->version, p->type, &s) == out + size);
	struct rd r = rd_of(s.list);
	uint32_t filters_n = 0;
	for (; p->type == MQTT_SUBSCRIBE && mqtt_subscribe_next(&r, &one); filters_n++)
		must(mqtt_filter_ok(one.filter) && one.qos <= 2);
	must(p->type == MQTT_UNSUBSCRIBE || filters_n == s.filters_n);
	return size;
}

static size_t write_suback(const struct mqtt_packet *p)
{
	struct mqtt_suback s;
	if (mqtt_suback_decode(p, &s) != MQTT_FAULT_NONE)
		return 0;
	size_t size = mqtt_suback_size(p->version, p->type, &s);
	must(size <= OUT_MAX && mqtt_suback_put(out, p->version, p->type, &s) == out + size);
	return size;
}

static size_t write_ack(const struct mqtt_packet *p)
{
	struct mqtt_ack a;
	if (mqtt_ack_decode(p, &a) != MQTT_FAULT_NONE)
		return 0;
	size_t size = mqtt_ack_size(p->version, &a);
	must(size <= OUT_MAX && mqtt_ack_put(out, p->version, p->type, &a) == out + size);
	return size;
}

static size_t write_again(const struct mqtt_packet *p)
{
	switch (p->type) {
	case MQTT_CONNECT:
	case MQTT_CONNACK: return write_connect(p);
	case MQTT_PUBLISH: return write_publish(p);
	case MQTT_SUBSCRIBE:
	case MQTT_UNSUBSCRIBE: return write_subscribe(p);
	case MQTT_SUBACK:
	case MQTT_UNSUBACK: return write_suback(p);
	case MQTT_PINGREQ:
	case MQTT_PINGRESP: return 0;
	default: return write_ack(p);
	}
}

static struct text print(const struct mqtt_packet *p, char *line)
{
	struct text t = text_of(line, LINE_MAX);
	mqtt_packet_print(p, &t);
	must(t.n > 0);
	return t;
}

/* What is written says the same, in the same version; properties may have changed places. */
static void again(const struct mqtt_packet *p)
{
	char before[LINE_MAX], after[LINE_MAX];
	struct mqtt_packet back;
	struct text first = print(p, before);
	size_t n = write_again(p), n_again;
	if (n == 0)
		return;
	must(n <= p->total || p->type == MQTT_CONNACK || p->type == MQTT_SUBACK);
	must(mqtt_packet_read(slice_of(out, n), n, p->version, &back) == MQTT_FAULT_NONE);
	back.from_server = p->from_server;
	struct text second = print(&back, after);
	n_again = write_again(&back);
	must(n_again == n);
	/* a failure does not say that there is a session */
	bool is_said = p->type != MQTT_CONNACK || p->body.p[0] == 0;
	if (is_said &&
	    (p->version == MQTT_V5 || p->type == MQTT_PUBLISH || p->type == MQTT_CONNECT))
		must(slice_eq(text_slice(&first), text_slice(&second)));
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	if (n == 0)
		return 0;
	uint8_t version = p[0] & 7;
	bool from_server = p[0] & 8;
	if (version != 0 && (version < MQTT_V3 || version > MQTT_V5))
		version = MQTT_V5;
	struct mqtt_packet packet;
	struct slice in = slice_of(p + 1, n - 1);
	for (size_t at = 0; at < in.n; at += packet.total) {
		struct slice rest = slice_from(in, at);
		enum mqtt_fault f = mqtt_packet_read(rest, 0, version, &packet);
		if (f == MQTT_FAULT_MORE)
			must(mqtt_packet_need(rest) > rest.n);
		if (f != MQTT_FAULT_NONE)
			return 0;
		must(mqtt_packet_need(rest) == packet.total);
		packet.from_server = from_server;
		if (version == 0 && packet.type != MQTT_CONNECT)
			return 0;
		again(&packet);
		if (version == 0) {
			struct mqtt_connect c;
			if (mqtt_connect_decode(&packet, &c) != MQTT_FAULT_NONE)
				return 0;
			version = c.version;
		}
	}
	return 0;
}
