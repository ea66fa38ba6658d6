/* lifetime -- messages that expire and queues that are full, while the power goes.
 *
 * One client publishes to four queues, takes from two of them, holds, acknowledges and gives back:
 *
 *     brief  every message has some time      --expired--> dead
 *     own    messages have times of their own --expired--> dead
 *     short  so many messages, the oldest go
 *     full   so many messages, more are refused
 *
 * Time passes only while nobody has anything to do, so what comes has come at that moment: nothing
 * is given when its time is over, nothing dies before, no queue is longer than it may be, and what
 * was confirmed is taken or dead in the end.
 */
#ifndef SIM_LIFETIME_H
#define SIM_LIFETIME_H
#include "sim/story.h"

/* lifetime_play plays a broker on a disk of its own, and tells the story what was wrong. */
void lifetime_play(struct story *story, uint64_t seed);
#endif
