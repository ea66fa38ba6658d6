#include "wire/mqtt/ack.h"

#include "base/must.h"
#include "wire/mqtt/field.h"

_Static_assert(MQTT_PUBCOMP == MQTT_PUBACK + 3, "what has an id is in a row");

static bool has_id(uint8_t type)
{
	must(type >= MQTT_PUBACK && type <= MQTT_AUTH);
	return type <= MQTT_PUBCOMP;
}

/* ---- reading ---- */

/* take_reason: none at all is success, which a client does not say in AUTH; properties may be left
 * out, too. */
static void take_reason(struct mqtt_in *in, const struct mqtt_packet *p, struct mqtt_ack *a)
{
	bool is_last = p->type == MQTT_DISCONNECT && p->from_server;
	must(p->version == MQTT_V5);
	if (in->r.n > 0)
		a->reason = rd_u8(&in->r);
	if (!mqtt_reason_fits(a->reason, p->type, p->from_server))
		mqtt_in_fail(in, MQTT_FAULT_REASON);
	if (in->r.n > 0)
		mqtt_in_props(in, is_last ? MQTT_DISCONNECT_S : p->type, &a->props);
}

enum mqtt_fault mqtt_ack_decode(const struct mqtt_packet *p, struct mqtt_ack *out)
{
	must(out != NULL);
	struct mqtt_ack a = { .id = 0 };
	struct mqtt_in in = mqtt_in_of(p->body);
	if (has_id(p->type))
		a.id = mqtt_in_id(&in);
	if (p->version == MQTT_V5)
		take_reason(&in, p, &a);
	MQTT_TRY(mqtt_in_end(&in));
	*out = a;
	return MQTT_FAULT_NONE;
}

/* ---- writing ---- */

static size_t body_size(uint8_t version, const struct mqtt_ack *a)
{
	size_t n = a->id ? 2 : 0;
	must(version >= MQTT_V3 && version <= MQTT_V5);
	if (version != MQTT_V5 || (a->reason == MQTT_REASON_SUCCESS && a->props.has == 0))
		return n;
	return n + 1 + (a->props.has ? mqtt_props_size(&a->props) : 0);
}

size_t mqtt_ack_size(uint8_t version, const struct mqtt_ack *a)
{
	must(a != NULL);
	return mqtt_packet_size(body_size(version, a));
}

uint8_t *mqtt_ack_put(uint8_t *at, uint8_t version, uint8_t type, const struct mqtt_ack *a)
{
	size_t n = body_size(version, a);
	must(has_id(type) == (a->id != 0));
	at = mqtt_head_put(at, type, type == MQTT_PUBREL ? 2 : 0, n);
	uint8_t *end = at + n;
	if (a->id)
		at = mqtt_put_u16(at, a->id);
	if (at < end)
		*at++ = a->reason;
	if (at < end)
		at = mqtt_props_put(at, &a->props);
	must(at == end);
	return at;
}
