#include "session/amqp091/direct.h"

#include "base/must.h"
#include "core/jms.h"
#include "core/jms_selector.h"
#include "core/spread.h"
#include "wire/amqp091/erl.h"
#include "wire/amqp091/table.h"

/* What bind and unbind have in common. */
struct ends {
	struct slice to, exchange, key, arguments;
	bool to_exchange; /* `to` is an exchange, else a queue */
	bool is_unbind, is_nowait;
	enum amqp091_method_kind method;
};

static enum err check_match(struct turn *t, struct slice arguments)
{
	static const char *const good[] = { "all", "any", "all-with-x", "any-with-x" };
	struct amqp091_value v;
	must(t->why.n == 0);
	if (!amqp091_table_find(arguments, slice_str("x-match"), &v))
		return ERR_OK;
	bool is_text = v.type == AMQP091_TYPE_LONGSTR;
	for (size_t i = 0; is_text && i < sizeof good / sizeof *good; i++)
		if (slice_eq(v.octets, slice_str(good[i])))
			return ERR_OK;
	text_puts(&t->why, "Invalid x-match field ");
	text_puts(&t->why, is_text ? "value " : "type ");
	if (!is_text)
		text_putf(&t->why, "%s (value ", amqp091_type_words(v.type));
	amqp091_erl_value(&v, &t->why);
	return amqp091_refuse(t, ERR_PRECONDITION_FAILED,
			      is_text ? "; expected all, any, all-with-x, or any-with-x"
				      : "); expected longstr");
}

static enum err check_weight(struct turn *t, struct slice key)
{
	uint32_t weight;
	enum err e = spread_weight(key, &weight);
	must(t->why.n == 0);
	if (e == ERR_OK)
		return e;
	if (e == ERR_LIMIT)
		return amqp091_refuse(t, ERR_PRECONDITION_FAILED,
				      "The binding key must be greater than 0");
	text_puts(&t->why, "The binding key must be an integer: ");
	amqp091_erl_octets(key, &t->why);
	return ERR_PRECONDITION_FAILED;
}

static enum err check_selector(struct turn *t, const struct ends *e)
{
	struct amqp091_value v;
	must(t->why.n == 0);
	if (!amqp091_table_find(e->arguments, slice_str(JMS_SELECTOR), &v) ||
	    v.type != AMQP091_TYPE_LONGSTR || jms_selector_check(v.octets) == ERR_OK)
		return ERR_OK;
	text_puts(&t->why, "cannot parse selector '");
	text_put_printable(&t->why, v.octets);
	return amqp091_refuse(t, ERR_PRECONDITION_FAILED, "'");
}

static enum err check_local(struct turn *t, const struct ends *e)
{
	must(t->why.n == 0);
	if (e->to_exchange)
		return amqp091_refuse(t, ERR_PRECONDITION_FAILED, "Destination not found");
	if (e->key.n == 0)
		return ERR_OK;
	text_puts(&t->why, "Non empty binding '");
	text_put_slice(&t->why, e->key);
	return amqp091_refuse(t, ERR_PRECONDITION_FAILED, "' key not permitted");
}

/* What a type asks of its bindings. */
static enum err check_arguments(struct turn *t, const struct exchange *x, const struct ends *e)
{
	must(!e->is_unbind);
	switch (x->kind) {
	case EXCHANGE_HEADERS: return check_match(t, e->arguments);
	case EXCHANGE_CONSISTENT_HASH: return check_weight(t, e->key);
	case EXCHANGE_LOCAL_RANDOM: return check_local(t, e);
	case EXCHANGE_JMS_TOPIC: return check_selector(t, e);
	default: return ERR_OK;
	}
}

static enum err check_default(struct turn *t, const struct ends *e)
{
	must(t->why.n == 0);
	if (e->exchange.n > 0 && (e->to.n > 0 || !e->to_exchange))
		return ERR_OK;
	return amqp091_refuse(t, ERR_ACCESS_REFUSED,
			      "operation not permitted on the default exchange");
}

/* The names that are meant: of a queue perhaps the last declared one, and none with CR or LF. The
 * two rooms hold LIMIT_SHORTSTR bytes each. */
static enum err name_ends(struct turn *t, struct channel *c, struct ends *e, char *to,
			  char *exchange)
{
	bool is_short = e->to.n == 0 && e->key.n == 0 && !e->to_exchange;
	must(to != exchange);
	if (!e->to_exchange)
		TRY(amqp091_queue_name(t, c, e->to, &e->to));
	e->to = amqp091_strip(e->to, to);
	e->exchange = amqp091_strip(e->exchange, exchange);
	if (is_short && !e->is_unbind)
		e->key = e->to;
	return ERR_OK;
}

