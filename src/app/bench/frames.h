/* frames -- the few AMQP 0-9-1 frames that the load generator sends, written by hand.
 *
 * On purpose not the broker's own codec: a mistake there must not cancel out here. Everything is
 * written with a wr cursor; what does not fit shows in wr_ok. Names are at most 255 bytes. Pure.
 */
#ifndef APP_BENCH_FRAMES_H
#define APP_BENCH_FRAMES_H

#include "base/wr.h"

#include <stdbool.h>

#define FRAMES_HEAD      7 /* bytes of a frame before its payload */
#define FRAMES_OVERHEAD  8 /* head and end */
#define FRAMES_END       0xCE
#define FRAMES_ACK_BYTES 21

enum frames_type { FRAMES_METHOD = 1, FRAMES_CONTENT = 2, FRAMES_BODY = 3, FRAMES_HEARTBEAT = 8 };

/* A method: class in the upper 16 bits, method in the lower. */
#define FRAMES_ID(class_id, method_id) ((uint32_t)(class_id) << 16 | (method_id))
enum frames_id {
	CONNECTION_START = FRAMES_ID(10, 10),
	CONNECTION_START_OK = FRAMES_ID(10, 11),
	CONNECTION_TUNE = FRAMES_ID(10, 30),
	CONNECTION_TUNE_OK = FRAMES_ID(10, 31),
	CONNECTION_OPEN = FRAMES_ID(10, 40),
	CONNECTION_OPEN_OK = FRAMES_ID(10, 41),
	CONNECTION_CLOSE = FRAMES_ID(10, 50),
	CONNECTION_CLOSE_OK = FRAMES_ID(10, 51),
	CONNECTION_BLOCKED = FRAMES_ID(10, 60),
	CONNECTION_UNBLOCKED = FRAMES_ID(10, 61),
	CHANNEL_OPEN = FRAMES_ID(20, 10),
	CHANNEL_OPEN_OK = FRAMES_ID(20, 11),
	CHANNEL_CLOSE = FRAMES_ID(20, 40),
	CHANNEL_CLOSE_OK = FRAMES_ID(20, 41),
	EXCHANGE_DECLARE = FRAMES_ID(40, 10),
	EXCHANGE_DECLARE_OK = FRAMES_ID(40, 11),
	EXCHANGE_DELETE = FRAMES_ID(40, 20),
	EXCHANGE_DELETE_OK = FRAMES_ID(40, 21),
	QUEUE_DECLARE = FRAMES_ID(50, 10),
	QUEUE_DECLARE_OK = FRAMES_ID(50, 11),
	QUEUE_BIND = FRAMES_ID(50, 20),
	QUEUE_BIND_OK = FRAMES_ID(50, 21),
	QUEUE_DELETE = FRAMES_ID(50, 40),
	QUEUE_DELETE_OK = FRAMES_ID(50, 41),
	BASIC_QOS = FRAMES_ID(60, 10),
	BASIC_QOS_OK = FRAMES_ID(60, 11),
	BASIC_CONSUME = FRAMES_ID(60, 20),
	BASIC_CONSUME_OK = FRAMES_ID(60, 21),
	BASIC_CANCEL = FRAMES_ID(60, 30),
	BASIC_CANCEL_OK = FRAMES_ID(60, 31),
	BASIC_PUBLISH = FRAMES_ID(60, 40),
	BASIC_RETURN = FRAMES_ID(60, 50),
	BASIC_DELIVER = FRAMES_ID(60, 60),
	BASIC_ACK = FRAMES_ID(60, 80),
	BASIC_NACK = FRAMES_ID(60, 120),
	CONFIRM_SELECT = FRAMES_ID(85, 10),
	CONFIRM_SELECT_OK = FRAMES_ID(85, 11),
};

/* The handshake. */
void frames_protocol(struct wr *w);
void frames_start_ok(struct wr *w, const char *user, const char *password);
void frames_tune_ok(struct wr *w, uint16_t channel_max, uint32_t frame_max, uint16_t heartbeat);
void frames_open(struct wr *w, const char *vhost);
void frames_channel_open(struct wr *w, uint16_t channel);

/* frames_close closes a channel, or with channel 0 the connection. */
void frames_close(struct wr *w, uint16_t channel);

/* Objects. `type` of a queue is its x-queue-type, or NULL. */
struct frames_exchange {
	const char *name, *type;
	const char *delayed_type; /* NULL: it does not delay */
	bool durable;
};
void frames_exchange_declare(struct wr *w, uint16_t channel, const struct frames_exchange *x);
void frames_exchange_delete(struct wr *w, uint16_t channel, const char *name);
/* frames_queue_declare: ttl_ms 0: messages do not expire; priorities 0: all are equal. */
void frames_queue_declare(struct wr *w, uint16_t channel, const char *name, bool durable,
			  const char *type, uint32_t ttl_ms, uint8_t priorities);
/* frames_queue_declare_mortal: all that comes expires at once, and goes to the queue `next`. */
void frames_queue_declare_mortal(struct wr *w, uint16_t channel, const char *name, bool durable,
				 const char *next);
void frames_queue_look(struct wr *w, uint16_t channel, const char *name); /* passive declare */
struct frames_binding {
	const char *queue, *exchange, *key;
	const char *header; /* the value of the header "id" that it wants; NULL: no arguments */
	bool nowait;
};
void frames_queue_bind(struct wr *w, uint16_t channel, const struct frames_binding *b);
void frames_queue_delete(struct wr *w, uint16_t channel, const char *name);

/* A channel's work. frames_qos with 0 is also a barrier that changes nothing: its answer comes
 * when all before it has been taken in. */
void frames_confirm_select(struct wr *w, uint16_t channel);
void frames_qos(struct wr *w, uint16_t channel, uint16_t prefetch);
void frames_consume(struct wr *w, uint16_t channel, const char *queue, bool manual_ack);
void frames_cancel(struct wr *w, uint16_t channel);
void frames_ack(struct wr *w, uint16_t channel, uint64_t tag, bool multiple);

struct frames_message {
	const char *exchange, *key;
	const char *header; /* of the header "id", beside another; NULL: no headers */
	size_t body_len;
	uint32_t frame_max;
	uint16_t channel;
	bool durable;
	bool has_priority;
	uint8_t priority;
	uint32_t delay_ms; /* of the header "x-delay", which is then the only one; 0: none */
};

/* frames_publish writes a whole message with a body of zeros, in as many body frames as frame_max
 * asks for; at *out_body_at from the cursor's old end the body begins. */
void frames_publish(struct wr *w, const struct frames_message *m, size_t *out_body_at);

/* frames_publish_bytes: what frames_publish will write. */
size_t frames_publish_bytes(const struct frames_message *m);

#endif
