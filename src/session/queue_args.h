/* queue_args -- what the arguments of a queue mean, whichever protocol declares it.
 *
 * Arguments are a field table of AMQP 0-9-1, RabbitMQ's, wherever they come from; a session whose
 * clients say them otherwise writes such a table first. queue_arg.def has them all. Pure but for
 * what is asked of `access`; nothing is kept. Refusals have RabbitMQ's words.
 */
#ifndef SESSION_QUEUE_ARGS_H
#define SESSION_QUEUE_ARGS_H
#include "core/rules.h"
#include "session/access.h"

/* What the value of an argument is. */
enum queue_arg_value { QUEUE_ARG_NUMBER, QUEUE_ARG_FLAG, QUEUE_ARG_WORD };

/* Who declares, and where the reason of a refusal is written. */
struct queue_args {
	const struct access *access;
	const struct session_world *w;
	struct text *why;
};

/* queue_args_rules gives the rules that the arguments of `d` mean; their texts borrow from d.
 * is_named: by the client. ERR_PRECONDITION_FAILED: they make no sense; ERR_ACCESS_REFUSED: the
 * user may not have dead letters go there. */
MUST_USE enum err queue_args_rules(const struct queue_args *a, const struct declare_queue *d,
				   bool is_named, struct queue_rules *out);

/* queue_arg_rule puts the rule of one argument into *io, as a policy gives it: whatever type the
 * queue has. What io says borrows from v. ERR_NOT_FOUND: no such argument; ERR_PRECONDITION_FAILED:
 * its value makes no sense. */
struct amqp091_value;
MUST_USE enum err queue_arg_rule(const struct queue_args *a, struct slice name,
				 const struct amqp091_value *v, struct queue_rules *io);

/* queue_args_type is what a type alone brings along. */
void queue_args_type(enum queue_type type, struct queue_rules *io);

/* queue_args_type_on: ERR_INTERNAL_ERROR: new queues of that type, a rule's, are switched off. */
MUST_USE enum err queue_args_type_on(const struct queue_args *a, struct slice name, uint64_t rule);

/* queue_declare_same: is this what is declared once more? ERR_PRECONDITION_FAILED: it differs;
 * ERR_RESOURCE_LOCKED: it is another session's. */
MUST_USE enum err queue_declare_same(const struct queue_args *a, const struct queue_record *q,
				     const struct declare_queue *again, uint64_t session);

/* exchange_declare_same: likewise. Of its arguments one counts, as in RabbitMQ. */
MUST_USE enum err exchange_declare_same(const struct queue_args *a, const struct exchange *x,
					const struct declare_exchange *again);

/* queue_args_same compares the arguments that count when a queue is declared again, queue_arg_same
 * one argument of a thing. ERR_PRECONDITION_FAILED: they differ. */
MUST_USE enum err queue_args_same(const struct queue_args *a, struct slice name, struct slice now,
				  struct slice again);
MUST_USE enum err queue_arg_same(const struct queue_args *a, const char *arg, const char *thing,
				 struct slice name, struct slice now, struct slice again);

/* queue_arg_find: does this argument mean something, and what is its value? */
bool queue_arg_find(struct slice name, enum queue_arg_value *out);

/* queue_arg_age reads an interval as "7D". False: it is none. */
bool queue_arg_age(struct slice s, uint64_t *out_ms);
#endif
