/* defaults -- what the settings give to virtual hosts, and these to queues, that say nothing.
 *
 * Pure.
 */
#ifndef SESSION_DEFAULTS_H
#define SESSION_DEFAULTS_H
#include "base/wr.h"
#include "core/catalog.h"
#include "core/fact.h"
#include "core/rules.h"
#include "session/session.h"

struct amqp091_value;

/* defaults_queue_type is the type of a new queue whose declaration names none: its virtual host's,
 * else the setting's. One that replicated queues and streams cannot be (not durable, exclusive,
 * auto-delete: its QUEUE_... `flags`) is classic. */
enum queue_type defaults_queue_type(const struct session_world *w, struct slice vhost,
				    uint16_t flags);

/* defaults_type_is_none: is it RabbitMQ's word for no type? defaults_type_is_word: does a word name
 * a type, whether there is such a type or not? As in RabbitMQ, an empty one names none either. */
bool defaults_type_is_none(struct slice word);
bool defaults_type_is_word(struct slice word);

/* defaults_type_is_named: do the arguments of a queue name one? *out is what stands there, if
 * anything. */
bool defaults_type_is_named(struct slice arguments, struct amqp091_value *out);

/* defaults_type: does a declaration name no type, so that its arguments are to be written with
 * *out instead? False also where there is nothing to write. defaults_type_put writes them, at most
 * DEFAULTS_TYPE_BYTES more than they were; classic is written as nothing. */
#define DEFAULTS_TYPE_BYTES 64u
bool defaults_type(const struct session_world *w, struct slice vhost, const struct declare_queue *d,
		   enum queue_type *out);
void defaults_type_put(struct wr *w, struct slice arguments, enum queue_type type);

/* defaults_type_word is the value of x-queue-type that means `type`. */
struct slice defaults_type_word(enum queue_type type);

/* Where what a client of ActiveMQ's rejects goes, by the default exchange, and what expires in a
 * queue that such a client has declared: the queue that it has there. */
#define DEFAULTS_DEAD_LETTERS "ActiveMQ.DLQ"

/* defaults_limits is what the settings limit in a virtual host that is made. False: nothing. */
bool defaults_limits(const struct session_limits *l, struct patterns *patterns, struct slice vhost,
		     struct fact_limits *out);
#endif
