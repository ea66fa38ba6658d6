/* parley -- what clients are told of themselves: limits of their user and virtual host, that a
 * message names its own user, a new secret; and replies that pass all queues by.
 *
 * One asks, and names the answer's address as RabbitMQ has it (direct reply-to); one answers, too
 * late as well, and after the broker has died between. A reply that is confirmed has come, once, to
 * the connection that asked; to another one, in its place after a crash, none comes. Whenever
 * nothing is under way a third one visits: it is let in, and may declare a queue, if what the
 * operator ordered last allows it, and refused as RabbitMQ refuses it otherwise; what it says in
 * another user's name never arrives; its secret may be changed at any time.
 */
#ifndef SIM_PARLEY_H
#define SIM_PARLEY_H
#include "sim/story.h"

/* parley_play runs it with a broker and a disk of its own; what is wrong it tells `story`. */
void parley_play(struct story *story, uint64_t seed);
#endif
