/* queue_type -- the type that a queue's declaration does not name.
 *
 * Private to this room.
 */
#ifndef SESSION_AMQP091_QUEUE_TYPE_H
#define SESSION_AMQP091_QUEUE_TYPE_H
#include "session/amqp091/amqp091.h"

/* amqp091_queue_name_type writes into the arguments of a declaration that names no type the one
 * that its virtual host, or the setting, has for it, unless that is classic. They may then lie in
 * the memory it gives, *out_cap bytes, which goes back by amqp091_put. */
uint8_t *amqp091_queue_name_type(struct turn *t, struct declare_queue *d, uint32_t *out_cap);
#endif
