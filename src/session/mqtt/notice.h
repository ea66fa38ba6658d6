/* notice -- a bridge says whether it is up, by a retained message "1" or "0", as Mosquitto does:
 * here, and to the other broker, which has the "0" as a will.
 *
 * Private to this room. Nothing is said twice here, however often it calls in vain.
 */
#ifndef SESSION_MQTT_NOTICE_H
#define SESSION_MQTT_NOTICE_H
#include "session/mqtt/bridge.h"
#include "wire/mqtt/connect.h"

struct mqtt;
struct turn;

/* mqtt_notice_is_kept: something will be said here, which the virtual host needs a store for. */
bool mqtt_notice_is_kept(const struct mqtt *s);

/* mqtt_notice_here says it here, unless it was said; of a client there is nothing to say. */
void mqtt_notice_here(struct turn *t, bool is_up);

/* mqtt_notice_will adds the will to a CONNECT, mqtt_notice_there says "1" to the other broker. */
void mqtt_notice_will(const struct mqtt_bridge *set, struct mqtt_connect *io_c);
void mqtt_notice_there(struct turn *t, bool is_retained);
#endif
