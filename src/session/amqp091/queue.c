#include "session/amqp091/direct.h"

#include "base/must.h"
#include "session/amqp091/queue_type.h"
#include "wire/amqp091/table.h"

/* ---- names -------------------------------------------------------------------------------- */

enum err amqp091_queue_name(struct turn *t, struct channel *c, struct slice name,
			    struct slice *out_name)
{
	must(name.n <= LIMIT_SHORTSTR);
	if (name.n == 0)
		name = amqp091_last_queue(c);
	if (name.n == 0)
		return amqp091_refuse(t, ERR_NOT_FOUND, "no previously declared queue");
	*out_name = name;
	return ERR_OK;
}

/* A queue that an exchange has of its own. */
static enum err refuse_keeper(struct turn *t, struct slice name)
{
	must(name.n > 0);
	return amqp091_refuse_named(t, ERR_ACCESS_REFUSED, "access to ", name,
				    " refused: it belongs to its exchange");
}

enum err amqp091_queue_find(struct turn *t, struct slice name,
			    const struct queue_record **out_queue)
{
	const struct queue_record *q = catalog_queue(t->w->view, t->s->vhost, name);
	must(out_queue != NULL);
	if (!q)
		return amqp091_refuse_named(t, ERR_NOT_FOUND, "no queue ", name, "");
	if (q->owner && q->owner != t->s->session.handle)
		return amqp091_locked(t, name);
	if (q->flags & QUEUE_KEEPER)
		return refuse_keeper(t, name);
	*out_queue = q;
	return ERR_OK;
}

/* ---- queue.declare ------------------------------------------------------------------------ */

static enum err declare_passive(struct turn *t, struct channel *c,
				const struct amqp091_queue_declare *m)
{
	char buf[LIMIT_SHORTSTR];
	struct slice name = amqp091_strip(m->queue, buf);
	const struct queue_record *q;
	must(m->passive);
	TRY(access_allow_any(&t->s->access, t->w, AUTH_QUEUE, name, &t->why));
	TRY(amqp091_queue_find(t, name, &q));
	uint32_t ticket = amqp091_ticket(t->s);
	amqp091_command_queue(t, CMD_QUEUE_STAT, 0, c->number, q->id, q->shard, ticket);
	amqp091_call(t, AMQP091_queue_declare, c->number, ticket, name, SLICE_EMPTY)->is_nowait =
		m->nowait;
	return ERR_OK;
}

/* One that the view shows is asked of its shard, any other of shard 0. */
static void declare(struct turn *t, struct channel *c, const struct declare_queue *d,
		    const struct queue_record *q, bool is_nowait)
{
	uint32_t cap = DECLARE_BYTES_MAX + (uint32_t)d->arguments.n, ticket = amqp091_ticket(t->s);
	uint8_t *buf = amqp091_get(t, cap, "declaration");
	uint32_t n = declare_queue_put(d, buf, cap);
	must(n > 0);
	if (d->owner)
		t->s->owns_queues = true;
	if (q)
		amqp091_command_queue(t, CMD_QUEUE_STAT, 0, c->number, q->id, q->shard, ticket);
	else
		amqp091_command_catalog(t, CMD_QUEUE_DECLARE, 0, c->number, ticket,
					slice_of(buf, n));
	amqp091_call(t, AMQP091_queue_declare, c->number, ticket, d->name, slice_of(buf, n))
		->is_nowait = is_nowait;
	amqp091_put(t, buf, cap);
}

static enum err check_existing(struct turn *t, const struct queue_record *q,
			       const struct declare_queue *d)
{
	must(q != NULL);
	if (q->flags & QUEUE_KEEPER)
		return refuse_keeper(t, queue_record_name(q));
	const struct queue_args args = amqp091_queue_args(t);
	return queue_declare_same(&args, q, d, t->s->session.handle);
}

/* Who lets a queue publish by itself must be allowed to do so. */
static enum err check_dead_letters(struct turn *t, const struct declare_queue *d)
{
	struct slice exchange;
	must(d->name.n > 0);
	if (!amqp091_table_str(d->arguments, "x-dead-letter-exchange", &exchange))
		return ERR_OK;
	TRY(amqp091_allow(t, AUTH_QUEUE, d->name, AUTH_READ));
	return amqp091_allow(t, AUTH_EXCHANGE, exchange, AUTH_WRITE);
}

static enum err check_new(struct turn *t, const struct declare_queue *d, bool is_own)
{
	must(d->name.n > 0);
	if (is_own && amqp091_is_reserved(d->name)) {
		text_puts(&t->why, "queue name '");
		text_put_slice(&t->why, d->name);
		return amqp091_refuse(t, ERR_ACCESS_REFUSED, "' contains reserved prefix 'amq.*'");
	}
	return check_dead_letters(t, d);
}

/* The name of a queue that has none: the client may say what it begins with (queue_args.c looks at
 * that again, and refuses what is none). */
static struct slice make_name(struct turn *t, struct slice arguments, char *made, bool *out_is_own)
{
	struct slice prefix;
	char stripped[LIMIT_SHORTSTR];
	*out_is_own = amqp091_table_str(arguments, "x-name-prefix", &prefix) && prefix.n > 0 &&
		      prefix.n <= NAME_PREFIX_MAX;
	if (*out_is_own)
		prefix = amqp091_strip(prefix, stripped);
	else
		prefix = slice_str("amq.gen");
	must(prefix.n <= NAME_PREFIX_MAX);
	return ask_name(t->w, prefix, made);
}

