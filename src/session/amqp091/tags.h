/* tags -- the consumers of a channel by their tags.
 *
 * Few are looked through one by one; a channel with many gets a map from the hash of a tag to
 * those that have it, so that 100,000 of them cost no more each than ten. Private to this room.
 */
#ifndef SESSION_AMQP091_TAGS_H
#define SESSION_AMQP091_TAGS_H
#include "session/amqp091/amqp091.h"

/* amqp091_tags_find: NULL: no consumer of this channel is called so. */
struct consumer *amqp091_tags_find(const struct channel *c, struct slice tag);

/* amqp091_tags_room sees to it that one more can be added; false: no memory. amqp091_tags_add then
 * adds a consumer to its channel, amqp091_tags_del takes one out. */
MUST_USE bool amqp091_tags_room(struct turn *t, struct channel *c);
void amqp091_tags_add(struct consumer *k);
void amqp091_tags_del(struct turn *t, struct consumer *k);
#endif
