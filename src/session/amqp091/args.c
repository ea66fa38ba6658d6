#include "session/amqp091/amqp091.h"

#include "base/must.h"
#include "wire/amqp091/table.h"

static const struct {
	const char *name;
	bool is_done;
} queue_args[] = {
#define QUEUE_ARG(name, is_done, prose) { name, is_done },
#include "session/amqp091/queue_arg.def"
#undef QUEUE_ARG
};

#define QUEUE_ARGS_N (sizeof queue_args / sizeof *queue_args)

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

/* ---- declared for the first time ---------------------------------------------------------- */

static enum err check_type(struct turn *t, struct slice queue, const struct amqp091_value *v)
{
	must(t->why.n == 0);
	bool is_text = v->type == AMQP091_TYPE_LONGSTR;
	if (is_text && slice_eq(v->octets, slice_str("classic")))
		return ERR_OK;
	if (is_text && (slice_eq(v->octets, slice_str("quorum")) ||
			slice_eq(v->octets, slice_str("stream")))) {
		text_puts(&t->why, "queue type '");
		text_put_slice(&t->why, v->octets);
		return amqp091_refuse(t, ERR_NOT_IMPLEMENTED, "'");
	}
	text_puts(&t->why, "invalid arg 'x-queue-type' for ");
	put_thing(t, "queue", queue);
	if (!is_text) {
		text_putf(&t->why, ": {unacceptable_type,%s}", amqp091_type_words(v->type));
		return ERR_PRECONDITION_FAILED;
	}
	text_puts(&t->why, ": \"unsupported queue type '");
	text_put_slice(&t->why, v->octets);
	return amqp091_refuse(t, ERR_PRECONDITION_FAILED, "'\"");
}

enum err amqp091_args_of_queue(struct turn *t, struct slice queue, struct slice args)
{
	struct amqp091_value v;
	must(queue.n > 0);
	for (size_t i = 0; args.n > 0 && i < QUEUE_ARGS_N; i++) {
		if (!amqp091_table_find(args, slice_str(queue_args[i].name), &v))
			continue;
		if (queue_args[i].is_done) {
			TRY(check_type(t, queue, &v));
			continue;
		}
		text_putf(&t->why, "arg '%s' for ", queue_args[i].name);
		put_thing(t, "queue", queue);
		return ERR_NOT_IMPLEMENTED;
	}
	return ERR_OK;
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

/* ---- declared again ----------------------------------------------------------------------- */

static const struct amqp091_value *find(struct slice args, const char *name,
					struct amqp091_value *v)
{
	static const struct amqp091_value classic = {
		.type = AMQP091_TYPE_LONGSTR,
		.octets = { (const uint8_t *)"classic", 7 },
	};
	must(v != NULL);
	if (amqp091_table_find(args, slice_str(name), v))
		return v;
	return strcmp(name, "x-queue-type") == 0 ? &classic : NULL; /* what it is without */
}

static enum err same(struct turn *t, const char *arg, const char *thing, struct slice name,
		     struct slice now, struct slice again)
{
	struct amqp091_value va, vb;
	const struct amqp091_value *a = find(again, arg, &va), *b = find(now, arg, &vb);
	must(t->why.n == 0);
	if (a == b || (a && b && amqp091_value_equivalent(a, b)))
		return ERR_OK;
	text_putf(&t->why, "inequivalent arg '%s' for ", arg);
	put_thing(t, thing, name);
	text_puts(&t->why, ": received ");
	amqp091_value_words(a, &t->why);
	text_puts(&t->why, " but current is ");
	amqp091_value_words(b, &t->why);
	return ERR_PRECONDITION_FAILED;
}

enum err amqp091_args_same(struct turn *t, const char *thing, struct slice name, struct slice now,
			   struct slice again)
{
	must(name.n > 0);
	if (now.n == 0 && again.n == 0)
		return ERR_OK;
	if (strcmp(thing, "exchange") == 0)
		return same(t, "alternate-exchange", thing, name, now, again);
	for (size_t i = 0; i < QUEUE_ARGS_N; i++)
		TRY(same(t, queue_args[i].name, thing, name, now, again));
	return ERR_OK;
}
