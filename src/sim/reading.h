/* reading -- a stream that is written and read, while the power goes and processes are killed.
 *
 * One client publishes to a stream, and to a queue whose messages go at once, so that segments of
 * the journal are nearly empty but for the stream's messages, and these are copied forward. Another
 * reads, from the beginning or from where he likes, again and again. What lies at an offset is the
 * same for every reader of every life; messages come in the order of publishing; and in the end
 * everything that was confirmed is read. A third one reads by a filter of values (x-stream-filter),
 * and is given what that asks for, and nothing else. In some runs the stream is bounded by its
 * bytes: then only what is old may be missing.
 */
#ifndef SIM_READING_H
#define SIM_READING_H
#include "sim/story.h"

/* reading_play plays a broker on a disk of its own, and tells the story what was wrong. */
void reading_play(struct story *story, uint64_t seed);
#endif
