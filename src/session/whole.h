/* whole -- a big message, put together in memory for a session that can only write whole ones.
 *
 * Its chunks are read a few at a time into a block of its own; then it is like any other message.
 * A session puts one together at a time. The message with the list is the caller's, and held until
 * the end.
 */
#ifndef SESSION_WHOLE_H
#define SESSION_WHOLE_H
#include "session/session.h"

/* Tickets of its reads; the session's others have not this bit. A session that may put together
 * two sets WHOLE_OTHER in `also` of the one, before it begins: its tickets have it, too. */
#define WHOLE_TICKET (UINT64_C(1) << 63)
#define WHOLE_OTHER  (UINT64_C(1) << 62)

struct whole {
	const struct msg *list; /* NULL: nothing is put together */
	struct block *block;
	uint64_t session, also;
	uint32_t serial; /* what is read for an earlier one finds nobody */
	uint32_t n, asked, got;
	uint32_t body_off;
};

enum whole_state { WHOLE_MORE, WHOLE_DONE, WHOLE_BROKEN, WHOLE_STRANGE };

/* whole_begin begins; false: there is no memory now, nothing was begun. */
MUST_USE bool whole_begin(struct whole *g, struct session_world *w, uint64_t session,
			  const struct msg *list);

/* whole_loaded takes what was read. WHOLE_DONE: *out_mem is the message, with one reference for the
 * caller. WHOLE_BROKEN: a chunk cannot be read. Either ends it. WHOLE_STRANGE: it was for another
 * one, which is over. */
enum whole_state whole_loaded(struct whole *g, struct session_world *w, uint64_t ticket,
			      uint64_t own_mem, uint64_t *out_mem);

/* whole_drop ends it early. */
void whole_drop(struct whole *g);

#endif
