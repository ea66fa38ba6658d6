/* foreign -- the properties of a message of another protocol, for whoever writes AMQP 0-9-1.
 *
 * A delivery to such a client, and a message that is rewritten: what all sessions agree on to be
 * the protocol of what the broker itself has made.
 */
#ifndef SESSION_FOREIGN_H
#define SESSION_FOREIGN_H
#include "base/mem.h"
#include "msg/header.h"
#include "msg/msg.h"

struct foreign {
	struct slice props;
	size_t room_n;
	uint8_t *room;
};

/* foreign_is: its properties are not those of AMQP 0-9-1. */
static inline bool foreign_is(const struct msg *m)
{
	return msg_encoding(m) != MSG_AMQP091;
}

/* foreign_open gives the properties of any message as AMQP 0-9-1 writes them; they stay until
 * foreign_close. `ops` reads them: views_told_of, or views_of where nothing may be lost. Memory
 * must be there. */
void foreign_open(struct foreign *f, struct mem *mem, const struct msg *m,
		  const struct header_ops *ops);
void foreign_close(struct foreign *f, struct mem *mem);

#endif
