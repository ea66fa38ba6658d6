/* mqtt fault -- what is wrong with a packet: every decoder of this room answers with it.
 *
 * NONE is 0. What to do about another one depends on the version: 3.1 and 3.1.1 close the
 * connection without a word (CONNECT: see connect.h), 5 says mqtt_faults[f].reason first.
 */
#ifndef WIRE_MQTT_FAULT_H
#define WIRE_MQTT_FAULT_H

#include "base/err.h"

#include <stdint.h>

enum mqtt_fault {
#define FAULT(name, reason, prose) MQTT_FAULT_##name,
#include "wire/mqtt/faults.def"
#undef FAULT
	MQTT_FAULT_N
};

struct mqtt_fault_row {
	const char *text; /* one clause for people, without a full stop */
	uint8_t reason;
};

extern const struct mqtt_fault_row mqtt_faults[MQTT_FAULT_N];

#endif
