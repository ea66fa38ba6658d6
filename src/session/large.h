/* large -- a message that is too large for one record, of a session that gets it whole.
 *
 * It is uploaded (upload.h), and its session publishes it when it is stored. Until then it reads
 * nothing more, so that the order of what it publishes is kept; and it does not end. A session has
 * at most one.
 */
#ifndef SESSION_LARGE_H
#define SESSION_LARGE_H
#include "session/upload.h"

struct large {
	struct upload upload;
	struct block *block;
	uint64_t word, expiry_ms; /* for the publisher, as they were given */
	uint8_t priority;
	bool has_priority;
};

struct large_of {
	uint64_t session, serial;        /* serial: another for each of a session's */
	struct slice route, props, body; /* copied */
	uint64_t word, expiry_ms;
	uint8_t proto, flags; /* enum msg_proto; MSG_PERSISTENT ... */
	uint8_t priority;
	bool has_priority;
};

/* large_begin begins. ERR_LIMIT: its properties are too large, whatever the body.
 * ERR_RESOURCE_ERROR: no memory. Then *out is untouched. */
MUST_USE enum err large_begin(struct session_world *w, const struct large_of *what,
			      struct large **out);

/* large_msg is the message, to be published when upload_stored has said UPLOAD_DONE. */
static inline const struct msg *large_msg(const struct large *g)
{
	return g->upload.msg;
}

/* large_end ends it, early or not. NULL is nothing. */
void large_end(struct session_world *w, struct large *own_g);

#endif
