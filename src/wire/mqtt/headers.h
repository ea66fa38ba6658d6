/* mqtt headers -- the head of a stored PUBLISH as routing and other protocols read it
 * (msg/header.h).
 *
 * The property block of a message is the head of its PUBLISH as it came, see publish.h. Of 3.1 and
 * 3.1.1 (MSG_MQTT3) nothing is known but topic and payload; of 5 (MSG_MQTT5) user properties are
 * the headers. A message that was published to be retained says so (HEADER_RETAIN). Octets behind
 * the head are not looked at. Pure; values borrow.
 */
#ifndef WIRE_MQTT_HEADERS_H
#define WIRE_MQTT_HEADERS_H

#include "msg/header.h"

extern const struct header_ops mqtt3_header_ops, mqtt5_header_ops;

#endif
