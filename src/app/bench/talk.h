/* talk -- what differs between the protocols that the load generator speaks.
 *
 * The URI's scheme says which one. A slot is a channel in AMQP 0-9-1; connections of the others
 * have one. Everything writes into the client's `out`, and is sent by who called.
 */
#ifndef APP_BENCH_TALK_H
#define APP_BENCH_TALK_H

#include "app/bench/worker.h"

struct talk {
	/* open makes a slot of a connection ready, open_publisher and open_consumer one for what it
	 * is to be; they block. NULL: there is nothing to make ready. */
	enum err (*open)(struct client *c, uint16_t slot);
	enum err (*open_publisher)(const struct load *load, struct client *c, uint16_t slot);
	enum err (*open_consumer)(const struct load *load, struct client *c, uint16_t slot);
	/* attach asks for messages; the answer counts in worker.attached. */
	void (*attach)(const struct load *load, struct consumer *c);
	/* leave asks for a last answer, behind everything that the broker still sends. */
	void (*leave_consumer)(struct consumer *c);
	void (*leave_publisher)(struct publisher *p);
	/* batch encodes what a publisher sends, again and again (publisher.c). */
	void (*batch)(struct publisher *p, const struct load *load);
	/* number writes what tells message n from others, n from 1 on, where `batch` has left room
	 * for it (publisher.id_at); NULL: there is no room. */
	void (*number)(uint8_t *at, uint64_t n);
	/* take takes in every whole frame, as long as there is room for what it may make us write.
	 */
	enum err (*take)(struct worker *w, struct link *l);
	/* acknowledge tells that a whole message has come; NULL: `take` does. */
	void (*acknowledge)(const struct load *load, struct consumer *c);
};

extern const struct talk talk_amqp, talk_mqtt, talk_stomp;

/* What one frame from the broker may make us write. */
#define TALK_REPLY_MAX 160

/* talk_strange ends a connection whose broker sent `what`. */
MUST_USE enum err talk_strange(struct link *l, const char *what);

#endif
