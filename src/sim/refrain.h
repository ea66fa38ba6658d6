/* refrain -- messages that a STOMP client wants sent later, and again, while the power goes and
 * processes are killed.
 *
 *     client --delay, period, repeat--> the broker ... each time --> queue --> client
 *
 * What comes says when it went. Nothing goes too early; what has a receipt goes as often as was
 * asked for, over all crashes; and each crash lets it go once more at most.
 */
#ifndef SIM_REFRAIN_H
#define SIM_REFRAIN_H
#include "sim/story.h"

/* refrain_play plays a broker on a disk of its own, and tells the story what was wrong. */
void refrain_play(struct story *story, uint64_t seed);
#endif
