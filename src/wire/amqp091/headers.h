/* amqp091 headers -- field tables and property blocks as routing reads them (msg/header.h). Pure;
 * values borrow.
 */
#ifndef WIRE_AMQP091_HEADERS_H
#define WIRE_AMQP091_HEADERS_H

#include "msg/header.h"

/* For property blocks, and for field tables alone (arguments of declarations and bindings). */
extern const struct header_ops amqp091_header_ops;
extern const struct header_ops amqp091_argument_ops;

#endif
