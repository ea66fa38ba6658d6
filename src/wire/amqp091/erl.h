/* amqp091 erl -- values spelled as Erlang's ~p spells them.
 *
 * RabbitMQ's reply texts quote terms in this form, and clients' test suites compare them:
 * <<0,20,0,40>>, <<"abc">>, {<<"x-max-length">>,signedint,10}, 1.0.
 */
#ifndef WIRE_AMQP091_ERL_H
#define WIRE_AMQP091_ERL_H

#include "base/text.h"
#include "wire/amqp091/table.h"

/* amqp091_erl_octets writes a binary: as a string if all of it can be printed, else as numbers. */
void amqp091_erl_octets(struct slice s, struct text *out);

/* amqp091_erl_real writes the shortest digits that read back as `d`, always with a point. */
void amqp091_erl_real(double d, struct text *out);

/* amqp091_erl_value writes a field value; a table as a list of {Name,Type,Value}, an array as a
 * list of {Type,Value}. */
void amqp091_erl_value(const struct amqp091_value *v, struct text *out);

#endif
