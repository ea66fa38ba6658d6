/* bridge -- another MQTT broker that this one connects to: what is set, and which topics go where.
 *
 * The other broker takes the place of a client: what the bridge brings in is published here, and
 * what is published here and matches a topic that goes out is kept in the queue of a session of its
 * own until the other broker has it. Prefixes are exchanged on the way:
 *
 *     here                                     there
 *     local prefix + name   <-- in  | out -->  remote prefix + name
 *
 * All of it is set before the loops run; only a bridge's memory changes, on the bridge's loop.
 */
#ifndef SESSION_MQTT_BRIDGE_H
#define SESSION_MQTT_BRIDGE_H
#include "base/err.h"
#include "base/slice.h"
#include "base/text.h"

#define MQTT_BRIDGE_TOPICS_MAX 64u

/* One line: PATTERN [out|in|both [QOS [LOCAL [REMOTE]]]]. An empty prefix is written "". */
struct mqtt_bridge_topic {
	struct slice pattern, local, remote; /* prefixes; empty: none */
	uint8_t qos;                         /* at most, of what goes either way */
	bool is_in, is_out;
};

/* mqtt_bridge_topic_read reads a line, into which *out points. False: `why` says what is wrong. */
MUST_USE bool mqtt_bridge_topic_read(struct slice line, struct mqtt_bridge_topic *out,
				     struct text *why);

/* What a bridge knows of the connections before. */
enum mqtt_bridge_told { MQTT_BRIDGE_UNTOLD, MQTT_BRIDGE_DOWN, MQTT_BRIDGE_UP };
struct mqtt_bridge_memory {
	enum mqtt_bridge_told told; /* what was said here last of its state */
	uint64_t owed;        /* a bit for each topic whose retained messages are still to go out */
	bool is_mark_refused; /* the other broker does not know Mosquitto's mark of bridges */
};

struct mqtt_bridge {
	struct slice client_id;       /* there */
	struct slice local_client_id; /* here */
	struct slice user, password;  /* there; empty: none */
	struct slice local_user;      /* here, without a password */
	struct slice state_topic;     /* where it says whether it is up; empty: nowhere */
	const struct mqtt_bridge_topic *topics;
	struct mqtt_bridge_memory *memory;
	uint32_t topics_n;
	uint16_t keep_alive_s;
	uint8_t version; /* MQTT_V3, V4, V5 */
	bool is_clean, is_local_clean;
	bool is_state_local;   /* it is said here only */
	bool is_marked;        /* before version 5 it says that it is a bridge */
	bool is_retaining;     /* what is retained goes out so */
	bool is_unsubscribing; /* what only goes out is unsubscribed there */
	uint32_t packet_max;   /* octets of what goes out; 0: any */
	uint32_t threshold;    /* messages that wait before it calls; 0: it calls at once */
	uint32_t idle_s;       /* threshold: without a message either way it says goodbye */
};

/* mqtt_bridge_filter writes the filter of a topic here, or there: prefix and pattern, at most
 * 2 * LIMIT_SHORTSTR octets. */
struct slice mqtt_bridge_filter(const struct mqtt_bridge_topic *topic, bool is_there, uint8_t *buf);

/* mqtt_bridge_map writes what a topic of here is called there (is_out), or the reverse: by the
 * first line that goes this way and matches; at most LIMIT_SHORTSTR octets. False: there is none,
 * or it is too long. */
MUST_USE bool mqtt_bridge_map(const struct mqtt_bridge *b, bool is_out, struct slice topic,
			      uint8_t *buf, struct slice *out);
#endif
