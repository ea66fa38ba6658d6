/* mqtt from -- the properties of a message that another protocol's client has published, as a
 * block of MQTT 5.
 *
 * Made from the neutral view (msg/header.h), as RabbitMQ maps them: content type, correlation id,
 * expiration, the topic for the answer, and the application's headers as user properties in their
 * order: text as it is, numbers in digits, reals as Erlang prints them, true and false, and empty
 * text for no value. What MQTT cannot say is left out: text that is not UTF-8 or has U+0000 in it,
 * octets, lists, tables, and an address that is no topic. A header that is one of the properties
 * is no user property. Pure.
 */
#ifndef WIRE_MQTT_FROM_H
#define WIRE_MQTT_FROM_H

#include "base/slice.h"
#include "msg/header.h"

/* mqtt_from_room: octets in which properties like `props` surely have room as long as their own
 * protocol writes a header into no fewer than 3 octets and its name and value. */
#define MQTT_FROM_BYTES 1024u
static inline size_t mqtt_from_room(struct slice props)
{
	return 4 * props.n + MQTT_FROM_BYTES;
}

/* mqtt_props_from writes to the `n` octets of `room` what `ops` finds in `props`, and returns it:
 * a block that mqtt_props_decode takes in a PUBLISH. What has no room is left out. */
struct slice mqtt_props_from(uint8_t *room, size_t n, const struct header_ops *ops,
			     struct slice props);

#endif
