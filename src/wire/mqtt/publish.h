/* mqtt publish -- PUBLISH, read and written. Pure; views borrow.
 *
 *      | type, flags | remaining length | topic | [id] | [properties] | payload ... |
 *      |<------------------------- head ------------------------------>|
 *
 * The head as it came is the property block of a stored message, see headers.h.
 */
#ifndef WIRE_MQTT_PUBLISH_H
#define WIRE_MQTT_PUBLISH_H

#include "wire/mqtt/packet.h"
#include "wire/mqtt/props.h"

struct mqtt_publish {
	uint8_t qos;
	bool dup, retain;
	uint16_t id;             /* 0 with QoS 0 */
	struct slice topic;      /* empty: props.topic_alias stands for it */
	struct mqtt_props props; /* before version 5 has is 0, and nothing more is to be read */
	struct slice head;       /* from the first octet to the payload */
	struct slice payload;
};

/* mqtt_publish_decode reads the body of a PUBLISH; on a fault `out` says nothing.
 * SHORT, UTF8, ZERO, TOPIC, NO_TOPIC, ID, and those of mqtt_props_decode. */
MUST_USE enum mqtt_fault mqtt_publish_decode(const struct mqtt_packet *p, struct mqtt_publish *out);

/* mqtt_publish_head_decode reads a head that was taken from a PUBLISH of `version` and checked
 * then; false: it is none. The payload is what stands behind it. */
MUST_USE bool mqtt_publish_head_decode(struct slice head, uint8_t version,
				       struct mqtt_publish *out);

/* What a head that was checked once says of itself, before its properties. */
struct mqtt_publish_peek {
	struct slice topic;
	size_t id_at; /* where the packet id stands; 0: there is none */
	uint8_t qos;
	bool retain;
};

/* mqtt_publish_head_peek reads it; false: it is no head. mqtt_publish_head_again writes a head with
 * another id, DUP and RETAIN (p->retain) to `at`, where there are head.n octets of room: for who is
 * sent the message by the same version and with the same QoS. */
MUST_USE bool mqtt_publish_head_peek(struct slice head, struct mqtt_publish_peek *out);
void mqtt_publish_head_again(uint8_t *at, struct slice head, const struct mqtt_publish_peek *p,
			     uint16_t id, bool is_dup);

/* What is to be sent. */
struct mqtt_publish_out {
	uint8_t version, qos;
	bool dup, retain;
	uint16_t id; /* not 0 if there is a QoS */
	struct slice topic;
	const struct mqtt_props
		*props;      /* version 5; NULL is none. Its subscription_id is not sent: */
	const uint32_t *ids; /* these are, in this order */
	size_t ids_n;
	size_t payload_n; /* octets that the caller will put behind the head */
};

/* mqtt_publish_total is the size of the whole packet; it may be above what any packet can have. */
size_t mqtt_publish_total(const struct mqtt_publish_out *o);

/* mqtt_publish_head_size is what mqtt_publish_head_put writes: everything before the payload. The
 * whole packet has at most MQTT_LENGTH_MAX octets and the head. */
size_t mqtt_publish_head_size(const struct mqtt_publish_out *o);
uint8_t *mqtt_publish_head_put(uint8_t *at, const struct mqtt_publish_out *o);

#endif
