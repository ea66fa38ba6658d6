/* defaults -- what the settings give to virtual hosts, and these to queues, that say nothing.
 *
 * Pure.
 */
#ifndef SESSION_DEFAULTS_H
#define SESSION_DEFAULTS_H
#include "core/fact.h"
#include "core/rules.h"
#include "session/session.h"

/* defaults_queue_type is the type of a new queue whose declaration names none: its virtual host's,
 * else the setting's. One that replicated queues and streams cannot be (not durable, exclusive,
 * auto-delete: its QUEUE_... `flags`) is classic. */
enum queue_type defaults_queue_type(const struct session_world *w, struct slice vhost,
				    uint8_t flags);

/* defaults_type_word is the value of x-queue-type that means `type`. */
struct slice defaults_type_word(enum queue_type type);

/* defaults_limits is what the settings limit in a virtual host that is made. False: nothing. */
bool defaults_limits(const struct session_limits *l, struct patterns *patterns, struct slice vhost,
		     struct fact_limits *out);
#endif
