/* no_local -- a publish that leaves out queues of its own connection.
 *
 * In MQTT 5, and in ActiveMQ, a subscription may want nothing of what its own connection sends. A
 * session makes one of where a message goes, leaves out the queues of such subscriptions, publishes
 * with `hit`, and ends it; where the message goes for others stays as it is.
 */
#ifndef SESSION_NO_LOCAL_H
#define SESSION_NO_LOCAL_H
#include "core/route.h"

struct no_local {
	struct route_hit hit; /* holds for this one message; its route is the one below */
	struct route route;
	size_t bytes;
};

/* no_local_init takes memory for as many places as `of` has; no_local_fini gives it back. */
void no_local_init(struct no_local *n, const struct route_hit *of, struct mem *mem);
void no_local_fini(struct no_local *n, struct mem *mem);
/* no_local_leave_out: the message does not go to this queue, if it went there. */
void no_local_leave_out(struct no_local *n, uint64_t queue);
#endif
