#include "wire/mqtt/connect.h"

#include "base/must.h"
#include "wire/mqtt/field.h"
#include "wire/mqtt/reason.h"

enum {
	FLAG_RESERVED = 0x01,
	FLAG_CLEAN = 0x02,
	FLAG_WILL = 0x04,
	FLAG_WILL_QOS = 0x18,
	FLAG_WILL_RETAIN = 0x20,
	FLAG_PASSWORD = 0x40,
	FLAG_USER = 0x80,
};

#define BRIDGE 0x80u /* in the level */

#define NAME_3 "MQIsdp"
#define NAME   "MQTT"

/* ---- reading ---- */

/* take_version reads name and level. */
static void take_version(struct mqtt_in *in, struct mqtt_connect *c)
{
	struct slice name = mqtt_in_bin(in);
	uint8_t octet = rd_u8(&in->r), level = octet & (uint8_t)~BRIDGE;
	bool is_3 = slice_eq(name, slice_str(NAME_3));
	must(c->version == 0);
	if (!is_3 && !slice_eq(name, slice_str(NAME))) {
		mqtt_in_fail(in, MQTT_FAULT_NAME);
		return;
	}
	if (in->r.bad)
		return;
	c->is_bridge = (octet & BRIDGE) && level <= MQTT_V4;
	if (is_3 ? level == MQTT_V3 : level == MQTT_V4 || octet == MQTT_V5) {
		c->version = level;
		return;
	}
	c->version = octet > MQTT_V5 && !c->is_bridge ? MQTT_V5 : MQTT_V4;
	mqtt_in_fail(in, MQTT_FAULT_LEVEL);
}

static void take_flags(struct mqtt_in *in, struct mqtt_connect *c)
{
	uint8_t flags = rd_u8(&in->r);
	if ((flags & FLAG_RESERVED) && c->version != MQTT_V3)
		mqtt_in_fail(in, MQTT_FAULT_CONNECT_FLAGS);
	if ((flags & FLAG_WILL_QOS) == FLAG_WILL_QOS)
		mqtt_in_fail(in, MQTT_FAULT_QOS);
	if (!(flags & FLAG_WILL) && (flags & (FLAG_WILL_QOS | FLAG_WILL_RETAIN)))
		mqtt_in_fail(in, MQTT_FAULT_CONNECT_FLAGS);
	if (c->version != MQTT_V5 && (flags & (FLAG_USER | FLAG_PASSWORD)) == FLAG_PASSWORD)
		mqtt_in_fail(in, MQTT_FAULT_CONNECT_FLAGS);
	c->clean_start = flags & FLAG_CLEAN;
	c->has_will = flags & FLAG_WILL;
	c->will_qos = (uint8_t)((flags & FLAG_WILL_QOS) >> 3);
	c->will_retain = flags & FLAG_WILL_RETAIN;
	c->has_user = flags & FLAG_USER;
	c->has_password = flags & FLAG_PASSWORD;
	must(in->r.bad || c->will_qos <= 2);
}

/* take_login: a 3.1 client may have set a flag for a string that is not there. */
static void take_login(struct mqtt_in *in, struct mqtt_connect *c)
{
	bool lenient = c->version == MQTT_V3;
	must(c->version != 0);
	if (lenient && in->r.n == 0)
		c->has_user = false;
	if (c->has_user)
		c->user = mqtt_in_str(in);
	if (lenient && in->r.n == 0)
		c->has_password = false;
	if (c->has_password)
		c->password = mqtt_in_bin(in);
}

static void take_fields(struct mqtt_in *in, struct mqtt_connect *c)
{
	bool has_props = c->version == MQTT_V5;
	take_flags(in, c);
	c->keep_alive_s = rd_u16(&in->r);
	must(!has_props || c->version == MQTT_V5);
	if (has_props)
		mqtt_in_props(in, MQTT_CONNECT, &c->props);
	c->client_id = mqtt_in_str(in);
	if (c->has_will && has_props)
		mqtt_in_props(in, MQTT_WILL, &c->will_props);
	if (c->has_will) {
		c->will_topic = mqtt_in_topic(in, MQTT_FAULT_TOPIC);
		c->will_payload = mqtt_in_bin(in);
	}
	take_login(in, c);
}

static bool may_be_nameless(const struct mqtt_connect *c)
{
	must(c->client_id.n == 0);
	return c->version == MQTT_V5 || (c->version == MQTT_V4 && c->clean_start);
}

enum mqtt_fault mqtt_connect_decode(const struct mqtt_packet *p, struct mqtt_connect *out)
{
	must(p->type == MQTT_CONNECT && out != NULL);
	struct mqtt_connect c = { .version = 0 };
	struct mqtt_in in = mqtt_in_of(p->body);
	take_version(&in, &c);
	if (!in.r.bad && c.version == MQTT_V5 && p->is_padded)
		mqtt_in_fail(&in, MQTT_FAULT_LENGTH);
	if (!in.r.bad)
		take_fields(&in, &c);
	out->version = c.version;
	MQTT_TRY(mqtt_in_end(&in));
	if (c.client_id.n == 0 && !may_be_nameless(&c))
		return MQTT_FAULT_CLIENT_ID;
	*out = c;
	return MQTT_FAULT_NONE;
}

