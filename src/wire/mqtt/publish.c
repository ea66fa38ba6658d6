#include "wire/mqtt/publish.h"

#include "base/byteorder.h"
#include "base/must.h"
#include "wire/mqtt/field.h"

static const struct mqtt_props none = { .has = 0 };

/* ---- reading ---- */

/* take_topic: an empty one is for the caller to judge. */
static struct slice take_topic(struct mqtt_in *in)
{
	struct slice topic = mqtt_in_bin(in);
	uint8_t seen = mqtt_scan(topic);
	must(seen <= (MQTT_SCAN_HIGH | MQTT_SCAN_ZERO | MQTT_SCAN_WILD));
	if (__builtin_expect(seen == 0, 1))
		return topic;
	enum mqtt_fault f = mqtt_text_fault(topic, seen);
	if (f == MQTT_FAULT_NONE && (seen & MQTT_SCAN_WILD))
		f = MQTT_FAULT_TOPIC;
	if (f != MQTT_FAULT_NONE)
		mqtt_in_fail(in, f);
	return topic;
}

enum mqtt_fault mqtt_publish_decode(const struct mqtt_packet *p, struct mqtt_publish *out)
{
	must(p->type == MQTT_PUBLISH && out != NULL);
	struct mqtt_in in = mqtt_in_of(p->body);
	out->qos = (p->flags >> 1) & 3;
	out->dup = p->flags & MQTT_DUP;
	out->retain = p->flags & MQTT_RETAIN;
	out->topic = take_topic(&in);
	out->id = out->qos > 0 ? mqtt_in_id(&in) : 0;
	out->props.has = 0;
	if (p->version == MQTT_V5) {
		out->props = none;
		mqtt_in_props(&in, p->from_server ? MQTT_PUBLISH_S : MQTT_PUBLISH, &out->props);
	}
	MQTT_TRY(mqtt_in_state(&in));
	if (out->topic.n == 0 && !(out->props.has & MQTT_HAS(topic_alias)))
		return p->version == MQTT_V5 ? MQTT_FAULT_NO_TOPIC : MQTT_FAULT_TOPIC;
	out->payload = slice_of(in.r.p, in.r.n);
	out->head = slice_sub(mqtt_packet_whole(p), 0, p->total - in.r.n);
	must(out->head.n + out->payload.n == p->total);
	return MQTT_FAULT_NONE;
}

bool mqtt_publish_head_decode(struct slice head, uint8_t version, struct mqtt_publish *out)
{
	size_t n = 1;
	must(out != NULL && version >= MQTT_V3 && version <= MQTT_V5);
	while (n < head.n && n <= 4 && (head.p[n] & 0x80))
		n++;
	if (n >= head.n || n > 4)
		return false;
	struct mqtt_packet p = { .type = head.p[0] >> 4,
				 .flags = head.p[0] & 0x0F,
				 .version = version,
				 .from_server = true,
				 .total = head.n,
				 .body = slice_of(head.p + n + 1, head.n - n - 1) };
	return p.type == MQTT_PUBLISH && mqtt_publish_decode(&p, out) == MQTT_FAULT_NONE;
}

bool mqtt_publish_head_peek(struct slice head, struct mqtt_publish_peek *out)
{
	size_t at = 1;
	must(out != NULL);
	while (at < head.n && at <= 4 && (head.p[at] & 0x80))
		at++;
	if (at + 3 > head.n || at > 4)
		return false;
	const size_t topic_n = load_be16(head.p + at + 1);
	if (head.n - at - 3 < topic_n)
		return false;
	out->qos = (head.p[0] >> 1) & 3;
	out->retain = head.p[0] & MQTT_RETAIN;
	out->topic = slice_of(head.p + at + 3, topic_n);
	out->id_at = out->qos > 0 ? at + 3 + topic_n : 0;
	return out->qos == 0 || head.n - out->id_at >= 2;
}

/* ---- writing ---- */

/* has: the properties of `o` that go out through mqtt_props_list_put. */
static uint32_t has(const struct mqtt_publish_out *o)
{
	must(o->ids_n == 0 || o->ids != NULL);
	return o->props ? o->props->has & ~MQTT_HAS(subscription_id) : 0;
}

static size_t ids_size(const struct mqtt_publish_out *o)
{
	size_t n = 0;
	for (size_t i = 0; i < o->ids_n; i++) {
		must(o->ids[i] > 0 && o->ids[i] <= MQTT_LENGTH_MAX);
		n += 1 + mqtt_varint_size(o->ids[i]);
	}
	return n;
}

static size_t props_size(const struct mqtt_publish_out *o)
{
	must(o->version == MQTT_V5);
	return (o->props ? mqtt_props_list_size(o->props, has(o)) : 0) + ids_size(o);
}

/* The octets of the body before the payload. */
static size_t fields_size(const struct mqtt_publish_out *o)
{
	must((o->qos == 0 || o->id != 0) && o->qos <= 2 && o->topic.n <= UINT16_MAX);
	size_t n = 2 + o->topic.n + (o->qos > 0 ? 2 : 0);
	if (o->version != MQTT_V5)
		return n;
	size_t props_n = props_size(o);
	return n + mqtt_varint_size(props_n) + props_n;
}

size_t mqtt_publish_total(const struct mqtt_publish_out *o)
{
	size_t body_n = fields_size(o) + o->payload_n;
	must(body_n >= o->payload_n);
	return 1 + mqtt_varint_size(body_n) + body_n;
}

size_t mqtt_publish_head_size(const struct mqtt_publish_out *o)
{
	must(o->payload_n <= MQTT_LENGTH_MAX);
	return mqtt_publish_total(o) - o->payload_n;
}

uint8_t *mqtt_publish_head_put(uint8_t *at, const struct mqtt_publish_out *o)
{
	must(at != NULL && (o->qos > 0 || !o->dup));
	unsigned flags = (o->dup ? MQTT_DUP : 0u) | (unsigned)o->qos << 1;
	flags |= o->retain ? MQTT_RETAIN : 0u;
	at = mqtt_head_put(at, MQTT_PUBLISH, (uint8_t)flags, fields_size(o) + o->payload_n);
	at = mqtt_put_str(at, o->topic);
	if (o->qos > 0)
		at = mqtt_put_u16(at, o->id);
	if (o->version != MQTT_V5)
		return at;
	at = mqtt_put_varint(at, props_size(o));
	if (o->props)
		at = mqtt_props_list_put(at, o->props, has(o));
	for (size_t i = 0; i < o->ids_n; i++)
		at = mqtt_put_varint(mqtt_put_u8(at, MQTT_PROP_ID_subscription_id), o->ids[i]);
	return at;
}

void mqtt_publish_head_again(uint8_t *at, struct slice head, const struct mqtt_publish_peek *p,
			     uint16_t id, bool is_dup)
{
	unsigned flags = (is_dup && p->qos > 0 ? MQTT_DUP : 0u) | (unsigned)p->qos << 1;
	must(head.n > 3 && (id != 0) == (p->qos > 0));
	memcpy(at, head.p, head.n);
	at[0] = (uint8_t)(MQTT_PUBLISH << 4 | flags | (p->retain ? MQTT_RETAIN : 0u));
	if (p->id_at)
		store_be16(at + p->id_at, id);
}
