#include "session/stomp/stomp.h"

#include "base/must.h"
#include "core/rules.h"

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

static enum err declare(struct turn *t, const struct declare_queue *d)
{
	struct stomp *s = t->s;
	bool is_made = s->call && s->call->name_n > 0;
	must(d->name.n > 0);
	TRY(stomp_allow(t, AUTH_QUEUE, d->name, AUTH_CONFIGURE));
	if (!is_made && slice_starts_with(d->name, slice_str("amq.")))
		return refuse_named(t, ERR_ACCESS_REFUSED, "queue name ", d->name,
				    " contains reserved prefix 'amq.*'");
	if (d->owner)
		s->owns_queues = true;
	(void)stomp_ask(t, ask_declare(&s->asker, t->w, d));
	return ERR_BUSY;
}

static enum err find(struct turn *t, struct slice name, const struct queue_record *q)
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

/* Most queues are as they were declared first, without arguments. */
static bool is_plain(const struct turn *t, const struct wanted *want, const struct queue_record *q)
{
	uint64_t declares = 0;
#define ARGUMENT(header, kind, rule, types, prose) declares |= UINT64_C(1) << STOMP_H_##header;
#include "session/stomp/argument.def"
#undef ARGUMENT
	must(t->head != NULL);
	return !(t->head->has & declares) && q->arguments.n == 0 && !q->owner &&
	       q->flags == want->flags;
}

enum err stomp_queue(struct turn *t, const struct wanted *want,
		     const struct queue_record **out_queue)
{
	struct stomp *s = t->s;
	const struct queue_record *q = catalog_queue(t->w->view, s->access.number, want->name);
	must(want->name.n > 0 && want->name.n <= LIMIT_SHORTSTR);
	if (q && !want->is_passive && is_plain(t, want, q)) {
		*out_queue = q;
		return ERR_OK;
	}
	if (s->call)
		TRY(look_at_reply(t, s->call));
	if (q || want->is_passive) {
		TRY(find(t, want->name, q));
		*out_queue = q;
	}
	if (want->is_passive)
		return ERR_OK;
	uint8_t room[ARGUMENTS_MAX], rules_bytes[RULES_BYTES_MAX];
	struct wr table = wr_of(room, sizeof room);
	struct queue_rules rules;
	struct declare_queue d = { .name = want->name,
				   .vhost = s->access.number,
				   .flags = want->flags,
				   .owner = want->flags & QUEUE_EXCLUSIVE ? s->session.handle : 0,
				   .shard = ask_place(t->w->post, want->name, want->flags) };
	TRY(stomp_arguments(t, want->name, &table, &rules));
	d.arguments = wr_done(&table);
	d.rules = slice_of(rules_bytes, rules_put(&rules, rules_bytes, sizeof rules_bytes));
	if (!q)
		return declare(t, &d);
	TRY(catalog_queue_same(q, &d, s->session.handle, access_vhost_name(&s->access), &t->why));
	return stomp_arguments_same(t, q->name, q->arguments, d.arguments);
}
