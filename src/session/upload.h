/* upload -- a big body on its way in.
 *
 * Its chunks go to the journal as they fill; what the message itself will be is a list of them, in
 * a block that is noted: as long as anybody holds that block the chunks stay. So whatever ends an
 * upload early only lets the block go. A session that has uploaded a message publishes it when all
 * chunks are stored, and nothing that came behind it before.
 */
#ifndef SESSION_UPLOAD_H
#define SESSION_UPLOAD_H
#include "session/session.h"

/* A chunk's number is what it has above the ticket of the first. */
#define UPLOAD_CHUNKS_MAX 65535u

struct upload {
	struct msg *msg;     /* the list is its body; the caller's, as its block */
	struct block *chunk; /* being filled; NULL: none */
	struct msg *chunk_msg;
	uint64_t session, ticket;       /* ticket: of the first chunk */
	uint64_t body_bytes, got_bytes; /* of the whole body */
	uint32_t chunk_at, chunk_n;     /* where its bytes are, and how many */
	uint32_t chunks_n;              /* of the whole body; 0: nothing is uploaded */
	uint32_t chunk_max;             /* bytes of each but the last */
	uint32_t sent_n, stored_n;      /* chunks that have left, and that are in the journal */
};

/* What is known when it begins. */
struct uploading {
	uint64_t session, ticket;  /* UPLOAD_CHUNKS_MAX tickets from there on are its own */
	struct slice route, props; /* copied */
	uint64_t body_bytes;       /* at least 1 */
	uint32_t chunk_max;        /* at most LIMIT_CHUNK_BYTES */
	uint8_t proto, flags;      /* of the properties; MSG_PERSISTENT ... */
};

/* upload_is_needed: a message with so many bytes of route, properties and body is too large for one
 * record. */
bool upload_is_needed(uint64_t route_n, uint64_t props_n, uint64_t body_n);

/* upload_begin makes the message, in a block with props, list and route, one behind the other. The
 * caller closes it. ERR_LIMIT: the properties are too large for any record. ERR_RESOURCE_ERROR: no
 * memory. Then nothing was begun. */
MUST_USE enum err upload_begin(struct upload *u, struct session_world *w,
			       const struct uploading *what, struct block **out_block);

/* upload_body takes more of the body, no more than is left. ERR_RESOURCE_ERROR: no memory. */
MUST_USE enum err upload_body(struct upload *u, struct session_world *w, struct slice body);

/* upload_stored is session_ops.stored: UPLOAD_MORE: it is noted; UPLOAD_DONE: it was the last, the
 * message can be published; UPLOAD_BROKEN: it could not be stored; UPLOAD_STRANGE: it is of another
 * upload, which is over. In the first two cases session_ops.stored answers true. */
enum upload_state { UPLOAD_MORE, UPLOAD_DONE, UPLOAD_BROKEN, UPLOAD_STRANGE };
enum upload_state upload_stored(struct upload *u, uint64_t ticket, uint64_t loc, uint32_t bytes);

/* upload_is_whole: the body is here, and waits only for the journal. */
static inline bool upload_is_whole(const struct upload *u)
{
	return u->chunks_n > 0 && u->got_bytes == u->body_bytes && u->stored_n < u->chunks_n;
}

/* upload_end lets go of a chunk that is half full; what is stored for it finds nobody then. */
void upload_end(struct upload *u);

#endif
