/* views -- which codec reads the properties of a message: any session, whatever came in.
 */
#ifndef SESSION_VIEWS_H
#define SESSION_VIEWS_H
#include "msg/header.h"
#include "msg/msg.h"

/* header_ops_of is how the properties of messages of `proto` (enum msg_proto) are read; never NULL:
 * where there is no codec a message has none. */
const struct header_ops *header_ops_of(uint8_t proto);

/* views_of is how those of `m` are read, big or not. */
static inline const struct header_ops *views_of(const struct msg *m)
{
	return header_ops_of(msg_encoding(m));
}

/* views_told_of is what of them a reader in another protocol is told: not what a dialect notes for
 * its own readers. */
const struct header_ops *views_told_of(const struct msg *m);

#endif
