/* stomp put -- frames of the broker: each first counted, then written, so that none fails half way.
 *
 * Every function gives the octets that it takes; with NULL for `at` it writes nothing. A body and
 * what follows it (STOMP_END) is the caller's.
 */
#ifndef WIRE_STOMP_PUT_H
#define WIRE_STOMP_PUT_H
#include "msg/header.h"
#include "wire/stomp/frame.h"

#define STOMP_END "\0\n" /* behind each frame; the LF is RabbitMQ's (stomp.trailing_lf) */

struct stomp_message {
	enum stomp_version version;
	bool has_subscription, is_redelivered, is_persistent;
	bool is_acked; /* the subscription acknowledges: 1.2 says how */
	struct slice subscription, destination, id;
	uint64_t body_bytes;
	const struct header_ops *ops; /* of the properties, whatever protocol they came by */
	struct slice props;
	bool is_activemq;      /* in its dialect */
	uint64_t now_ms;       /* there: since 1970; a life that is left begins here */
	bool is_text;          /* there: without the length of the body, which has no NUL */
	struct slice original; /* there: where a dead letter was sent; empty: nothing is said */
	bool is_dead;          /* there: a dead letter */
	bool is_expired;       /* ... because its time was over */
	bool is_timed;         /* ... that had a time which is not known any more */
	struct slice transformation; /* there: of a text, what its subscriber wants it made into */
	bool is_first;               /* there: from here on its group is the subscriber's */
	uint64_t stream_pos;         /* of a stream: its offset and one; 0: it is of none */
};
/* A MESSAGE up to its body is a front and a rest. stomp_front_put writes what it is to its
 * subscriber, with `id` but for the tag that belongs behind it: out_tag_at says where in the front,
 * in ascending order; what is the front's length is no place. */
enum { STOMP_FRONT_TAGS = 2 };
size_t stomp_front_put(uint8_t *at, const struct stomp_message *m,
		       uint32_t out_tag_at[STOMP_FRONT_TAGS]);
/* stomp_rest_put writes what it carries. stomp_rest_bound: it takes no more than that, if it is no
 * dead letter and its properties came by STOMP: these take two octets for each octet there, and the
 * lengths stand for what is between them. */
#define STOMP_REST_FIXED 240u
size_t stomp_rest_put(uint8_t *at, const struct stomp_message *m);
size_t stomp_rest_bound(const struct stomp_message *m);

struct stomp_connected {
	enum stomp_version version;
	struct slice server, session;
	uint32_t sends_ms, wants_ms; /* heart-beat */
	bool has_receipt;            /* ActiveMQ's: CONNECT has asked for one */
	struct slice receipt;
};
size_t stomp_connected_put(uint8_t *at, const struct stomp_connected *c);

/* stomp_browsed_put writes the MESSAGE that ends what a browser of a queue is shown, as ActiveMQ
 * does: of m only version, subscription and destination. */
size_t stomp_browsed_put(uint8_t *at, const struct stomp_message *m);

/* stomp_receipt_put writes a RECEIPT for `id`, in no more than STOMP_RECEIPT_MAX octets. */
#define STOMP_RECEIPT_MAX(id_n) (sizeof "RECEIPT\nreceipt-id:\n\n" + 2 * (id_n))
size_t stomp_receipt_put(uint8_t *at, enum stomp_version version, struct slice id);

struct stomp_error {
	enum stomp_version version;
	struct slice message, receipt, subscription; /* the latter two: empty, none */
	bool has_receipt, has_subscription;
	uint64_t body_bytes;
};
/* stomp_error_put writes an ERROR up to its body, which is text. */
size_t stomp_error_put(uint8_t *at, const struct stomp_error *e);
#endif
