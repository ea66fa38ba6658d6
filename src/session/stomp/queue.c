#include "session/stomp/lasting.h"

#include "base/hash.h"
#include "base/must.h"
#include "core/rules.h"
#include "session/defaults.h"
#include "session/stomp/activemq.h"

/* A queue may go between the view that showed it and its shard, or be made by somebody else just
 * now: then the frame looks again. So often, at most. */
#define DECLARE_TRIES 8

enum err stomp_allow(struct turn *t, enum auth_kind kind, struct slice name,
		     enum auth_action action)
{
	must(t->s->phase == PHASE_RUNNING);
	return access_allow(&t->s->access, t->w, kind, action, name, &t->why);
}

static enum err refuse_named(struct turn *t, enum err e, const char *before, struct slice name,
			     const char *after)
{
	must(t->why.n == 0 && e != ERR_OK);
	text_puts(&t->why, before);
	text_putc(&t->why, '\'');
	text_put_slice(&t->why, name);
	text_puts(&t->why, "' in vhost '");
	text_put_slice(&t->why, access_vhost_name(&t->s->access));
	text_putc(&t->why, '\'');
	text_puts(&t->why, after);
	return e;
}

/* What came of a declaration that was asked for: ERR_BUSY: look again. */
static enum err look_at_reply(struct turn *t, struct call *c)
{
	enum err e = (enum err)c->reply.err;
	must(c->ticket == TICKET_NONE);
	if (e == ERR_OK || ((e == ERR_EXISTS || e == ERR_NOT_FOUND) && ++c->tries < DECLARE_TRIES))
		return ERR_OK;
	text_put_slice(&t->why, slice_of(c->text, c->text_n));
	return e;
}

/* Which queue a declaration was of: one SEND may need several. */
static uint64_t hash_of(struct slice name)
{
	static const struct hash_key key = { 0x676f64776974, 0x7175657565 };
	must(name.n > 0);
	return hash_slice(key, name);
}

/* May the conversation use it? */
static enum err may_use(struct turn *t, struct slice name, const struct queue_record *q)
{
	must(name.n > 0);
	if (!q)
		return refuse_named(t, ERR_NOT_FOUND, "no queue ", name, "");
	if (q->owner && q->owner != t->s->session.handle)
		return refuse_named(t, ERR_RESOURCE_LOCKED,
				    "cannot obtain exclusive access to locked queue ", name, "");
	if (q->flags & QUEUE_KEEPER)
		return refuse_named(t, ERR_ACCESS_REFUSED, "access to queue ", name,
				    " refused: it belongs to its exchange");
	return ERR_OK;
}

/* Who may not declare any name, and which names nobody may. */
static enum err may_declare(struct turn *t, struct slice name)
{
	bool is_made = t->s->call && t->s->call->name_n > 0;
	must(name.n > 0);
	TRY(stomp_allow(t, AUTH_QUEUE, name, AUTH_CONFIGURE));
	if (!is_made && slice_starts_with(name, slice_str("amq.")))
		return refuse_named(t, ERR_ACCESS_REFUSED, "queue name ", name,
				    " contains reserved prefix 'amq.*'");
	return ERR_OK;
}

static enum err declare_ours(struct turn *t, const struct declare_queue *d)
{
	struct stomp *s = t->s;
	must(d->name.n > 0);
	if (d->owner)
		s->owns_queues = true;
	stomp_call(t)->declared = hash_of(d->name);
	(void)stomp_ask(t, ask_declare(&s->asker, t->w, d));
	return ERR_BUSY;
}

static enum err declare(struct turn *t, const struct declare_queue *d)
{
	must(d->name.n > 0);
	TRY(may_declare(t, d->name));
	return declare_ours(t, d);
}

enum err stomp_queue_may(struct turn *t, struct slice name)
{
	const struct queue_record *q = catalog_queue(t->w->view, t->s->access.number, name);
	must(t->frame->command == STOMP_SEND);
	return q ? may_use(t, name, q) : may_declare(t, name);
}

/* Most queues are as they were declared first, without arguments but for their type. */
static bool is_plain(const struct turn *t, const struct wanted *want, const struct queue_record *q)
{
	must(q != NULL);
	return !stomp_says_arguments(t) && stomp_is_plain(q) && !q->owner &&
	       q->flags == want->flags;
}

