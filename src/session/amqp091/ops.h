/* ops -- an AMQP 0-9-1 conversation as a node drives it, and its frames in words: this room's door.
 *
 * session/session.h says what a node may expect of a conversation.
 */
#ifndef SESSION_AMQP091_OPS_H
#define SESSION_AMQP091_OPS_H
#include "session/session.h"

extern const struct session_ops amqp091_session_ops;

/* amqp091_print is session_ops.print; it needs no session. */
size_t amqp091_print(const struct session *s, struct slice in, struct text *out);
#endif
