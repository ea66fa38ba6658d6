#include "session/amqp091/patience.h"

#include "base/must.h"
#include "core/policy.h"
#include "session/defaults.h"
#include "wire/amqp091/table.h"

struct queue_args amqp091_queue_args(struct turn *t)
{
	must(t->s != NULL);
	return (struct queue_args){ &t->s->access, t->w, &t->why };
}

static void put_thing(struct turn *t, const char *thing, struct slice name)
{
	must(thing[0] != '\0');
	text_puts(&t->why, thing);
	text_put_quoted(&t->why, " ", name);
	text_put_quoted(&t->why, " in vhost ", amqp091_vhost_name(t));
}

static enum err wrong_type(struct turn *t, const struct amqp091_value *v, const char *arg,
			   struct slice exchange)
{
	must(t->why.n == 0);
	text_putf(&t->why, "invalid type '%s' for arg '%s' in ", amqp091_type_words(v->type), arg);
	put_thing(t, "exchange", exchange);
	return ERR_PRECONDITION_FAILED;
}

/* Who names an exchange that takes what is left over reads from the one and writes to the other. */
static enum err check_alternate(struct turn *t, struct slice exchange, struct slice args)
{
	static const char *const names[] = { "alternate-exchange", "x-alternate-exchange" };
	struct amqp091_value v;
	must(exchange.n > 0);
	for (int i = 0; i < 2; i++) {
		if (!amqp091_table_find(args, slice_str(names[i]), &v))
			continue;
		if (v.type != AMQP091_TYPE_LONGSTR)
			return wrong_type(t, &v, names[i], exchange);
		TRY(amqp091_allow(t, AUTH_EXCHANGE, exchange, AUTH_READ));
		return amqp091_allow(t, AUTH_EXCHANGE, v.octets, AUTH_WRITE);
	}
	return ERR_OK;
}

/* What a consistent-hash exchange hashes: a header or a property, else the routing key. */
static enum err check_hash(struct turn *t, struct slice exchange, struct slice args)
{
	static const char *const good[] = { "message_id", "correlation_id", "timestamp" };
	struct amqp091_value header, property;
	bool by_header = amqp091_table_find(args, slice_str("hash-header"), &header);
	bool by_property = amqp091_table_find(args, slice_str("hash-property"), &property);
	must(t->why.n == 0);
	if (by_header && by_property)
		return amqp091_refuse(t, ERR_PRECONDITION_FAILED,
				      "hash-header and hash-property are mutually exclusive");
	if (by_header && header.type != AMQP091_TYPE_LONGSTR)
		return wrong_type(t, &header, "hash-header", exchange);
	if (by_property && property.type != AMQP091_TYPE_LONGSTR)
		return wrong_type(t, &property, "hash-property", exchange);
	for (int i = 0; by_property && i < 3; i++)
		by_property = !slice_eq(property.octets, slice_str(good[i]));
	if (!by_property)
		return ERR_OK;
	text_puts(&t->why, "Unsupported property: ");
	text_put_slice(&t->why, property.octets);
	return ERR_PRECONDITION_FAILED;
}

enum err amqp091_args_of_exchange(struct turn *t, const struct declare_exchange *d)
{
	must(d->name.n > 0);
	if (exchange_type_of(d->type) == EXCHANGE_CONSISTENT_HASH)
		TRY(check_hash(t, d->name, d->arguments));
	return check_alternate(t, d->name, d->arguments);
}

/* "invalid arg 'x-priority' for queue 'q' in vhost '/': ..." */
static enum err bad_consumer(struct turn *t, const char *arg, struct slice queue, const char *what,
			     const struct amqp091_value *v, const char *after)
{
	must(t->why.n == 0);
	text_putf(&t->why, "invalid arg '%s' for ", arg);
	put_thing(t, "queue", queue);
	text_putf(&t->why, ": %s%s%s", what, amqp091_type_words(v->type), after);
	return ERR_PRECONDITION_FAILED;
}