/* In RabbitMQ's dialect a queue is declared again, and so compared, by a frame that says what it is
 * like; any other takes it as it is. */
static bool is_as_it_is(const struct turn *t, const struct wanted *want)
{
	static const uint8_t said[] = { STOMP_H_DURABLE, STOMP_H_AUTO_DELETE, STOMP_H_EXCLUSIVE,
					STOMP_H_PERSISTENT };
	bool says = stomp_says_arguments(t);
	must(want->name.n > 0);
	for (size_t i = 0; i < sizeof said; i++) /* a SEND's is of its message */
		says |= stomp_has(t->head, (enum stomp_header)said[i]) &&
			(said[i] != STOMP_H_PERSISTENT || t->frame->command != STOMP_SEND);
	return want->flags == QUEUE_DURABLE && !says;
}

/* ---- is its shard told? ------------------------------------------------------------------- */

/* The view shows a queue that somebody makes just now before its shard is told of it, and a shard
 * drops what is for a queue that it does not know. The shards of a loop are told in the order of
 * ids: what one of them knows says it of all queues before it. */
static uint64_t *told_to(struct turn *t, const struct queue_record *q)
{
	struct stomp *s = t->s;
	const struct post *p = t->w->post;
	const size_t bytes = p->loops_n * sizeof *s->told_to;
	must(q != NULL);
	if (!s->told_to) {
		s->told_to = mem_get(t->w->mem, bytes, "queues of a stomp session");
		must(s->told_to != NULL);
		memset(s->told_to, 0, bytes);
	}
	return &s->told_to[p->loop_of_shard[q->shard]];
}

static bool is_told(struct turn *t, const struct queue_record *q)
{
	const struct call *c = t->s->call;
	uint64_t *to = told_to(t, q);
	must(q->id > 0);
	if (q->id > *to && c && c->reply.err == ERR_OK &&
	    ((c->reply.op == CMD_QUEUE_DECLARE && c->declared == hash_of(queue_record_name(q))) ||
	     (c->reply.op == CMD_QUEUE_STAT && c->looked_at == q->id)))
		*to = q->id;
	return q->id <= *to;
}

static bool is_untold(const struct stomp *s, const struct queue_record *q)
{
	const struct call *c = s->call;
	must(q->id > 0);
	return c && c->reply.op == CMD_QUEUE_STAT && c->reply.err != ERR_OK &&
	       c->looked_at == q->id;
}

static enum err ask_told(struct turn *t, const struct queue_record *q)
{
	struct stomp *s = t->s;
	const uint32_t ticket = ask_ticket(&s->asker);
	must(q->id > 0);
	stomp_call(t)->looked_at = q->id;
	ask_queue(&s->asker, t->w->post, CMD_QUEUE_STAT, 0, q, ticket);
	(void)stomp_ask(t, ticket);
	return ERR_BUSY;
}

enum err stomp_queue_ours(struct turn *t, const struct declare_queue *d,
			  const struct queue_record **out_queue)
{
	struct stomp *s = t->s;
	const struct queue_record *q = catalog_queue(t->w->view, d->vhost, d->name);
	must(d->flags & QUEUE_KEEPER && slice_starts_with(d->name, slice_str("amq.")));
	*out_queue = q;
	if (q && is_told(t, q))
		return ERR_OK;
	if (s->call)
		TRY(look_at_reply(t, s->call));
	return q && !is_untold(s, q) ? ask_told(t, q) : declare_ours(t, d);
}

void stomp_queues_free(struct turn *t)
{
	struct stomp *s = t->s;
	must(t->w->post->loops_n > 0);
	if (s->told_to)
		mem_put(t->w->mem, s->told_to, t->w->post->loops_n * sizeof *s->told_to);
	s->told_to = NULL;
}

/* A subscription that lasts under ActiveMQ's name and was made for something else goes. ERR_BUSY:
 * it is asked for; ERR_OK: there is nothing to do. */
