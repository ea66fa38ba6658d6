/* amqp091 print -- any frame as one line of text, for `godwit trace --frames`, captures and tests.
 *
 *      ch 1 basic.publish exchange='' routing_key='q' mandatory
 *      ch 1 header class=60 body=5 content_type='text/plain' delivery_mode=2
 *      ch 1 body 5 'hello'
 *      ch 0 heartbeat
 */
#ifndef WIRE_AMQP091_PRINT_H
#define WIRE_AMQP091_PRINT_H

#include "base/text.h"
#include "wire/amqp091/frame.h"

/* Octets of a body that are shown. */
#define AMQP091_PRINT_BODY_MAX 64

/* amqp091_frame_print writes one line without its newline. A frame that cannot be decoded is a
 * line too: it says what is wrong. Passwords and tokens are shown as their length. */
void amqp091_frame_print(const struct amqp091_frame *f, struct text *out);

#endif
