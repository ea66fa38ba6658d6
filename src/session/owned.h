/* owned -- queues that stand for somebody's subscription or session: what their names begin with.
 *
 * They are queues like any to whoever names one. Who asks for many queues at once means none of
 * them.
 */
#ifndef SESSION_OWNED_H
#define SESSION_OWNED_H
#include "base/slice.h"

#define OWNED_MQTT_SESSION       "mqtt-subscription-"
#define OWNED_MQTT_SHARED        "mqtt-shared-" /* of a group */
#define OWNED_STOMP_SUBSCRIPTION "stomp-subscription-"
#define OWNED_STOMP_DURABLE      "activemq-durable/" /* in ActiveMQ's dialect */
#define OWNED_GENERATED          "amq."              /* the broker has chosen all of the name */

/* owned_is: the name (not empty) is one of these. */
bool owned_is(struct slice name);
#endif
