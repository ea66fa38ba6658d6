#include "session/amqp091/amqp091.h"

#include "base/must.h"
#include "wire/amqp091/table.h"

static void put_thing(struct turn *t, const char *thing, struct slice name)
{
	must(thing[0] != '\0');
	text_puts(&t->why, thing);
	text_puts(&t->why, " '");
	text_put_slice(&t->why, name);
	text_puts(&t->why, "' in vhost '");
	text_put_slice(&t->why, amqp091_vhost_name(t));
	text_putc(&t->why, '\'');
}

enum err amqp091_args_of_exchange(struct turn *t, struct slice exchange, struct slice args)
{
	struct amqp091_value v;
	must(exchange.n > 0);
	if (!amqp091_table_find(args, slice_str("alternate-exchange"), &v))
		return ERR_OK;
	if (v.type == AMQP091_TYPE_LONGSTR)
		return amqp091_refuse(t, ERR_NOT_IMPLEMENTED, "arg 'alternate-exchange'");
	text_putf(&t->why, "invalid type '%s' for arg 'alternate-exchange' in ",
		  amqp091_type_words(v.type));
	put_thing(t, "exchange", exchange);
	return ERR_PRECONDITION_FAILED;
}

enum err amqp091_args_of_consumer(struct turn *t, struct slice args)
{
	struct amqp091_value v;
	must(t->why.n == 0);
	if (amqp091_table_find(args, slice_str("x-priority"), &v))
		return amqp091_refuse(t, ERR_NOT_IMPLEMENTED, "arg 'x-priority'");
	return ERR_OK;
}
