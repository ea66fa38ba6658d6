/* absence -- MQTT clients that are away, while the broker is there, or is not.
 *
 *     sleepers   come and go, or are lost; each has a session that lives so long without it, and a
 *                will that waits for so long
 *     the watcher hears the wills
 *
 * Time passes only while nobody has anything to do, and while the broker is down, after a stop or a
 * crash. A session is there until its time is over, and no longer; a will comes when its time is
 * over, and not before, and not at all if its client was back by then. The time of who was
 * connected when the broker died counts from its next start: when it went nobody knows.
 */
#ifndef SIM_ABSENCE_H
#define SIM_ABSENCE_H
#include "sim/story.h"

/* absence_play plays a broker on a disk of its own, and tells the story what was wrong. */
void absence_play(struct story *story, uint64_t seed);
#endif
