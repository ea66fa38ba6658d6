/* calling -- a conversation that this end begins, with another broker (bridge.h).
 *
 * Private to this room. A struct calling belongs to a conversation; that of a client has none.
 */
#ifndef SESSION_MQTT_CALLING_H
#define SESSION_MQTT_CALLING_H
#include "session/mqtt/bridge.h"
#include "session/session.h"
#include "wire/mqtt/publish.h"

struct mqtt;
struct turn;

/* mqtt_begin is the door's: session_ops.begin. */
void mqtt_begin(struct session *own, struct session_world *w, uint32_t which);
void mqtt_calling_free(struct turn *t);
const struct mqtt_bridge *mqtt_calling_set(const struct mqtt *s);
/* mqtt_is_calling_here: its session is not open yet, which it will be without a connection, too.
 * mqtt_calling_hears: the client, or the other broker, listens to all packets. */
bool mqtt_is_calling_here(const struct mqtt *s);
bool mqtt_calling_hears(const struct mqtt *s);
/* mqtt_calling_opened: the session is there. mqtt_calling_subscribed: and subscribed; the reason is
 * the worst of its topics'. mqtt_calling_cleared: some of what it knew of QoS 2 is forgotten. */
void mqtt_calling_opened(struct turn *t);
void mqtt_calling_subscribed(struct turn *t, uint8_t reason);
void mqtt_calling_cleared(struct turn *t);
/* mqtt_calling_owes: subscriptions are made; for one that is new, what is retained goes out, too,
 * when the other broker listens. mqtt_calling_searched: all that has. */
void mqtt_calling_owes(struct turn *t);
void mqtt_calling_searched(struct turn *t);
/* mqtt_calling_packet takes one of the other broker; false: it has to wait, nothing was done. */
MUST_USE bool mqtt_calling_packet(struct turn *t, const struct mqtt_packet *as_client);
void mqtt_calling_beat(struct turn *t);
/* mqtt_calling_out makes of a message what the other broker may be sent; its topic is written into
 * `buf`, LIMIT_SHORTSTR octets. False: it has no place there. */
MUST_USE bool mqtt_calling_out(const struct mqtt *s, struct mqtt_publish_out *io_head,
			       uint8_t *buf);
#endif
