/* direct -- replies that go straight to the session of who asked, past all queues.
 *
 * RabbitMQ's direct reply-to; direct.c has the picture. Private to this room.
 */
#ifndef SESSION_AMQP091_DIRECT_H
#define SESSION_AMQP091_DIRECT_H
#include "session/amqp091/publish.h"

enum direct { DIRECT_NOT, DIRECT_CONSUME, DIRECT_REPLY };
/* amqp091_direct_kind: is it the name that is consumed, or one that such a consumer was given? */
enum direct amqp091_direct_kind(struct slice name);
/* amqp091_direct_consume begins to consume replies, with `tag` if it is not empty.
 * ERR_PRECONDITION_FAILED: with acks, or a second time. */
MUST_USE enum err amqp091_direct_consume(struct turn *t, struct channel *c, struct slice tag,
					 const struct amqp091_basic_consume *m);
/* amqp091_direct_declare answers queue.declare: is who gave this name still there? */
void amqp091_direct_declare(struct turn *t, const struct channel *c, struct slice name,
			    bool is_nowait);
void amqp091_direct(struct turn *t, struct run *fx);   /* FX_DIRECT */
void amqp091_directed(struct turn *t, struct run *fx); /* FX_DIRECTED */

/* amqp091_direct_is_to: a message goes straight to a session, if that is there; amqp091_direct_send
 * sends it, as amqp091_publish_rows does to queues. */
bool amqp091_direct_is_to(const struct turn *t, const struct publish *p);
void amqp091_direct_send(struct turn *t, struct channel *c, const struct publish *p,
			 struct block *b, const struct msg *m);
/* amqp091_direct_forward sends a message that somebody else had; amqp091_direct_back returns one to
 * its publisher: nobody takes it. */
void amqp091_direct_forward(struct turn *t, struct channel *c, const struct publish *p,
			    uint64_t own_mem);
void amqp091_direct_back(struct turn *t, const struct channel *c, uint64_t own_mem);
/* amqp091_direct_return returns one that its exchange keeps all the same; `seq` waits for that. */
void amqp091_direct_return(struct turn *t, const struct channel *c, uint64_t own_mem, uint64_t seq);
/* amqp091_direct_props writes the properties of a request with the name for its reply in it:
 * *own_props is memory for amqp091_put. ERR_PRECONDITION_FAILED: the channel has no consumer. */
MUST_USE enum err amqp091_direct_props(struct turn *t, const struct channel *c, struct slice props,
				       struct slice *own_props);
#endif
