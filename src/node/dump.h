/* dump -- what the node knows and no core does, as lines `name: value`: itself, its loops, their
 * connections, and the log of each shard. Private to node/; the text is for `godwit dump`.
 *
 * Objects are apart by an empty line, and the first line of each says which it is. Names stay;
 * numbers are exact.
 */
#ifndef NODE_DUMP_H
#define NODE_DUMP_H
#include "core/run.h"

#include <stdbool.h>

struct loop;
struct shard;

/* dump_command answers CMD_DUMP_LOOP on the loop it was sent to, and does what an operator wants of
 * it: CMD_CLOSE, CMD_BOUND. False: this one is for somebody else. */
bool dump_command(struct loop *l, const struct run *cmd);

/* dump_shard answers CMD_DUMP and CMD_DIGEST as far as a core does not: for the whole shard, and
 * for the catalog. False: this one is for the core. */
bool dump_shard(struct shard *s, const struct run *cmd);
#endif
