/* stomp stored -- the property block of a message that came by STOMP (MSG_STOMP).
 *
 * Its headers that are kept, unescaped, in their order; each is u16 length of the name, name, u16
 * length of the value, value, big-endian. `struct header_ops` reads it as routing and the other
 * protocols want it: headers.def says which names are properties. Without an `expiration` it is the
 * time from `timestamp` to `expires`; `expires` is a header all the same. Pure.
 */
#ifndef WIRE_STOMP_STORED_H
#define WIRE_STOMP_STORED_H
#include "base/rd.h"
#include "base/wr.h"
#include "msg/header.h"
#include "wire/stomp/head.h"

/* stomp_stored_put writes the block of a SEND: room for the head and twice as many octets as it has
 * lines beyond that, at most STOMP_STORED_MAX(head), is enough. `scratch` as in stomp_head_read,
 * which has read this head before. */
#define STOMP_STORED_MAX(head_n) ((head_n) + ((head_n) / 3 + 1) * 2) /* "a:" and its end */
void stomp_stored_put(struct slice head, enum stomp_version version, struct wr *scratch,
		      struct wr *w);
/* stomp_stored_put_one appends one header. */
void stomp_stored_put_one(struct wr *w, struct slice name, struct slice value);

/* stomp_stored_next takes one header off a block; false: no more, or it is no such block. */
bool stomp_stored_next(struct rd *r, struct slice *out_name, struct slice *out_value);

/* A time from here on is in milliseconds, as ActiveMQ's clients write it: in seconds it would be in
 * the year 5138. What lies below is in seconds, as RabbitMQ's do. */
#define STOMP_MILLISECONDS_MIN INT64_C(100000000000)

/* stomp_number reads decimal digits, with a sign. False: it is no such number. */
bool stomp_number(struct slice text, int64_t *out);

extern const struct header_ops stomp_header_ops;

/* stomp_told_ops is the same for readers in other protocols: without `amq-msg-type`, which
 * ActiveMQ's dialect notes for its own readers. */
extern const struct header_ops stomp_told_ops;
#endif
