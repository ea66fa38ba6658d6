/* amqp091 sasl -- the responses of the two password logins, PLAIN and AMQPLAIN. Pure; borrows. */
#ifndef WIRE_AMQP091_SASL_H
#define WIRE_AMQP091_SASL_H

#include "base/err.h"
#include "base/slice.h"

struct amqp091_login {
	struct slice user, password;
};

/* amqp091_sasl_plain reads RFC 4616's `authzid NUL user NUL password`. A user who asks to act for
 * somebody else (an authzid that is not his own name) is refused, as there is no such right.
 * ERR_MALFORMED: not of this form. */
MUST_USE enum err amqp091_sasl_plain(struct slice response, struct amqp091_login *out);

/* amqp091_sasl_amqplain reads a field table, without a length before it, that has long strings
 * LOGIN and PASSWORD. ERR_MALFORMED: it has not. */
MUST_USE enum err amqp091_sasl_amqplain(struct slice response, struct amqp091_login *out);

#endif
