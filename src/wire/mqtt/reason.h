/* mqtt reason -- the reason codes of MQTT 5 and what older versions say instead. Pure. */
#ifndef WIRE_MQTT_REASON_H
#define WIRE_MQTT_REASON_H

#include "base/err.h"
#include "wire/mqtt/packet.h"

enum mqtt_reason {
#define REASON(code, name, v4, client, server, prose) MQTT_REASON_##name = (code),
#include "wire/mqtt/reasons.def"
#undef REASON
};

/* A reason from here on is a failure. */
#define MQTT_REASON_FAILURE 0x80u

/* mqtt_reason_of is a failure of the broker as MQTT 5 says it (base/err.def): never below
 * MQTT_REASON_FAILURE. */
uint8_t mqtt_reason_of(enum err e);

/* mqtt_reason_fits: this side may say so in a packet of this type. */
bool mqtt_reason_fits(uint8_t code, uint8_t type, bool from_server);

/* mqtt_reason_v4 is the return code of a CONNACK of 3.1 and 3.1.1; 0 only for success. */
uint8_t mqtt_reason_v4(uint8_t code);

/* mqtt_reason_text says it in words; "unknown reason" if it is none. */
const char *mqtt_reason_text(uint8_t code);

#endif
