/* shared -- the queues of $share/GROUP/FILTER. Private to this room. */
#pragma once

#include "session/mqtt/mqtt.h"

/* mqtt_shared_name writes the name of a group's queue into buf, of MQTT_QUEUE_NAME_MAX + 1, and
 * gives it; mqtt_shared_fits: it is not too long. */
struct slice mqtt_shared_name(struct slice group, struct slice filter, char *buf);
bool mqtt_shared_fits(struct slice group, struct slice filter);

/* mqtt_shared_declare asks for the queue if there is none, mqtt_shared_lengthen that it lives no
 * less than the session, mqtt_shared_leave for its end if nobody else is a member; they give how
 * many answers come. mqtt_shared_lengthen_all and mqtt_shared_end_all do so with all groups: the
 * latter when the session ends. */
uint32_t mqtt_shared_declare(struct turn *t, const struct sub *one);
uint32_t mqtt_shared_lengthen(struct turn *t, const struct sub *one);
uint32_t mqtt_shared_lengthen_all(struct turn *t);
uint32_t mqtt_shared_leave(struct turn *t, struct sub *one);
uint32_t mqtt_shared_end_all(struct turn *t);

/* mqtt_shared_bind asks for the queue's binding, with one answer. mqtt_shared_consume begins to
 * take from it; false: there is no such queue. mqtt_shared_ended: what took from it does so no
 * more. */
void mqtt_shared_bind(struct turn *t, const struct sub *one);
MUST_USE bool mqtt_shared_consume(struct turn *t, struct sub *one);
void mqtt_shared_ended(struct taker *k);