static enum err check(struct turn *t, const struct ends *e)
{
	must(e->key.n <= LIMIT_SHORTSTR);
	if (!e->to_exchange && amqp091_direct_kind(e->to) != DIRECT_NOT)
		return amqp091_refuse(
			t, ERR_ACCESS_REFUSED,
			"cannot bind or unbind to a volatile (direct reply-to) queue");
	TRY(amqp091_allow(t, e->to_exchange ? AUTH_EXCHANGE : AUTH_QUEUE, e->to, AUTH_WRITE));
	TRY(check_default(t, e));
	TRY(amqp091_allow(t, AUTH_EXCHANGE, e->exchange, AUTH_READ));
	const struct catalog_view *v = t->w->view;
	const struct exchange *x = catalog_exchange(v, t->s->vhost, e->exchange);
	const struct queue_record *q = NULL;
	TRY(amqp091_allow_key(t, x, e->key, AUTH_READ));
	bool has_end = e->to_exchange ? catalog_exchange(v, t->s->vhost, e->to) != NULL
				      : catalog_queue(v, t->s->vhost, e->to) != NULL;
	if (e->is_unbind && (!has_end || !x))
		return ERR_OK;
	if (!x)
		return amqp091_refuse_named(t, ERR_NOT_FOUND, "no exchange ", e->exchange, "");
	if (!e->to_exchange && !e->is_unbind) /* who unbinds nothing may do it to anybody's queue */
		TRY(amqp091_queue_find(t, e->to, &q));
	if (!has_end)
		return amqp091_refuse_named(t, ERR_NOT_FOUND, "no exchange ", e->to, "");
	return e->is_unbind ? ERR_OK : check_arguments(t, x, e);
}

static enum err change(struct turn *t, struct channel *c, struct ends *e)
{
	char to[LIMIT_SHORTSTR], exchange[LIMIT_SHORTSTR];
	TRY(name_ends(t, c, e, to, exchange));
	TRY(check(t, e));
	uint32_t cap = DECLARE_BYTES_MAX + 2 * (uint32_t)e->arguments.n,
		 ticket = amqp091_ticket(t->s);
	uint8_t *buf = amqp091_get(t, cap, "binding");
	const struct bind b = {
		.exchange = e->exchange,
		.queue = e->to,
		.key = e->key,
		.arguments = amqp091_table_sort(e->arguments, buf), /* one binding in any order */
		.vhost = t->s->vhost,
		.to_exchange = e->to_exchange,
	};
	uint8_t *at = buf + e->arguments.n;
	uint32_t n = bind_put(&b, at, cap - (uint32_t)e->arguments.n);
	must(n > 0);
	amqp091_command_catalog(t, e->is_unbind ? CMD_UNBIND : CMD_BIND, 0, c->number, ticket,
				slice_of(at, n));
	amqp091_put(t, buf, cap);
	amqp091_call(t, e->method, c->number, ticket, e->to, SLICE_EMPTY)->is_nowait = e->is_nowait;
	return ERR_OK;
}

enum err amqp091_on_queue_bind(struct turn *t, struct channel *c, const struct amqp091_method *m)
{
	const struct amqp091_queue_bind *b = &m->queue_bind;
	struct ends e = {
		.to = b->queue,
		.exchange = b->exchange,
		.key = b->routing_key,
		.arguments = b->arguments,
		.is_nowait = b->nowait,
		.method = m->kind,
	};
	must(m->kind == AMQP091_queue_bind);
	return change(t, c, &e);
}

enum err amqp091_on_queue_unbind(struct turn *t, struct channel *c, const struct amqp091_method *m)
{
	const struct amqp091_queue_unbind *b = &m->queue_unbind;
	struct ends e = {
		.to = b->queue,
		.exchange = b->exchange,
		.key = b->routing_key,
		.arguments = b->arguments,
		.is_unbind = true,
		.method = m->kind,
	};
	must(m->kind == AMQP091_queue_unbind);
	return change(t, c, &e);
}

enum err amqp091_on_exchange_bind(struct turn *t, struct channel *c, const struct amqp091_method *m)
{
	const struct amqp091_exchange_bind *b = &m->exchange_bind;
	struct ends e = {
		.to = b->destination,
		.exchange = b->source,
		.key = b->routing_key,
		.arguments = b->arguments,
		.to_exchange = true,
		.is_nowait = b->nowait,
		.method = m->kind,
	};
	must(m->kind == AMQP091_exchange_bind);
	return change(t, c, &e);
}

enum err amqp091_on_exchange_unbind(struct turn *t, struct channel *c,
				    const struct amqp091_method *m)
{
	const struct amqp091_exchange_unbind *b = &m->exchange_unbind;
	struct ends e = {
		.to = b->destination,
		.exchange = b->source,
		.key = b->routing_key,
		.arguments = b->arguments,
		.to_exchange = true,
		.is_unbind = true,
		.is_nowait = b->nowait,
		.method = m->kind,
	};
	must(m->kind == AMQP091_exchange_unbind);
	return change(t, c, &e);
}
