/* amqp091 headers -- field tables and property blocks as routing reads them (msg/header.h). Pure;
 * values borrow.
 */
#ifndef WIRE_AMQP091_HEADERS_H
#define WIRE_AMQP091_HEADERS_H

#include "msg/header.h"

/* Headers with the properties for which there is no other place: a correlation id that is no text,
 * or too long, and the topic (its words between dots) where an answer is wanted. */
#define AMQP091_CORRELATION_ID "x-correlation-id"
#define AMQP091_REPLY_TO_TOPIC "x-reply-to-topic"
/* A bool: true: the message is to be kept as the last one of its key. */
#define AMQP091_RETAIN         "x-retain"

/* For property blocks, and for field tables alone (arguments of declarations and bindings). */
extern const struct header_ops amqp091_header_ops;
extern const struct header_ops amqp091_argument_ops;

/* amqp091_headers_drop takes the first header called `name` out of a checked property block, in
 * place: what stands before it moves up, so the block ends where it did and begins as many octets
 * later as are returned. 0: there is no such header. */
size_t amqp091_headers_drop(uint8_t *props, size_t n, struct slice name);

#endif
