/* rules_of -- the rules that a queue's arguments mean, for who declares one without a client.
 *
 * Pure.
 */
#ifndef SESSION_AMQP091_RULES_OF_H
#define SESSION_AMQP091_RULES_OF_H
#include "base/text.h"
#include "core/catalog.h"
#include "core/rules.h"

/* amqp091_rules_of checks `d` as a client's declaration is checked, but for permissions. The texts
 * of the rules borrow from d. Errors as in queue.declare; `why` has RabbitMQ's words. */
MUST_USE enum err amqp091_rules_of(struct slice vhost, const struct declare_queue *d,
				   struct queue_rules *out, struct text *why);

/* amqp091_rule_of puts into *io what one argument means by itself, as a policy gives it. Errors as
 * those of queue_arg_rule (session/queue_args.h). */
struct amqp091_value;
MUST_USE enum err amqp091_rule_of(struct slice name, const struct amqp091_value *v,
				  struct queue_rules *io);

/* amqp091_shard_of chooses the shard of a queue that outlives connections. */
uint16_t amqp091_shard_of(struct slice queue);
#endif
