/* picking -- what STOMP clients with selectors are promised, in ActiveMQ's dialect.
 *
 * One client sends messages with various headers to one queue; others subscribe to it, each time
 * for what another selector says, take some of what comes, change their minds and are lost. Nobody
 * is given what he does not want, or what somebody else has; whoever has room is given what there
 * is for him, also when it has come back from somebody who is gone, left memory, or must be read
 * from the journal first; one sender's messages come in his order; and nothing that a receipt was
 * given for is lost.
 */
#ifndef SIM_PICKING_H
#define SIM_PICKING_H
#include "sim/story.h"

/* picking_play plays a broker on a disk of its own, and tells the story what was wrong. */
void picking_play(struct story *story, uint64_t seed);
#endif
