/* bridge -- connections of mosquitto.conf become mqtt.bridges.NAME.* of godwit.conf. Private to
 * migrate/.
 *
 * Mosquitto's own bridges may do everything; here they are a user without a password, who is made
 * for them.
 */
#ifndef MIGRATE_BRIDGE_H
#define MIGRATE_BRIDGE_H
#include "migrate/model.h"

#define BRIDGE_LINE_MAX   255u
#define BRIDGE_TOPICS_MAX 64u

struct bridge {
	struct bridge *next;
	struct place place;
	struct slice name; /* as it stands in keys */
	uint32_t topics_n;
	int clean, local_clean; /* -1: nothing is said */
	bool has_address, has_tls, has_key, has_identity;
	bool is_lazy, goes_out;
	bool has_odd_id, has_note_topic; /* no level of a topic can be made of its client id */
};

/* bridge_begin: a connection of that name is described from here on. ERR_RESOURCE_ERROR. */
MUST_USE enum err bridge_begin(struct migration *m, struct place at, struct slice name);

/* bridge_take sets what an option says: a setting of bridges, or topic, clean, local_clean,
 * restart, tls. NULL, or why it is lost. */
const char *bridge_take(struct migration *m, const char *key, struct slice value);

/* bridges_settle ends all of them, when all users are known. ERR_RESOURCE_ERROR. */
MUST_USE enum err bridges_settle(struct migration *m);
#endif
