/* seed -- what a broker knows on its first start, before anybody has told it anything.
 *
 * Private to node/.
 */
#ifndef NODE_SEED_H
#define NODE_SEED_H
#include "base/err.h"

struct node;
struct text;

/* node_seed makes default_user, default_vhost and his permission there, after recovery, if the
 * catalog has never been told anything and no definitions are to be imported. If it has, and the
 * settings of the user are others, the log says so: nothing is changed.
 * ERR_MALFORMED, ERR_RESOURCE_ERROR: `why` says which setting cannot be used. */
MUST_USE enum err node_seed(struct node *n, struct text *why);
#endif
