/* sys -- $SYS: what the broker says of itself, for a client that has subscribed to it; and what it
 * counts of its clients.
 *
 * Private to this room.
 */
#ifndef SESSION_MQTT_SYS_H
#define SESSION_MQTT_SYS_H
#include <stdbool.h>

struct turn;

/* mqtt_sys_subscribed: there may be subscriptions to $SYS topics; is_due: some are marked, as
 * is_sys_due, to get what is there now. Once for all of a packet. mqtt_sys_tick tells what has
 * changed when it is time, mqtt_sys_fini forgets all of it. */
void mqtt_sys_subscribed(struct turn *t, bool is_due);
void mqtt_sys_tick(struct turn *t);
void mqtt_sys_fini(struct turn *t);

/* mqtt_count_in counts the connection as a client, mqtt_count_gone no more. */
void mqtt_count_in(struct turn *t);
void mqtt_count_gone(struct turn *t);
#endif
