/* amqp091 spelling -- reply codes: what the broker's errors are called (1.8.1). Pure. */
#ifndef WIRE_AMQP091_SPELLING_H
#define WIRE_AMQP091_SPELLING_H
#include "base/err.h"

/* amqp091_code is what `e` is called on the wire. */
uint16_t amqp091_code(enum err e);

/* amqp091_code_name gives the name that belongs to the reply code of `e`: "FRAME_ERROR" for
 * ERR_MALFORMED. A reply text is this name, " - ", and what went wrong. */
const char *amqp091_code_name(enum err e);

/* amqp091_closes_connection is true for a hard error; a soft one closes only the channel. */
bool amqp091_closes_connection(enum err e);
#endif
