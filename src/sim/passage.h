/* passage -- messages that die from queue to queue, while the power goes and processes are killed.
 *
 * One client rejects all that comes, so that everything published goes
 *
 *     first --rejected--> second --rejected--> fanout --> one end and the other
 *
 * and after some lives of the broker, each ended in the middle, the rest of the way is walked: then
 * every message that was confirmed has come to both ends. In some runs there are no ends before
 * that, and the second queue must keep what nobody takes. Which of them lay between two queues at
 * the end of a life may have come more than once, not more often than there were such ends.
 */
#ifndef SIM_PASSAGE_H
#define SIM_PASSAGE_H
#include "sim/story.h"

/* passage_play plays a broker on a disk of its own, and tells the story what was wrong. */
void passage_play(struct story *story, uint64_t seed);
#endif
