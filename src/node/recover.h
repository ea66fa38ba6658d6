/* recover -- from a data directory to a running state: checkpoint, log, what the two leave open.
 *
 * Private to node/. On one thread, before the loops run.
 */
#ifndef NODE_RECOVER_H
#define NODE_RECOVER_H
#include "base/err.h"

struct node;
struct text;

/* node_recover restores all shards, opens the queues of the catalog in their shards, drops queues
 * that the catalog does not know (a crash between the two steps of a deletion), and shows the
 * first version of the catalog. On failure `why` says what, where and what to do. */
MUST_USE enum err node_recover(struct node *n, struct text *why);
#endif
