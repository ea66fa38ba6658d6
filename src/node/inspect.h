/* inspect -- what a simulation may look at between two steps: all of a node, as nobody else can.
 *
 * Only while no loop and no thread of the journal is in a call.
 */
#ifndef NODE_INSPECT_H
#define NODE_INSPECT_H
#include "base/digest.h"

struct node;
struct text;

/* node_digest stands for the durable state of all shards, in their order. */
struct digest_sum node_digest(struct node *n);
/* node_check must()s the invariants of every shard. */
void node_check(const struct node *n);
/* node_blocks_out: bytes of blocks that have not come home, of all loops: what sockets are read
 * into, and messages that somebody still refers to. */
uint64_t node_blocks_out(const struct node *n);
/* Of them, so many may be held by a loop's messages as they came. Beyond it what stays is copied
 * together: else one message in a thousand could pin a whole block. */
#define NODE_PINNED_BYTES (16u << 20)
/* node_chunks: chunks of queues that have left memory since it was opened, and came back. */
void node_chunks(const struct node *n, uint64_t *io_left, uint64_t *io_read);
/* node_memory_used: bytes out of all heaps of the node, those of the journal's threads included. */
int64_t node_memory_used(const struct node *n);
/* node_bounds: its configuration has changed; bounds of memory and free disk are as that says. */
void node_bounds(struct node *n);
/* node_describe writes what every shard says of itself. */
void node_describe(const struct node *n, struct text *out);
#endif
