/* keeping -- the last message of each key, while the power goes and processes are killed.
 *
 *     client --K key, message--> session -> store --F filter--> client
 *
 * What is found when nothing is under way is what was kept last, for each key that the filter
 * means, and nothing that was forgotten or has expired. After a crash it is what was confirmed
 * last, or something newer; and so it stays.
 */
#ifndef SIM_KEEPING_H
#define SIM_KEEPING_H
#include "sim/story.h"

/* keeping_play plays a broker on a disk of its own, and tells the story what was wrong. */
void keeping_play(struct story *story, uint64_t seed);
#endif
