/* search -- retained messages that a new subscription is to get: what found.c and owed.c share.
 *
 * Private to this room. A conversation owns a list of them; the first one is under way.
 */
#ifndef SESSION_MQTT_SEARCH_H
#define SESSION_MQTT_SEARCH_H
#include "base/limits.h"
#include "session/whole.h"

/* How far one has come: behind a topic, or at the beginning. */
struct search_place {
	bool is_dotted; /* among topics that have a dot, which come last */
	uint8_t topic_n;
	uint8_t topic[LIMIT_SHORTSTR];
};

/* A subscription that is still to be served; what comes of it. */
struct search {
	struct search *next;
	uint32_t number; /* its subscription identifier */
	uint16_t filter_n;
	uint8_t options;
	bool is_end;              /* behind what has come there is nothing */
	bool is_left;             /* there is no such subscription any more */
	bool is_owed;             /* a binding says that it is not over */
	struct slice from;        /* where the store is to go on; own. Empty: at the beginning */
	struct whole whole;       /* the front of what was found, if its body is in pieces */
	struct search_place at;   /* what has gone out, or into the queue */
	struct search_place owed; /* as the binding has it */
	uint8_t filter[];
};

/* What was found for the first one, in its order. */
struct found {
	uint64_t mem; /* 0: not read yet, or unreadable */
	bool is_read;
};

static inline struct slice search_filter(const struct search *s)
{
	return slice_of(s->filter, s->filter_n);
}
#endif
