#include "session/stomp/lasting.h"

#include "base/must.h"
#include "session/defaults.h"
#include "session/stomp/activemq.h"
#include "wire/amqp091/table.h"
#include "wire/stomp/stored.h"

/* Headers of SUBSCRIBE and SEND that declare a queue, as RabbitMQ has them: each is the argument of
 * its name, and session/queue_arg.def knows what that is. The type is the first. */
static const uint8_t declaring[] = {
	STOMP_H_X_QUEUE_TYPE,
	STOMP_H_X_EXPIRES,
	STOMP_H_X_MESSAGE_TTL,
	STOMP_H_X_DLX,
	STOMP_H_X_DLK,
	STOMP_H_X_MAX_LENGTH,
	STOMP_H_X_MAX_LENGTH_BYTES,
	STOMP_H_X_MAX_PRIORITY,
	STOMP_H_X_OVERFLOW,
	STOMP_H_X_SINGLE,
	STOMP_H_X_MAX_AGE,
	STOMP_H_X_SEGMENT,
	STOMP_H_X_FILTER_SIZE,
};

#define DECLARING_N (sizeof declaring / sizeof *declaring)

struct queue_args stomp_queue_args(struct turn *t)
{
	must(t->s != NULL);
	return (struct queue_args){ &t->s->access, t->w, &t->why };
}

bool stomp_says_arguments(const struct turn *t)
{
	must(t->head != NULL);
	for (size_t i = 0; i < DECLARING_N; i++)
		if (stomp_has(t->head, declaring[i]))
			return true;
	return false;
}

static enum err bad(struct turn *t, struct slice queue, const char *name, const char *what)
{
	must(t->why.n == 0);
	text_putf(&t->why, "invalid arg '%s' for queue '", name);
	text_put_slice(&t->why, queue);
	text_puts(&t->why, "' in vhost '");
	text_put_slice(&t->why, access_vhost_name(&t->s->access));
	text_putf(&t->why, "': %s", what);
	return ERR_PRECONDITION_FAILED;
}

static enum err put(struct turn *t, struct slice queue, enum stomp_header which, struct wr *table)
{
	enum queue_arg_value kind = QUEUE_ARG_WORD;
	const char *name = stomp_header_words[which];
	struct slice value = t->head->at[which];
	bool is_known = queue_arg_find(slice_str(name), &kind), flag;
	int64_t n;
	must(is_known);
	switch (kind) {
	case QUEUE_ARG_NUMBER:
		if (!stomp_number(value, &n))
			return bad(t, queue, name, "no number");
		amqp091_put_int(table, name, n);
		break;
	case QUEUE_ARG_FLAG:
		if (!stomp_flag(t, which, false, &flag))
			return bad(t, queue, name, "neither true nor false");
		amqp091_put_bool(table, name, flag);
		break;
	case QUEUE_ARG_WORD: amqp091_put_str(table, name, value); break;
	}
	return wr_ok(table) ? ERR_OK : bad(t, queue, name, "too long");
}

/* A frame that names no type means the one that the queue has; of a new one, the default. */
static void put_type(const struct turn *t, const struct declare_queue *d,
		     const struct queue_record *q, struct wr *table)
{
	struct amqp091_value v;
	must(d->arguments.n == 0 && table->n == 0);
	if (!q)
		defaults_type_put(
			table, SLICE_EMPTY,
			defaults_queue_type(t->w, access_vhost_name(&t->s->access), d->flags));
	else if (defaults_type_is_named(queue_record_arguments(q), &v))
		amqp091_put_str(table, stomp_header_words[STOMP_H_X_QUEUE_TYPE], v.octets);
}

static bool names_type(const struct turn *t)
{
	must(declaring[0] == STOMP_H_X_QUEUE_TYPE);
	return stomp_has(t->head, STOMP_H_X_QUEUE_TYPE) &&
	       defaults_type_is_word(t->head->at[STOMP_H_X_QUEUE_TYPE]);
}

bool stomp_is_plain(const struct queue_record *q)
{
	uint8_t room[DEFAULTS_TYPE_BYTES];
	struct wr table = wr_of(room, sizeof room);
	struct amqp091_value v;
	const struct slice arguments = queue_record_arguments(q);
	must(q != NULL);
	if (arguments.n == 0)
		return true;
	if (!defaults_type_is_named(arguments, &v))
		return false;
	amqp091_put_str(&table, stomp_header_words[STOMP_H_X_QUEUE_TYPE], v.octets);
	return wr_ok(&table) && slice_eq(wr_done(&table), arguments);
}

enum err stomp_arguments(struct turn *t, const struct queue_record *q, struct declare_queue *io_d,
			 struct wr *table, struct queue_rules *rules)
{
	const struct queue_args args = stomp_queue_args(t);
	const bool is_named = names_type(t);
	must(io_d->name.n > 0);
	if (!is_named)
		put_type(t, io_d, q, table);
	for (size_t i = !is_named; i < DECLARING_N; i++)
		if (stomp_has(t->head, (enum stomp_header)declaring[i]))
			TRY(put(t, io_d->name, (enum stomp_header)declaring[i], table));
	io_d->arguments = wr_done(table);
	TRY(queue_args_rules(&args, io_d, true, rules));
	/* no argument says so: who declares the queue elsewhere would have to say it, too */
	if (t->s->is_activemq && stomp_amq_dies_to(t, io_d->name)) {
		rules->dead_letter_exchange = slice_str("");
		rules->has_dead_letter_exchange = true;
		rules->dead_letter_key = slice_str(DEFAULTS_DEAD_LETTERS);
		rules->has_dead_letter_key = true;
		rules->dead_letter_strategy = DEAD_LETTER_AT_LEAST_ONCE; /* it waits for room */
	}
	stomp_amq_put_made_for(t, io_d->name, table);
	if (!wr_ok(table))
		return bad(t, io_d->name, "x-", "too long");
	io_d->arguments = wr_done(table);
	return ERR_OK;
}

bool stomp_flag(struct turn *t, enum stomp_header which, bool if_none, bool *out)
{
	*out = if_none;
	must(which < STOMP_H_N);
	if (!stomp_has(t->head, which))
		return true;
	*out = slice_eq(t->head->at[which], slice_str("true"));
	return *out || slice_eq(t->head->at[which], slice_str("false"));
}
