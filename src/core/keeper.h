/* keeper -- the queue that an exchange of some types has of its own, for what it keeps.
 *
 *   x-recent-history:  the latest messages, for who is bound later (the rule max_length)
 *   x-delayed-message: messages until they are due (core_delay.c); then they go through the
 *                      exchange once more, which routes by the type that it was declared to have
 *
 *   x-message-deduplication: messages on their way from a publisher to the bindings, each once
 *
 * A keeper is a queue record like any other, with QUEUE_KEEPER and the rule `keeper`. It is made
 * and deleted with its exchange, by outcomes of its own, and is as durable. It is found by its
 * name, which begins with "amq.", so that no client can have declared it; clients may not touch
 * it. Pure functions over a view.
 */
#ifndef CORE_KEEPER_H
#define CORE_KEEPER_H
#include "core/catalog.h"

struct route_to;
struct routing;

/* Longest name of an exchange with a keeper. */
#define KEEPER_EXCHANGE_NAME_MAX (LIMIT_SHORTSTR - 12)

/* The header that says which message it is. */
#define KEEPER_NUMBER    "x-deduplication-header"
/* What a keeper that takes each message once is told of one that may come again; others are odd. */
#define KEEPER_NO_NUMBER 2u

/* keeper_kind is the type by which an exchange so declared keeps and finds its bindings: its own,
 * or the one that its type stands for; 0: its arguments name none that there is. */
uint8_t keeper_kind(const struct catalog_view *v, const struct declare_exchange *d);

/* keeper_check says whether the arguments of an exchange that is to be declared are good, as far
 * as its keeper goes; ERR_PRECONDITION_FAILED with RabbitMQ's text in `why`. */
MUST_USE enum err keeper_check(const struct catalog_view *v, const struct declare_exchange *d,
			       struct text *why);

/* keeper_declare writes the declaration of the keeper that an exchange so declared needs
 * (DECLARE_BYTES_MAX are enough); 0: it needs none, or has one already. */
uint32_t keeper_declare(const struct catalog_view *v, const struct declare_exchange *d,
			uint8_t *buf, uint32_t cap);

/* keeper_of finds the keeper of an exchange; NULL: it has none. */
const struct queue_record *keeper_of(const struct catalog_view *v, const struct exchange *x);

/* keeper_delays: the queue is the keeper of an exchange that delays. */
bool keeper_delays(const struct queue_record *q);

/* keeper_takes: the exchange, of a type with a keeper, keeps the message: *out says where. */
bool keeper_takes(const struct catalog_view *v, const struct exchange *x, const struct routing *m,
		  struct route_to *out);
#endif
