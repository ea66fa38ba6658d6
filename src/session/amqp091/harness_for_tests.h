/* harness_for_tests -- the broker of one loop (session/harness_for_tests.h) with clients of this
 * protocol. Only for tests.
 */
#ifndef SESSION_AMQP091_HARNESS_FOR_TESTS_H
#define SESSION_AMQP091_HARNESS_FOR_TESTS_H
#include "session/amqp091/line_for_tests.h"
#include "session/amqp091/ops.h"
#include "session/harness_for_tests.h"

static inline struct client *client_new(struct world *w, bool is_loopback)
{
	return client_of(w, &amqp091_session_ops, is_loopback);
}
#endif
