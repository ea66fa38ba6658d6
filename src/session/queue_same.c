#include "session/queue_args.h"

#include "base/must.h"
#include "base/text.h"
#include "session/defaults.h"
#include "wire/amqp091/erl.h"
#include "wire/amqp091/table.h"

/* What is the same when a queue is declared again. */

#define TYPE "x-queue-type"

/* Those that count where they mean something: `types` are those of the queue that is there. */
enum { CLASSIC = 1 << QUEUE_CLASSIC, QUORUM = 1 << QUEUE_QUORUM, STREAM = 1 << QUEUE_STREAM };
static const struct counted {
	const char *name;
	uint8_t types;
} counted[] = {
#define QUEUE_ARG(name, types, check, rule, value, prose) { name, types },
#include "session/queue_arg.def"
#undef QUEUE_ARG
};

/* Those that count, by RabbitMQ's setting, where a quorum queue is declared as a classic one. */
static const char *const relaxed_names[] = {
	"x-dead-letter-exchange", "x-dead-letter-routing-key", "x-expires",     "x-max-length",
	"x-max-length-bytes",     "x-single-active-consumer",  "x-message-ttl",
};

#define N_OF(table) (sizeof(table) / sizeof *(table))

/* What a declaration says; without a type, classic. NULL: nothing. */
static const struct amqp091_value *find(struct slice args, const char *name,
					struct amqp091_value *v)
{
	must(v != NULL);
	if (amqp091_table_find(args, slice_str(name), v))
		return v;
	if (strcmp(name, TYPE) != 0)
		return NULL;
	*v = (struct amqp091_value){ .type = AMQP091_TYPE_LONGSTR,
				     .octets = defaults_type_word(QUEUE_CLASSIC) };
	return v;
}

static bool is_type(struct slice args, enum queue_type type)
{
	struct amqp091_value v;
	(void)find(args, TYPE, &v);
	must(type <= QUEUE_STREAM);
	return v.type == AMQP091_TYPE_LONGSTR && slice_eq(v.octets, defaults_type_word(type));
}

/* By RabbitMQ's setting few of them count then, and no other properties. */
static bool is_relaxed(const struct queue_args *of, struct slice now, struct slice again)
{
	return of->w->limits->is_relaxed && is_type(now, QUEUE_QUORUM) &&
	       is_type(again, QUEUE_CLASSIC);
}

/* RabbitMQ names the types only where one of the two is missing. */
static void put_value(struct text *why, const struct amqp091_value *v, bool is_bare)
{
	must(v || !is_bare);
	if (!is_bare) {
		amqp091_value_words(v, why);
		return;
	}
	text_putc(why, '\'');
	if (v->type == AMQP091_TYPE_LONGSTR)
		text_put_printable(why, v->octets);
	else
		amqp091_erl_value(v, why);
	text_putc(why, '\'');
}

enum err queue_arg_same(const struct queue_args *of, const char *arg, const char *thing,
			struct slice name, struct slice now, struct slice again)
{
	struct amqp091_value va, vb;
	must(of->why->n == 0);
	if (amqp091_args_equivalent(again, now, arg))
		return ERR_OK;
	const struct amqp091_value *a = find(again, arg, &va), *b = find(now, arg, &vb);
	if (a && b && amqp091_value_equivalent(a, b)) /* a type that is not named */
		return ERR_OK;
	text_putf(of->why, "inequivalent arg '%s' for %s ", arg, thing);
	text_put_quoted(of->why, "", name);
	text_put_quoted(of->why, " in vhost ", access_vhost_name(of->access));
	text_puts(of->why, ": received ");
	put_value(of->why, a, a && b);
	text_puts(of->why, " but current is ");
	put_value(of->why, b, a && b);
	return ERR_PRECONDITION_FAILED;
}

/* Queues that were declared in ActiveMQ's dialect of STOMP once said where their dead letters go,
 * which nobody else says. */
static bool is_old_place(const char *arg, struct slice now, struct slice again)
{
	static const char exchange[] = "x-dead-letter-exchange",
			  key[] = "x-dead-letter-routing-key";
	struct slice x, k;
	struct amqp091_value v;
	if (strcmp(arg, exchange) != 0 && strcmp(arg, key) != 0)
		return false;
	must(arg[0] == 'x');
	return amqp091_table_str(now, exchange, &x) && x.n == 0 &&
	       amqp091_table_str(now, key, &k) && slice_eq(k, slice_str(DEFAULTS_DEAD_LETTERS)) &&
	       !amqp091_table_find(again, slice_str(exchange), &v) &&
	       !amqp091_table_find(again, slice_str(key), &v);
}

static enum err same_but_old_place(const struct queue_args *of, const char *arg, struct slice name,
				   struct slice now, struct slice again)
{
	must(name.n > 0);
	if (is_old_place(arg, now, again))
		return ERR_OK;
	return queue_arg_same(of, arg, "queue", name, now, again);
}

static bool is_of_type(const struct counted *arg, struct slice now)
{
	must(arg->types != 0);
	for (enum queue_type type = QUEUE_CLASSIC; type <= QUEUE_STREAM; type++)
		if (arg->types & 1 << type && is_type(now, type))
			return true;
	return false;
}

enum err queue_args_same(const struct queue_args *of, struct slice name, struct slice now,
			 struct slice again)
{
	must(name.n > 0);
	if (now.n == 0 && again.n == 0)
		return ERR_OK;
	if (is_relaxed(of, now, again)) {
		for (size_t i = 0; i < N_OF(relaxed_names); i++)
			TRY(same_but_old_place(of, relaxed_names[i], name, now, again));
		return ERR_OK;
	}
	for (size_t i = 0; i < N_OF(counted); i++)
		if (is_of_type(&counted[i], now))
			TRY(same_but_old_place(of, counted[i].name, name, now, again));
	return ERR_OK;
}

enum err queue_declare_same(const struct queue_args *of, const struct queue_record *q,
			    const struct declare_queue *again, uint64_t session)
{
	const struct slice now = queue_record_arguments(q);
	must(of->why->n == 0);
	if (!is_relaxed(of, now, again->arguments))
		TRY(catalog_queue_same(q, again, session, access_vhost_name(of->access), of->why));
	return queue_args_same(of, queue_record_name(q), now, again->arguments);
}

enum err exchange_declare_same(const struct queue_args *of, const struct exchange *x,
			       const struct declare_exchange *again)
{
	must(of->why->n == 0);
	TRY(catalog_exchange_same(x, again, access_vhost_name(of->access), of->why));
	return queue_arg_same(of, "alternate-exchange", "exchange", x->name, x->arguments,
			      again->arguments);
}