struct naming {
	bool is_named, is_own, is_nowait;
};

static enum err declare_whole(struct turn *t, struct channel *c, struct declare_queue *d,
			      struct naming n)
{
	const struct queue_record *q = catalog_queue(t->w->view, t->s->vhost, d->name);
	struct queue_rules rules;
	uint8_t rules_bytes[RULES_BYTES_MAX];
	must(d->name.n > 0);
	TRY(q ? check_existing(t, q, d) : check_new(t, d, n.is_own));
	if (q) { /* what more is said of it does not count, whatever it is */
		d->rules = queue_record_rules(q);
	} else {
		const struct queue_args args = amqp091_queue_args(t);
		TRY(queue_args_rules(&args, d, n.is_named, &rules));
		TRY(queue_args_type_on(&args, d->name, rules.type));
		d->rules = slice_of(rules_bytes,
				    rules_put(&rules, rules_bytes, sizeof rules_bytes));
	}
	declare(t, c, d, q, n.is_nowait);
	return ERR_OK;
}

enum err amqp091_on_queue_declare(struct turn *t, struct channel *c, const struct amqp091_method *m)
{
	const struct amqp091_queue_declare *b = &m->queue_declare;
	char stripped[LIMIT_SHORTSTR], made[NAME_MADE_MAX];
	must(m->kind == AMQP091_queue_declare);
	if (amqp091_direct_kind(b->queue) != DIRECT_NOT) {
		amqp091_direct_declare(t, c, b->queue, b->nowait);
		return ERR_OK;
	}
	if (b->passive)
		return declare_passive(t, c, b);
	struct declare_queue d = {
		.name = amqp091_strip(b->queue, stripped),
		.arguments = b->arguments,
		.vhost = t->s->vhost,
		.flags = (uint8_t)((b->exclusive ? QUEUE_EXCLUSIVE
				    : b->durable ? QUEUE_DURABLE
						 : 0) |
				   (b->auto_delete ? QUEUE_AUTO_DELETE : 0)),
		.owner = b->exclusive ? t->s->session.handle : 0,
	};
	bool is_named = d.name.n > 0, is_own = is_named;
	if (!is_named)
		d.name = make_name(t, d.arguments, made, &is_own);
	TRY(amqp091_allow(t, AUTH_QUEUE, d.name, AUTH_CONFIGURE));
	d.shard = ask_place(t->w->post, d.name, d.flags);
	uint32_t cap;
	uint8_t *room = amqp091_queue_name_type(t, &d, &cap);
	enum err e = declare_whole(t, c, &d, (struct naming){ is_named, is_own, b->nowait });
	amqp091_put(t, room, cap);
	return e;
}

/* ---- queue.purge, queue.delete ------------------------------------------------------------ */

enum err amqp091_on_queue_purge(struct turn *t, struct channel *c, const struct amqp091_method *m)
{
	const struct amqp091_queue_purge *b = &m->queue_purge;
	const struct queue_record *q;
	struct slice name;
	must(m->kind == AMQP091_queue_purge);
	TRY(amqp091_queue_name(t, c, b->queue, &name));
	TRY(amqp091_allow(t, AUTH_QUEUE, name, AUTH_READ));
	TRY(amqp091_queue_find(t, name, &q));
	if (q->flags & QUEUE_APPENDS)
		return amqp091_refuse_named(t, ERR_NOT_IMPLEMENTED,
					    "queue.purge not supported by stream queues queue ",
					    name, "");
	uint32_t ticket = amqp091_ticket(t->s);
	amqp091_command_queue(t, CMD_PURGE, 0, c->number, q->id, q->shard, ticket);
	amqp091_call(t, AMQP091_queue_purge, c->number, ticket, name, SLICE_EMPTY)->is_nowait =
		b->nowait;
	return ERR_OK;
}

enum err amqp091_on_queue_delete(struct turn *t, struct channel *c, const struct amqp091_method *m)
{
	const struct amqp091_queue_delete *b = &m->queue_delete;
	const struct queue_record *q;
	char buf[LIMIT_SHORTSTR];
	struct slice name;
	must(m->kind == AMQP091_queue_delete);
	TRY(amqp091_queue_name(t, c, b->queue, &name));
	name = amqp091_strip(name, buf);
	TRY(amqp091_allow(t, AUTH_QUEUE, name, AUTH_CONFIGURE));
	if (!catalog_queue(t->w->view, t->s->vhost, name)) {
		if (!b->nowait)
			amqp091_send_bare(t, c->number, AMQP091_queue_delete_ok);
		return ERR_OK;
	}
	TRY(amqp091_queue_find(t, name, &q));
	uint32_t ticket = amqp091_ticket(t->s);
	uint8_t flags = (uint8_t)((b->if_unused ? DELETE_IF_UNUSED : 0) |
				  (b->if_empty ? DELETE_IF_EMPTY : 0));
	amqp091_command_queue(t, CMD_QUEUE_DELETE, flags, c->number, q->id, q->shard, ticket);
	amqp091_call(t, AMQP091_queue_delete, c->number, ticket, name, SLICE_EMPTY)->is_nowait =
		b->nowait;
	return ERR_OK;
}