static enum err end_another(struct turn *t, const struct wanted *want, const struct queue_record *q)
{
	struct stomp *s = t->s;
	must(want->name.n > 0);
	if (!q || !stomp_amq_is_another(t, q))
		return ERR_OK;
	TRY(stomp_allow(t, AUTH_QUEUE, want->name, AUTH_CONFIGURE));
	uint32_t ticket = ask_ticket(&s->asker);
	ask_queue(&s->asker, t->w->post, CMD_QUEUE_DELETE, DELETE_IF_UNUSED, q, ticket);
	(void)stomp_ask(t, ticket);
	return ERR_BUSY;
}

/* In ActiveMQ's dialect a queue is taken as it is; where dead letters go is declared before the
 * queue that they come from, if the user may. Returns as end_another does. */
static enum err before_declaring(struct turn *t, const struct wanted *want,
				 const struct queue_record *q)
{
	struct stomp *s = t->s;
	struct slice dead = slice_str(DEFAULTS_DEAD_LETTERS);
	must(s->is_activemq);
	if (q || !stomp_amq_dies_to(t, want->name) || (s->call && s->call->has_dead) ||
	    catalog_queue(t->w->view, s->access.number, dead))
		return ERR_OK;
	struct declare_queue d = { .name = dead,
				   .vhost = s->access.number,
				   .flags = QUEUE_DURABLE,
				   .shard = ask_place(t->w->post, dead, QUEUE_DURABLE) };
	uint8_t rules_bytes[RULES_BYTES_MAX];
	struct queue_rules rules = rules_none();
	d.rules = slice_of(rules_bytes, rules_put(&rules, rules_bytes, sizeof rules_bytes));
	if (stomp_allow(t, AUTH_QUEUE, dead, AUTH_CONFIGURE) == ERR_OK) {
		stomp_call(t)->is_dead_asked = true;
		return declare(t, &d);
	}
	t->why = text_of(t->w->words, sizeof t->w->words);
	return ERR_OK;
}

enum err stomp_queue(struct turn *t, const struct wanted *want,
		     const struct queue_record **out_queue)
{
	struct stomp *s = t->s;
	const struct queue_record *q = catalog_queue(t->w->view, s->access.number, want->name);
	must(want->name.n > 0 && want->name.n <= LIMIT_SHORTSTR);
	if (s->call && s->call->is_dead_asked) { /* it is there, or it is not: no matter */
		s->call->is_dead_asked = false;
		s->call->has_dead = true;
		s->call->reply = (struct reply_row){ .err = ERR_OK };
	}
	const bool is_known = q && !want->is_passive && is_told(t, q);
	if (is_known && !s->is_activemq && is_plain(t, want, q)) {
		*out_queue = q;
		return ERR_OK;
	}
	if (s->call)
		TRY(look_at_reply(t, s->call));
	if (q || want->is_passive) {
		TRY(may_use(t, want->name, q));
		*out_queue = q;
	}
	if (want->is_passive)
		return ERR_OK;
	TRY(end_another(t, want, q));
	if (s->is_activemq)
		TRY(before_declaring(t, want, q));
	if (q && (s->is_activemq || is_as_it_is(t, want))) {
		if (is_known)
			return ERR_OK;
		if (!is_untold(s, q))
			return ask_told(t, q);
	}
	uint8_t room[ARGUMENTS_MAX], rules_bytes[RULES_BYTES_MAX];
	struct wr table = wr_of(room, sizeof room);
	struct queue_rules rules;
	struct declare_queue d = { .name = want->name,
				   .vhost = s->access.number,
				   .flags = want->flags,
				   .owner = want->flags & QUEUE_EXCLUSIVE ? s->session.handle : 0,
				   .shard = ask_place(t->w->post, want->name, want->flags) };
	TRY(stomp_arguments(t, q, &d, &table, &rules));
	const struct queue_args args = stomp_queue_args(t);
	if (!q)
		TRY(queue_args_type_on(&args, want->name, rules.type));
	d.rules = slice_of(rules_bytes, rules_put(&rules, rules_bytes, sizeof rules_bytes));
	if (!q || (!is_known && is_untold(s, q)))
		return declare(t, &d);
	TRY(queue_declare_same(&args, q, &d, s->session.handle));
	return is_known ? ERR_OK : ask_told(t, q);
}
