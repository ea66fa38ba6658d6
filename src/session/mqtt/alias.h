/* alias -- the topics for which a client was told a number, which it has asked for.
 *
 * First come, first served, until there are `max`; a number keeps its topic until the connection
 * ends. Owned by one conversation, which makes it with the first topic. Deterministic.
 */
#ifndef SESSION_MQTT_ALIAS_H
#define SESSION_MQTT_ALIAS_H
#include "base/map.h"
#include "base/slice.h"

/* A topic with so many octets or fewer is no longer than its alias is. */
#define ALIAS_BYTES 3u

struct aliases {
	struct map by_topic; /* hash -> struct alias */
	uint16_t n, max;
};

/* aliases_new makes an empty table of `max` > 0 topics. NULL: no memory. */
struct aliases *aliases_new(struct mem *mem, uint16_t max);
void aliases_free(struct aliases *own_a, struct mem *mem); /* NULL is none */

/* aliases_find gives the number of a topic; 0: it has none. */
uint16_t aliases_find(const struct aliases *a, struct slice topic);

/* aliases_next is the number that the next topic gets; 0: there is no more. */
uint16_t aliases_next(const struct aliases *a);

/* aliases_add gives that number to a topic that has none. False: no memory, or another topic of the
 * same hash is there; nothing has changed. */
MUST_USE bool aliases_add(struct aliases *a, struct mem *mem, struct slice topic);
#endif
