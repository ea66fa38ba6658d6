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
struct reply_row;
struct turn;

enum calling_step { CALLING_LOCAL, CALLING_RESTING, CALLING_SAID, CALLING_CLEARING, CALLING_HEARD };

struct calling {
	const struct mqtt_bridge *set;
	uint64_t in_bytes;   /* heard when it was last pinged */
	uint64_t taken;      /* of what is said to it, likewise */
	uint64_t ping_ms;    /* the next ping; UINT64_MAX: none */
	uint64_t idle_ms;    /* when to look whether there is nothing to say; likewise */
	uint64_t busy_ms;    /* the last message, either way */
	uint16_t last_id;    /* of a SUBSCRIBE or UNSUBSCRIBE */
	uint8_t step;        /* enum calling_step */
	uint8_t qos_max;     /* that the other broker takes */
	bool takes_retained; /* the other broker does */
	bool is_pinged;      /* since its last octet */
};

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
/* mqtt_calling_say says CONNECT; mqtt_calling_rest waits with that until enough waits in the queue.
 * mqtt_is_resting: it does; mqtt_calling_counted: so much is there. */
void mqtt_calling_say(struct turn *t);
void mqtt_calling_rest(struct turn *t);
bool mqtt_is_resting(const struct mqtt *s);
void mqtt_calling_counted(struct turn *t, const struct reply_row *r);
/* mqtt_calling_owes: subscriptions are made; for one that is new, what is retained goes out, too,
 * when the other broker listens. mqtt_calling_searched: all that has. */
void mqtt_calling_owes(struct turn *t);
void mqtt_calling_searched(struct turn *t);
/* mqtt_calling_packet takes one of the other broker; false: it has to wait, nothing was done. */
MUST_USE bool mqtt_calling_packet(struct turn *t, const struct mqtt_packet *as_client);
void mqtt_calling_beat(struct turn *t);
/* mqtt_calling_out makes of a message what the other broker may be sent; its topic is written into
 * `buf`, LIMIT_SHORTSTR octets. False: it has no place there. */
MUST_USE bool mqtt_calling_out(struct turn *t, struct mqtt_publish_out *io_head, uint8_t *buf);
#endif
