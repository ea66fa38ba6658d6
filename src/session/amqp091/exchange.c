#include "session/amqp091/amqp091.h"

#include "base/must.h"

static enum err check_not_default(struct turn *t, struct slice name)
{
	must(name.n <= LIMIT_SHORTSTR);
	if (name.n > 0)
		return ERR_OK;
	return amqp091_refuse(t, ERR_ACCESS_REFUSED,
			      "operation not permitted on the default exchange");
}

static void answer(struct turn *t, struct channel *c, enum amqp091_method_kind kind, bool is_nowait)
{
	must(amqp091_method_info[kind].call == AMQP091_REPLY);
	if (!is_nowait)
		amqp091_send_bare(t, c->number, kind);
}

/* ---- exchange.declare --------------------------------------------------------------------- */

static enum err declare_passive(struct turn *t, struct channel *c,
				const struct amqp091_exchange_declare *m)
{
	char buf[LIMIT_SHORTSTR];
	struct slice name = amqp091_strip(m->exchange, buf);
	must(m->passive);
	TRY(check_not_default(t, name));
	TRY(access_allow_any(&t->s->access, t->w, AUTH_EXCHANGE, name, &t->why));
	if (!catalog_exchange(t->w->view, t->s->vhost, name))
		return amqp091_refuse_named(t, ERR_NOT_FOUND, "no exchange ", name, "");
	answer(t, c, AMQP091_exchange_declare_ok, m->nowait);
	return ERR_OK;
}

static enum err check_existing(struct turn *t, const struct exchange *x,
			       const struct declare_exchange *d)
{
	must(x != NULL);
	const struct queue_args args = amqp091_queue_args(t);
	return exchange_declare_same(&args, x, d);
}

static enum err check_new(struct turn *t, const struct declare_exchange *d)
{
	must(d->name.n > 0);
	if (amqp091_is_reserved(d->name)) {
		text_puts(&t->why, "exchange name '");
		text_put_slice(&t->why, d->name);
		return amqp091_refuse(t, ERR_ACCESS_REFUSED, "' contains reserved prefix 'amq.*'");
	}
	return amqp091_args_of_exchange(t, d);
}

static void declare(struct turn *t, struct channel *c, const struct declare_exchange *d,
		    bool is_nowait)
{
	uint32_t cap = DECLARE_BYTES_MAX + (uint32_t)d->arguments.n, ticket = amqp091_ticket(t->s);
	uint8_t *buf = amqp091_get(t, cap, "declaration");
	uint32_t n = declare_exchange_put(d, buf, cap);
	must(n > 0);
	amqp091_command_catalog(t, CMD_EXCHANGE_DECLARE, 0, c->number, ticket, slice_of(buf, n));
	amqp091_call(t, AMQP091_exchange_declare, c->number, ticket, d->name, slice_of(buf, n))
		->is_nowait = is_nowait;
	amqp091_put(t, buf, cap);
}

enum err amqp091_on_exchange_declare(struct turn *t, struct channel *c,
				     const struct amqp091_method *m)
{
	const struct amqp091_exchange_declare *b = &m->exchange_declare;
	char buf[LIMIT_SHORTSTR];
	must(m->kind == AMQP091_exchange_declare);
	if (b->passive)
		return declare_passive(t, c, b);
	struct declare_exchange d = {
		.name = amqp091_strip(b->exchange, buf),
		.type = b->type,
		.arguments = b->arguments,
		.vhost = t->s->vhost,
		.flags = (uint8_t)((b->durable ? EXCHANGE_DURABLE : 0) |
				   (b->auto_delete ? EXCHANGE_AUTO_DELETE : 0) |
				   (b->internal ? EXCHANGE_INTERNAL : 0)),
	};
	if (!exchange_type_of(d.type)) {
		text_puts(&t->why, "unknown exchange type '");
		text_put_slice(&t->why, d.type);
		return amqp091_refuse(t, ERR_PRECONDITION_FAILED, "'");
	}
	TRY(check_not_default(t, d.name));
	TRY(amqp091_allow(t, AUTH_EXCHANGE, d.name, AUTH_CONFIGURE));
	const struct exchange *x = catalog_exchange(t->w->view, t->s->vhost, d.name);
	TRY(x ? check_existing(t, x, &d) : check_new(t, &d));
	if (x &&
	    !exchange_keeps(x->type)) /* else it waits for its queue, as who declared it first */
		answer(t, c, AMQP091_exchange_declare_ok, b->nowait);
	else
		declare(t, c, &d, b->nowait);
	return ERR_OK;
}

/* ---- exchange.delete ---------------------------------------------------------------------- */

enum err amqp091_on_exchange_delete(struct turn *t, struct channel *c,
				    const struct amqp091_method *m)
{
	const struct amqp091_exchange_delete *b = &m->exchange_delete;
	char buf[LIMIT_SHORTSTR];
	struct slice name = amqp091_strip(b->exchange, buf);
	must(m->kind == AMQP091_exchange_delete);
	TRY(check_not_default(t, name));
	if (amqp091_is_reserved(name))
		return amqp091_refuse_named(t, ERR_ACCESS_REFUSED, "deletion of system exchange ",
					    name, " not allowed");
	TRY(amqp091_allow(t, AUTH_EXCHANGE, name, AUTH_CONFIGURE));
	if (!catalog_exchange(t->w->view, t->s->vhost, name)) {
		answer(t, c, AMQP091_exchange_delete_ok, b->nowait);
		return ERR_OK;
	}
	uint32_t ticket = amqp091_ticket(t->s);
	amqp091_command_catalog(t, CMD_EXCHANGE_DELETE, b->if_unused ? DELETE_IF_UNUSED : 0,
				c->number, ticket, name);
	amqp091_call(t, AMQP091_exchange_delete, c->number, ticket, name, SLICE_EMPTY)->is_nowait =
		b->nowait;
	return ERR_OK;
}