/* ---- consumers ---------------------------------------------------------------------------- */

enum { CLASSIC = 1 << QUEUE_CLASSIC, QUORUM = 1 << QUEUE_QUORUM, STREAM = 1 << QUEUE_STREAM };

static const struct consumer_arg {
	const char *name;
	uint8_t types;
} consumer_args[] = {
#define CONSUMER_ARG(name, types, prose) { name, types },
#include "session/amqp091/consumer_arg.def"
#undef CONSUMER_ARG
};

static bool is_foreign(struct slice name, enum queue_type type)
{
	must(type <= QUEUE_STREAM);
	for (size_t i = 0; i < sizeof consumer_args / sizeof *consumer_args; i++)
		if (slice_eq(name, slice_str(consumer_args[i].name)))
			return !(consumer_args[i].types & 1u << type);
	return false;
}

/* What is another type's, in the order in which the client says it, before any value. */
static enum err check_foreign(struct turn *t, const struct queue_record *q, struct slice args)
{
	struct queue_rules rules;
	struct amqp091_entry one;
	struct rd r = rd_of(args);
	enum queue_type type = QUEUE_CLASSIC;
	must(t->why.n == 0);
	if (rules_get(queue_record_rules(q), &rules) == ERR_OK && rules.type != RULE_NONE)
		type = (enum queue_type)rules.type;
	while (amqp091_table_next(&r, &one)) {
		if (!is_foreign(one.name, type))
			continue;
		text_put_quoted(&t->why, "invalid arg ", one.name);
		text_puts(&t->why, " for ");
		put_thing(t, "queue", queue_record_name(q));
		text_puts(&t->why, " of queue type rabbit_");
		text_put_slice(&t->why, defaults_type_word(type));
		text_puts(&t->why, "_queue");
		return ERR_PRECONDITION_FAILED;
	}
	return ERR_OK;
}

/* Its own word counts, then its queue's, by declaration or policy, then the setting. */
static uint64_t timeout_of(const struct turn *t, const struct queue_record *q)
{
	uint8_t bytes[RULES_BYTES_MAX];
	const uint32_t n = policy_rules(t->w->view, t->w->patterns, q, bytes);
	struct queue_rules rules;
	must(q->id != 0);
	if (rules_get(slice_of(bytes, n), &rules) == ERR_OK &&
	    rules.consumer_timeout_ms != RULE_NONE)
		return rules.consumer_timeout_ms;
	return t->w->limits->consumer_timeout_ms;
}

/* False: it is not there. An integer, or (*out_err) it is refused. */
static bool find_int(struct turn *t, const struct queue_record *q, struct slice args,
		     const char *arg, struct amqp091_value *out, enum err *out_err)
{
	must(t->why.n == 0);
	if (!amqp091_table_find(args, slice_str(arg), out))
		return false;
	if (amqp091_value_is_int(out))
		return true;
	*out_err = bad_consumer(t, arg, queue_record_name(q), "\"expected integer, got ", out,
				"\"");
	return false;
}

enum err amqp091_args_of_consumer(struct turn *t, const struct queue_record *q, struct slice args,
				  struct consumer_args *out)
{
	static const char *const failover = "x-cancel-on-ha-failover";
	struct amqp091_value v;
	enum err e = ERR_OK;
	must(queue_record_name(q).n > 0);
	*out = (struct consumer_args){ .timeout_ms = timeout_of(t, q) };
	TRY(check_foreign(t, q, args));
	if (find_int(t, q, args, "x-priority", &v, &e))
		out->priority = v.i;
	TRY(e);
	if (find_int(t, q, args, "x-consumer-timeout", &v, &e))
		out->timeout_ms = v.i > 0 ? (uint64_t)v.i : 0;
	TRY(e);
	if (amqp091_table_find(args, slice_str(failover), &v) && v.type != AMQP091_TYPE_BOOL)
		return bad_consumer(t, failover, queue_record_name(q), "{unacceptable_type,", &v,
				    "}");
	return ERR_OK;
}
