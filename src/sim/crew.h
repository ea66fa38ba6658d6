/* crew -- what a group of MQTT clients is promised (a shared subscription), and what time does to
 * messages that expire.
 *
 * One client publishes with QoS 1 and 2, some of it with a Message Expiry Interval; three others
 * share a subscription, with sessions that are kept, acknowledge late, are lost, come back, and
 * begin anew. Connections are dropped at any moment, and the broker dies. What was acknowledged to
 * the publisher is given to one member at a time, until one has acknowledged it; what a member has
 * not when it goes comes to another, but what it was given with QoS 2 is its own as long as its
 * session lives; each member that has room gets its share; nothing comes when its time is over, and
 * who gets it is told what is left of its time.
 */
#ifndef SIM_CREW_H
#define SIM_CREW_H
#include "sim/story.h"

/* crew_play plays a broker on a disk of its own, and tells the story what was wrong. */
void crew_play(struct story *story, uint64_t seed);
#endif
