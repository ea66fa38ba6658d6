#include "wire/mqtt/packet.h"

#include "base/must.h"
#include "wire/mqtt/field.h"

const uint8_t mqtt_pingreq_octets[2] = { MQTT_PINGREQ << 4, 0 };
const uint8_t mqtt_pingresp_octets[2] = { MQTT_PINGRESP << 4, 0 };

const struct mqtt_fault_row mqtt_faults[MQTT_FAULT_N] = {
#define FAULT(name, reason, prose) [MQTT_FAULT_##name] = { prose, reason },
#include "wire/mqtt/faults.def"
#undef FAULT
};

_Static_assert(MQTT_FAULT_NONE == 0, "no fault is false");
_Static_assert(MQTT_AUTH == 15, "a type is 4 bits");

static const struct row {
	const char *name;
	uint8_t flags, client, server;
} rows[16] = {
#define PACKET(number, name, flags, client, server, prose) \
	[number] = { #name, flags, client, server },
#include "wire/mqtt/packets.def"
#undef PACKET
};

/* The remaining length at the start of `in`, which may be padded. */
struct length {
	size_t n; /* octets of it; 0: not all there, or bad */
	uint32_t value;
	bool is_bad;
};

static struct length length_read(struct slice in)
{
	struct length l = { .n = 0 };
	for (size_t i = 0; i < 4 && i < in.n; i++) {
		l.value |= (uint32_t)(in.p[i] & 0x7F) << (7 * i);
		if ((in.p[i] & 0x80) == 0) {
			l.n = i + 1;
			must(l.value <= MQTT_LENGTH_MAX);
			return l;
		}
	}
	l.is_bad = in.n >= 4;
	return l;
}

static enum mqtt_fault check_publish(uint8_t flags)
{
	must(flags <= 0x0F);
	if ((flags & (MQTT_QOS_1 | MQTT_QOS_2)) == (MQTT_QOS_1 | MQTT_QOS_2))
		return MQTT_FAULT_QOS;
	if ((flags & (MQTT_DUP | MQTT_QOS_1 | MQTT_QOS_2)) == MQTT_DUP)
		return MQTT_FAULT_DUP;
	return MQTT_FAULT_NONE;
}

/* check_first: 3.1 lets a client mark what it sends again, where later versions demand QoS 1. */
static enum mqtt_fault check_first(uint8_t first, uint8_t version)
{
	uint8_t type = first >> 4, flags = first & 0x0F;
	must(version <= MQTT_V5);
	if (type == MQTT_PUBLISH)
		return check_publish(flags);
	if (!rows[type].name || (type == MQTT_AUTH && version != 0 && version < MQTT_V5))
		return MQTT_FAULT_TYPE;
	if (version == MQTT_V3 && rows[type].flags == MQTT_QOS_1)
		flags &= (uint8_t)~MQTT_DUP;
	return flags == rows[type].flags ? MQTT_FAULT_NONE : MQTT_FAULT_FLAGS;
}

size_t mqtt_packet_need(struct slice in)
{
	must(in.n == 0 || in.p != NULL);
	if (in.n < 2)
		return 2;
	struct length l = length_read(slice_from(in, 1));
	must(l.n <= 4);
	return l.n ? 1 + l.n + l.value : in.n + 1;
}

enum mqtt_fault mqtt_packet_read(struct slice in, size_t packet_max, uint8_t version,
				 struct mqtt_packet *out)
{
	must(out != NULL);
	if (in.n == 0)
		return MQTT_FAULT_MORE;
	MQTT_TRY(check_first(in.p[0], version));
	struct length l = length_read(slice_of(in.p + 1, in.n - 1));
	if (l.n == 0)
		return l.is_bad ? MQTT_FAULT_LENGTH : MQTT_FAULT_MORE;
	bool is_padded = l.n != mqtt_varint_size(l.value);
	if (is_padded && version == MQTT_V5)
		return MQTT_FAULT_LENGTH;
	size_t total = 1 + l.n + l.value;
	if (packet_max > 0 && total > packet_max)
		return MQTT_FAULT_TOO_LARGE;
	if (in.n < total)
		return MQTT_FAULT_MORE;

	*out = (struct mqtt_packet){ .type = in.p[0] >> 4,
				     .flags = in.p[0] & 0x0F,
				     .version = version,
				     .is_padded = is_padded,
				     .total = total,
				     .body = { in.p + 1 + l.n, l.value } };
	return MQTT_FAULT_NONE;
}

enum mqtt_fault mqtt_packet_check_sender(const struct mqtt_packet *p)
{
	must(p->type < 16 && rows[p->type].name);
	uint8_t version = p->version ? p->version : MQTT_V5;
	uint8_t least = p->from_server ? rows[p->type].server : rows[p->type].client;
	return version >= least ? MQTT_FAULT_NONE : MQTT_FAULT_SENDER;
}

enum mqtt_fault mqtt_ping_check(const struct mqtt_packet *p)
{
	must(p->type == MQTT_PINGREQ || p->type == MQTT_PINGRESP);
	return p->body.n ? MQTT_FAULT_LEFT_OVER : MQTT_FAULT_NONE;
}

const char *mqtt_packet_name(uint8_t type)
{
	must(type < 16);
	return rows[type].name ? rows[type].name : "?";
}

size_t mqtt_packet_size(size_t body_n)
{
	must(body_n <= MQTT_LENGTH_MAX);
	return 1 + mqtt_varint_size(body_n) + body_n;
}

uint8_t *mqtt_head_put(uint8_t *at, uint8_t type, uint8_t flags, size_t body_n)
{
	must(type < 16 && flags < 16 && body_n <= MQTT_LENGTH_MAX);
	*at = (uint8_t)(type << 4 | flags);
	return mqtt_put_varint(at + 1, body_n);
}
