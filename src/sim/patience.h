/* patience -- messages that are given in vain, and clients that take too long, in many lives.
 *
 *     again  what is rejected or returned waits, longer each time, and comes again, so many times
 *            and no more --too often--> dead
 *     slow   who holds a message for too long is a consumer no more
 *
 * Time passes only while nobody has anything to do. What was given back comes not before its time
 * and not later; what the log counts once is counted through every crash; nobody is cancelled too
 * early, or holds a message for ever; and what was confirmed is taken or dead in the end.
 */
#ifndef SIM_PATIENCE_H
#define SIM_PATIENCE_H
#include "sim/story.h"

/* patience_play plays a broker on a disk of its own, and tells the story what was wrong. */
void patience_play(struct story *story, uint64_t seed);
#endif
