/* patience -- consumers that may not hold a message for ever.
 *
 * One who does is cancelled, and what it holds goes back; or, by setting, its channel is closed as
 * RabbitMQ does. Nothing is noted for each delivery: eight times in the time that it has, a
 * consumer's look notes how far its channel's tags have come. Whatever it holds from before the
 * oldest of these notes is too old; so it has up to an eighth longer. Private to this room.
 */
#ifndef SESSION_AMQP091_PATIENCE_H
#define SESSION_AMQP091_PATIENCE_H
#include "session/amqp091/amqp091.h"
#include "session/stream_filter.h"

/* amqp091_args_of_consumer, in args.c: what its arguments say, or its queue, or the setting. */
struct consumer_args {
	int64_t priority;
	uint64_t timeout_ms; /* for each message; 0: for ever */
};
MUST_USE enum err amqp091_args_of_consumer(struct turn *t, const struct queue_record *q,
					   struct slice args, struct consumer_args *out);

/* amqp091_stream_args checks all that a consumer of a stream may say. */
MUST_USE enum err amqp091_stream_args(struct turn *t, const struct channel *c,
				      const struct queue_record *q,
				      const struct amqp091_basic_consume *m,
				      struct stream_filter *out);

/* amqp091_patience_begin: this consumer has `timeout_ms` (not 0) for each message. False: no
 * memory. amqp091_patience_end: it ends. */
bool amqp091_patience_begin(struct turn *t, struct consumer *k, uint64_t timeout_ms);
void amqp091_patience_end(struct turn *t, struct consumer *k);

/* amqp091_patience_look looks at all whose time it is. */
void amqp091_patience_look(struct turn *t);
/* amqp091_patience_over: the shard gives it nothing more; it is told, and all it has goes back. */
void amqp091_patience_over(struct turn *t, struct consumer *k);
#endif
