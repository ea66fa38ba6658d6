#include "session/amqp091/amqp091.h"

#include "base/must.h"

/* What bind and unbind have in common. */
struct ends {
	struct slice queue, exchange, key, arguments;
	bool is_unbind, is_nowait;
};

static enum err check(struct turn *t, struct channel *c, struct ends *e)
{
	must(e->key.n <= LIMIT_SHORTSTR);
	bool is_short = e->queue.n == 0 && e->key.n == 0;
	TRY(amqp091_queue_name(t, c, e->queue, &e->queue));
	if (is_short && !e->is_unbind)
		e->key = e->queue;
	TRY(amqp091_allow(t, AUTH_QUEUE, e->queue, AUTH_WRITE));
	TRY(amqp091_allow(t, AUTH_EXCHANGE, e->exchange, AUTH_READ));
	if (e->exchange.n == 0)
		return amqp091_refuse(t, ERR_ACCESS_REFUSED,
				      "operation not permitted on the default exchange");
	const struct exchange *x = catalog_exchange(t->w->view, t->s->vhost, e->exchange);
	const struct queue_record *q = catalog_queue(t->w->view, t->s->vhost, e->queue);
	if (e->is_unbind && (!q || !x))
		return ERR_OK;
	TRY(amqp091_queue_find(t, e->queue, &q));
	if (!x)
		return amqp091_refuse_named(t, ERR_NOT_FOUND, "no exchange ", e->exchange, "");
	if (x->type == EXCHANGE_HEADERS && !e->is_unbind)
		return amqp091_refuse_named(t, ERR_NOT_IMPLEMENTED, "binding to headers exchange ",
					    e->exchange, "");
	return ERR_OK;
}

static enum err change(struct turn *t, struct channel *c, struct ends *e)
{
	TRY(check(t, c, e));
	const struct bind b = {
		.exchange = e->exchange,
		.queue = e->queue,
		.key = e->key,
		.arguments = e->arguments,
		.vhost = t->s->vhost,
	};
	uint32_t cap = DECLARE_BYTES_MAX + (uint32_t)e->arguments.n, ticket = amqp091_ticket(t->s);
	uint8_t *buf = amqp091_get(t, cap, "binding");
	uint32_t n = bind_put(&b, buf, cap);
	must(n > 0);
	amqp091_command_catalog(t, e->is_unbind ? CMD_UNBIND : CMD_BIND, 0, c->number, ticket,
				slice_of(buf, n));
	amqp091_put(t, buf, cap);
	amqp091_call(t, e->is_unbind ? AMQP091_queue_unbind : AMQP091_queue_bind, c->number, ticket,
		     e->queue, SLICE_EMPTY)
		->is_nowait = e->is_nowait;
	return ERR_OK;
}

enum err amqp091_on_queue_bind(struct turn *t, struct channel *c, const struct amqp091_method *m)
{
	const struct amqp091_queue_bind *b = &m->queue_bind;
	struct ends e = { b->queue, b->exchange, b->routing_key, b->arguments, false, b->nowait };
	must(m->kind == AMQP091_queue_bind);
	return change(t, c, &e);
}

enum err amqp091_on_queue_unbind(struct turn *t, struct channel *c, const struct amqp091_method *m)
{
	const struct amqp091_queue_unbind *b = &m->queue_unbind;
	struct ends e = { b->queue, b->exchange, b->routing_key, b->arguments, true, false };
	must(m->kind == AMQP091_queue_unbind);
	return change(t, c, &e);
}

enum err amqp091_on_exchange_bind(struct turn *t, struct channel *c, const struct amqp091_method *m)
{
	(void)c;
	must(m->kind == AMQP091_exchange_bind);
	return amqp091_refuse(t, ERR_NOT_IMPLEMENTED, "exchange to exchange bindings");
}

enum err amqp091_on_exchange_unbind(struct turn *t, struct channel *c,
				    const struct amqp091_method *m)
{
	(void)c;
	must(m->kind == AMQP091_exchange_unbind);
	return amqp091_refuse(t, ERR_NOT_IMPLEMENTED, "exchange to exchange bindings");
}
