/* replica -- one node of several, as far as its log goes: what a single node never has to do.
 *
 * A leader (played by this file) lets a follower append records, says later which of them the
 * majority has, and sometimes is replaced: then the new leader cuts the follower's tail, which
 * nobody else may have, by a record of truncation, and others come in its place. The follower is
 * the real journal and the real repl on a disk of its own, and crashes. What comes back must be
 * what was committed and nothing that was cut, and live bytes must be those of the log alone.
 *
 *     shard:  1 .. committed | tail ........ |      a cut from 8 on, epoch 3:
 *             epoch 1 1 1 2 2 2 2 2 2 2      ->      1 1 1 2 2 2 2 3 3 3
 */
#ifndef SIM_REPLICA_H
#define SIM_REPLICA_H
#include "sim/story.h"

/* replica_play lives a few lives of a follower, and tells the story what happened and what was
 * wrong. */
void replica_play(struct story *story, uint64_t seed);
#endif
