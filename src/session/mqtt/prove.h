/* prove -- enhanced authentication (MQTT 5, 4.12): AUTH packets carry what a method says
 * (session/proof.h), before CONNACK and, again and again, behind it.
 *
 *     CONNECT method, data --> AUTH 0x18 <--> AUTH 0x18 --> CONNACK method, data
 *     AUTH 0x19 --> AUTH 0x18 <--> AUTH 0x18 --> AUTH 0, while all else goes on
 *
 * Private to this room. What one has proved is who he is: it cannot become another later.
 */
#ifndef SESSION_MQTT_PROVE_H
#define SESSION_MQTT_PROVE_H
#include "session/proof.h"
#include "wire/mqtt/connect.h"

struct mqtt;
struct turn;

/* mqtt_prove begins as CONNECT asks for, with a method that there is. */
void mqtt_prove(struct turn *t, const struct proof_method *m, const struct mqtt_connect *c);

/* mqtt_prove_packet takes what comes before CONNACK, mqtt_on_auth an AUTH behind it. */
void mqtt_prove_packet(struct turn *t, const struct mqtt_packet *p);
void mqtt_on_auth(struct turn *t, const struct mqtt_packet *p);

/* mqtt_prove_welcome adds to CONNACK what belongs there, mqtt_prove_welcomed forgets it. */
void mqtt_prove_welcome(const struct mqtt *s, struct mqtt_props *io_p);
void mqtt_prove_welcomed(struct turn *t);

/* mqtt_prove_late: it has taken too long to prove it again. */
void mqtt_prove_late(struct turn *t);
#endif
