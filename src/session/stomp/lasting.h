/* lasting -- subscriptions to topics that outlive their connection, in either dialect.
 *
 * Their headers say which they are, RabbitMQ's (durable, auto-delete:false, id) or ActiveMQ's
 * (client-id in CONNECT, activemq.subscriptionName). Each is a durable queue, found again by its
 * name. Private to this room.
 */
#ifndef SESSION_STOMP_LASTING_H
#define SESSION_STOMP_LASTING_H
#include "session/stomp/stomp.h"

/* stomp_may_last: does the SUBSCRIBE in hand say by which name it is found again, if it lasts?
 * False: it is refused. */
bool stomp_may_last(struct turn *t, bool is_durable);
/* stomp_lasting_name is the name of the queue of one of RabbitMQ's with that id, in NAME_MADE_MAX
 * bytes. */
struct slice stomp_lasting_name(const struct turn *t, struct slice id, char *buf);
/* ActiveMQ's: stomp_amq_sub_name: the frame names one; stomp_amq_durable writes the
 * name of its queue, false: it is too long; stomp_amq_is_durable: that is one. Its arguments say
 * what it was made for; stomp_amq_is_another: for something else. */
bool stomp_amq_sub_name(const struct turn *t, struct slice *out);
bool stomp_amq_durable(const struct turn *t, struct slice sub, struct text *out);
bool stomp_amq_is_durable(struct slice queue);
void stomp_amq_put_made_for(const struct turn *t, struct slice queue, struct wr *table);
bool stomp_amq_is_another(const struct turn *t, const struct queue_record *q);
#endif
