/* foreign -- messages of other protocols, as a client of MQTT sees them. Pure. */
#ifndef SESSION_MQTT_FOREIGN_H
#define SESSION_MQTT_FOREIGN_H
#include "base/limits.h"
#include "msg/msg.h"
#include "wire/mqtt/props.h"

#define FOREIGN_ROOM 4096u /* of properties in another spelling; what does not fit is left out */

struct foreign {
	struct slice topic; /* of its routing key */
	uint8_t topic_bytes[LIMIT_SHORTSTR];
	uint8_t bytes[FOREIGN_ROOM];
};

/* foreign_read finds its topic. */
void foreign_read(const struct msg *m, struct foreign *out);

/* foreign_props gives its properties as those of version 5; they borrow from `m` and `room`. */
void foreign_props(const struct msg *m, struct foreign *room, struct mqtt_props *out);
#endif
