/* ask -- what a session asks of the catalog and of queues, beside messages.
 *
 * Each command carries a ticket, and is answered by exactly one FX_REPLY whose run.arg is that
 * ticket. A session owns its struct asker; the commands go into the post of the world it is called
 * with.
 */
#ifndef SESSION_ASK_H
#define SESSION_ASK_H
#include "session/session.h"

#define TICKET_NONE     0u
#define NAME_MADE_MAX   88u /* of ask_name */
#define NAME_PREFIX_MAX 64u

struct asker {
	uint64_t session;     /* the handle; another after a move */
	uint16_t channel;     /* of the replies */
	uint16_t vhost;       /* its number */
	uint32_t last_ticket; /* consumers have their ids from here, too */
};

/* ask_ticket gives a number that no command or consumer of this session has. */
uint32_t ask_ticket(struct asker *a);

/* ask_queue sends a command without rows to a queue, ask_catalog to shard 0. */
void ask_queue(const struct asker *a, struct post *p, enum cmd kind, uint8_t flags,
	       const struct queue_record *q, uint32_t ticket);
void ask_catalog(const struct asker *a, struct post *p, enum cmd kind, uint8_t flags,
		 uint32_t ticket, struct slice tail);

/* ask_declare asks for a queue, ask_alter for other arguments and rules of a durable one,
 * ask_lengthen for that unless it lives as long without a consumer already, ask_bind for a binding
 * or its end; they give the ticket. The answer says whether it is there: of a queue
 * with what it holds (reply_row). */
uint32_t ask_declare(struct asker *a, struct session_world *w, const struct declare_queue *d);
uint32_t ask_alter(struct asker *a, struct session_world *w, const struct declare_queue *d);
uint32_t ask_lengthen(struct asker *a, struct session_world *w, const struct declare_queue *d);
uint32_t ask_bind(struct asker *a, struct session_world *w, enum cmd bind_or_unbind,
		  const struct bind *b);

/* ask_place chooses the shard of a new queue. */
uint16_t ask_place(const struct post *p, struct slice name, uint16_t flags);

/* ask_name makes `prefix`-<22 random characters>; `prefix` has at most NAME_PREFIX_MAX bytes, `buf`
 * holds NAME_MADE_MAX. */
struct slice ask_name(struct session_world *w, struct slice prefix, char *buf);
#endif
