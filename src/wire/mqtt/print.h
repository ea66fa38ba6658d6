/* mqtt print -- any packet as one line of text, for `godwit trace --frames`, captures and tests.
 *
 *      CONNECT version=5 client_id='c' clean_start keep_alive_s=60 user='u' password=(4)
 *      PUBLISH topic='a/b' qos=1 id=7 content_type='text/plain' payload=(5)
 *      PUBACK id=7 reason=16 (no matching subscribers)
 */
#ifndef WIRE_MQTT_PRINT_H
#define WIRE_MQTT_PRINT_H

#include "base/text.h"
#include "wire/mqtt/packet.h"

/* mqtt_packet_print writes one line without its newline, of a packet from either side. A packet
 * that cannot be decoded is a line too: it says what is wrong. Of one whose version is not known
 * there is only the length, unless it is CONNECT. Passwords, what proves who somebody is, and
 * payloads are shown as their length. */
void mqtt_packet_print(const struct mqtt_packet *p, struct text *out);

#endif
