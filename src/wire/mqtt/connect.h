/* mqtt connect -- the first packet, and its answer. Pure; views borrow.
 *
 * Before the version is known nothing can be said to a client that it would understand, so what a
 * refusal looks like is part of the result: see mqtt_connect_decode.
 */
#ifndef WIRE_MQTT_CONNECT_H
#define WIRE_MQTT_CONNECT_H

#include "wire/mqtt/packet.h"
#include "wire/mqtt/props.h"

struct mqtt_connect {
	uint8_t version;  /* MQTT_V3, V4, V5 */
	bool is_bridge;   /* mosquitto's mark: no-local and retain-as-published for all it does */
	bool clean_start; /* clean session in 3.1 and 3.1.1 */
	bool has_will, will_retain;
	uint8_t will_qos;
	bool has_user, has_password; /* an empty one is there, too */
	uint16_t keep_alive_s;       /* 0: off */
	struct slice client_id;      /* may be empty: version 5, or 3.1.1 with clean_start */
	struct slice will_topic, will_payload;
	struct slice user, password;
	struct mqtt_props props, will_props; /* empty before version 5 */
};

/* mqtt_connect_decode reads the body of a CONNECT.
 * On a fault only out->version is set: in which version's form to refuse, 0 for in none.
 * NAME: not MQTT: close without a word. LEVEL: CONNACK of that version. CLIENT_ID: an empty one
 * where that is not allowed; CONNACK. Everything else is malformed: version 5 gets a CONNACK with
 * the fault's reason, older ones none (mqtt_connect_has_answer). */
MUST_USE enum mqtt_fault mqtt_connect_decode(const struct mqtt_packet *p, struct mqtt_connect *out);

/* mqtt_connect_has_answer: a CONNACK of `version` goes out before the connection is closed. */
static inline bool mqtt_connect_has_answer(uint8_t version, enum mqtt_fault f)
{
	return version == MQTT_V5 ||
	       (version != 0 && (f == MQTT_FAULT_LEVEL || f == MQTT_FAULT_CLIENT_ID));
}

/* mqtt_connect_size is what mqtt_connect_put writes: the whole packet, as a client sends it. */
size_t mqtt_connect_size(const struct mqtt_connect *c);
uint8_t *mqtt_connect_put(uint8_t *at, const struct mqtt_connect *c);

struct mqtt_connack {
	bool session_present;    /* not sent with a failure, nor in 3.1, which has no word for it */
	uint8_t reason;          /* of version 5; read from older versions: their return code */
	struct mqtt_props props; /* not sent before version 5 */
};

/* mqtt_connack_size is what mqtt_connack_put writes: the whole packet in this version's form, the
 * reason as that version spells it. */
size_t mqtt_connack_size(uint8_t version, const struct mqtt_connack *c);
uint8_t *mqtt_connack_put(uint8_t *at, uint8_t version, const struct mqtt_connack *c);

/* mqtt_connack_decode reads the body of a CONNACK. */
MUST_USE enum mqtt_fault mqtt_connack_decode(const struct mqtt_packet *p, struct mqtt_connack *out);

#endif