enum mqtt_fault mqtt_connack_decode(const struct mqtt_packet *p, struct mqtt_connack *out)
{
	must(p->type == MQTT_CONNACK && out != NULL);
	struct mqtt_connack c = { .session_present = false };
	struct mqtt_in in = mqtt_in_of(p->body);
	uint8_t flags = rd_u8(&in.r);
	if (flags > 1 && p->version != MQTT_V3)
		mqtt_in_fail(&in, MQTT_FAULT_ACK_FLAGS);
	c.session_present = flags & 1;
	c.reason = rd_u8(&in.r);
	if (p->version == MQTT_V5) {
		if (!mqtt_reason_fits(c.reason, MQTT_CONNACK, true))
			mqtt_in_fail(&in, MQTT_FAULT_REASON);
		mqtt_in_props(&in, MQTT_CONNACK, &c.props);
	}
	MQTT_TRY(mqtt_in_end(&in));
	*out = c;
	return MQTT_FAULT_NONE;
}

/* ---- writing ---- */

static size_t str_size(bool is_there, struct slice s)
{
	must(!is_there || s.n <= UINT16_MAX);
	return is_there ? 2 + s.n : 0;
}

static size_t connect_body(const struct mqtt_connect *c)
{
	bool has_props = c->version == MQTT_V5;
	must(c->version >= MQTT_V3 && c->version <= MQTT_V5);
	size_t n = 2 + strlen(c->version == MQTT_V3 ? NAME_3 : NAME) + 4;
	n += has_props ? mqtt_props_size(&c->props) : 0;
	n += 2 + c->client_id.n;
	n += c->has_will && has_props ? mqtt_props_size(&c->will_props) : 0;
	n += str_size(c->has_will, c->will_topic) + str_size(c->has_will, c->will_payload);
	return n + str_size(c->has_user, c->user) + str_size(c->has_password, c->password);
}

size_t mqtt_connect_size(const struct mqtt_connect *c)
{
	must(c != NULL);
	return mqtt_packet_size(connect_body(c));
}

static uint8_t connect_flags(const struct mqtt_connect *c)
{
	must(c->will_qos <= 2);
	unsigned flags = c->clean_start ? FLAG_CLEAN : 0;
	if (c->has_will)
		flags |= FLAG_WILL | (unsigned)c->will_qos << 3;
	flags |= c->has_will && c->will_retain ? FLAG_WILL_RETAIN : 0;
	flags |= c->has_user ? FLAG_USER : 0;
	flags |= c->has_password ? FLAG_PASSWORD : 0;
	return (uint8_t)flags;
}

uint8_t *mqtt_connect_put(uint8_t *at, const struct mqtt_connect *c)
{
	bool has_props = c->version == MQTT_V5;
	must(at != NULL);
	at = mqtt_head_put(at, MQTT_CONNECT, 0, connect_body(c));
	at = mqtt_put_str(at, slice_str(c->version == MQTT_V3 ? NAME_3 : NAME));
	*at++ = (uint8_t)(c->version | (c->is_bridge ? BRIDGE : 0));
	*at++ = connect_flags(c);
	at = mqtt_put_u16(at, c->keep_alive_s);
	if (has_props)
		at = mqtt_props_put(at, &c->props);
	at = mqtt_put_str(at, c->client_id);
	if (c->has_will && has_props)
		at = mqtt_props_put(at, &c->will_props);
	if (c->has_will)
		at = mqtt_put_str(mqtt_put_str(at, c->will_topic), c->will_payload);
	if (c->has_user)
		at = mqtt_put_str(at, c->user);
	return c->has_password ? mqtt_put_str(at, c->password) : at;
}

static size_t connack_body(uint8_t version, const struct mqtt_connack *c)
{
	must(version >= MQTT_V3 && version <= MQTT_V5);
	return 2 + (version == MQTT_V5 ? mqtt_props_size(&c->props) : 0);
}

size_t mqtt_connack_size(uint8_t version, const struct mqtt_connack *c)
{
	must(c != NULL);
	return mqtt_packet_size(connack_body(version, c));
}

uint8_t *mqtt_connack_put(uint8_t *at, uint8_t version, const struct mqtt_connack *c)
{
	must(at != NULL);
	at = mqtt_head_put(at, MQTT_CONNACK, 0, connack_body(version, c));
	*at++ = c->session_present && version != MQTT_V3 && c->reason == MQTT_REASON_SUCCESS;
	*at++ = version == MQTT_V5 ? c->reason : mqtt_reason_v4(c->reason);
	return version == MQTT_V5 ? mqtt_props_put(at, &c->props) : at;
}
