/* packets -- the few MQTT 3.1.1 packets that the load generator sends, written by hand.
 *
 * On purpose not the broker's own codec, as frames.h. What does not fit shows in wr_ok. Pure but
 * for the log-in, which waits.
 */
#ifndef APP_BENCH_PACKETS_H
#define APP_BENCH_PACKETS_H

#include "app/bench/client.h"

enum packets_type {
	PACKETS_CONNECT = 1,
	PACKETS_CONNACK = 2,
	PACKETS_PUBLISH = 3,
	PACKETS_PUBACK = 4,
	PACKETS_PUBREC = 5,
	PACKETS_PUBREL = 6,
	PACKETS_PUBCOMP = 7,
	PACKETS_SUBSCRIBE = 8,
	PACKETS_SUBACK = 9,
	PACKETS_PINGREQ = 12,
	PACKETS_PINGRESP = 13
};

struct packets_packet {
	enum packets_type type;
	uint8_t flags;
	struct slice body; /* borrowed until the next read */
};

/* packets_next takes the next whole packet off the client's `in`. ERR_MORE: there is none yet.
 * ERR_CLOSED: what stands there is none. */
MUST_USE enum err packets_next(struct client *c, struct packets_packet *out);

/* packets_log_in connects with a name of its own, without keep alive; blocks. The session ends with
 * the connection, unless the target says that it stays: then packets_forget ends it, over a
 * connection that takes its place. */
MUST_USE enum err packets_log_in(struct client *c, const struct client_target *t);
MUST_USE enum err packets_forget(const struct client *c, const struct client_target *t,
				 struct text *out_why);

/* packets_answer writes a packet that is an id alone: PUBACK, PUBREC, PUBREL, PUBCOMP. */
void packets_answer(struct wr *w, enum packets_type type, uint16_t id);
void packets_subscribe(struct wr *w, uint16_t id, const char *filter, uint8_t qos);
void packets_ping(struct wr *w);

/* packets_publish writes a message with a body of zeros; at *out_body_at from the cursor's old end
 * the body begins, and the packet id, if there is one, two octets before it.
 * packets_publish_bytes: what it will write. */
void packets_publish(struct wr *w, const char *topic, uint8_t qos, size_t body_len,
		     size_t *out_body_at);
size_t packets_publish_bytes(const char *topic, uint8_t qos, size_t body_len);

#endif
