/* pledge -- what MQTT clients are promised, while connections, processes and the power are lost.
 *
 * One client publishes with QoS 0, 1 and 2, two others subscribe, all with sessions that are kept.
 * Connections are dropped at any moment, the same client id comes twice at once, and clients come
 * back and send again what was not acknowledged, as the protocol says. A message of QoS 2 comes
 * exactly once to who remembers ids as he must, one of QoS 1 at least once, and both in the order
 * of first sending; nothing is answered on a connection whose client id another one has; a
 * subscription that was acknowledged is there for ever; a will comes if its connection was lost,
 * with the broker or alone, and never if its client has said goodbye.
 */
#ifndef SIM_PLEDGE_H
#define SIM_PLEDGE_H
#include "sim/story.h"

/* pledge_play plays a broker on a disk of its own, and tells the story what was wrong. */
void pledge_play(struct story *story, uint64_t seed);
#endif
