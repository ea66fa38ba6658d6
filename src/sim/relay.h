/* relay -- what clients of three protocols are promised together, while connections, processes and
 * the power are lost.
 *
 * One client speaks AMQP 0-9-1, one MQTT, one STOMP. Each publishes to a topic of its own, and each
 * has a subscription to all three that stays when its connection goes: a durable queue, a session
 * that is kept, a durable subscription. What its publisher was told is safe (a confirm, a PUBACK, a
 * RECEIPT) comes to all three, with its number and as long as it was; what was acknowledged does
 * not come again; what comes again says so; one connection's messages come in its order.
 */
#ifndef SIM_RELAY_H
#define SIM_RELAY_H
#include "sim/story.h"

/* relay_play plays a broker on a disk of its own, and tells the story what was wrong. */
void relay_play(struct story *story, uint64_t seed);
#endif
