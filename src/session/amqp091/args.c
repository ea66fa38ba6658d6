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

/* Who names an exchange that takes what is left over reads from the one and writes to the other. */
enum err amqp091_args_of_exchange(struct turn *t, struct slice exchange, struct slice args)
{
	static const char *const names[] = { "alternate-exchange", "x-alternate-exchange" };
	struct amqp091_value v;
	must(exchange.n > 0);
	for (int i = 0; i < 2; i++) {
		if (!amqp091_table_find(args, slice_str(names[i]), &v))
			continue;
		if (v.type != AMQP091_TYPE_LONGSTR) {
			text_putf(&t->why, "invalid type '%s' for arg '%s' in ",
				  amqp091_type_words(v.type), names[i]);
			put_thing(t, "exchange", exchange);
			return ERR_PRECONDITION_FAILED;
		}
		TRY(amqp091_allow(t, AUTH_EXCHANGE, exchange, AUTH_READ));
		return amqp091_allow(t, AUTH_EXCHANGE, v.octets, AUTH_WRITE);
	}
	return ERR_OK;
}

enum err amqp091_args_of_consumer(struct turn *t, struct slice args)
{
	struct amqp091_value v;
	must(t->why.n == 0);
	if (amqp091_table_find(args, slice_str("x-priority"), &v))
		return amqp091_refuse(t, ERR_NOT_IMPLEMENTED, "arg 'x-priority'");
	return ERR_OK;
}
