/* mqtt ack -- PUBACK, PUBREC, PUBREL, PUBCOMP, DISCONNECT and AUTH: packets that are little more
 * than a reason. Pure; views borrow.
 *
 * They are written in their shortest form: clients exist that read no other.
 */
#ifndef WIRE_MQTT_ACK_H
#define WIRE_MQTT_ACK_H

#include "wire/mqtt/packet.h"
#include "wire/mqtt/props.h"
#include "wire/mqtt/reason.h"

struct mqtt_ack {
	uint16_t id;             /* 0 in DISCONNECT and AUTH */
	uint8_t reason;          /* enum mqtt_reason; 0 before version 5 */
	struct mqtt_props props; /* empty before version 5 */
};

/* mqtt_ack_decode reads the body of a packet of one of these types.
 * ID, SHORT, LEFT_OVER, REASON (not one of this packet and this side), and those of
 * mqtt_props_decode. */
MUST_USE enum mqtt_fault mqtt_ack_decode(const struct mqtt_packet *p, struct mqtt_ack *out);

/* mqtt_ack_size is what mqtt_ack_put writes: a whole packet of `type`. `a->id` is 0 just in
 * DISCONNECT and AUTH; before version 5 reason and properties are not sent. */
size_t mqtt_ack_size(uint8_t version, const struct mqtt_ack *a);
uint8_t *mqtt_ack_put(uint8_t *at, uint8_t version, uint8_t type, const struct mqtt_ack *a);

/* mqtt_short_ack_put writes the 4 octets of an acknowledgement that says that all went well. */
static inline uint8_t *mqtt_short_ack_put(uint8_t *at, uint8_t type, uint16_t id)
{
	must(id != 0 && type >= MQTT_PUBACK && type <= MQTT_PUBCOMP);
	at[0] = (uint8_t)(type << 4 | (type == MQTT_PUBREL ? 2 : 0));
	at[1] = 2;
	at[2] = (uint8_t)(id >> 8);
	at[3] = (uint8_t)id;
	return at + 4;
}

#endif
