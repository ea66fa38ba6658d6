#include "session/stomp/later.h"

#include "base/must.h"
#include "core/delay_store.h"
#include "core/rules.h"
#include "session/stomp/activemq.h"
#include "wire/stomp/later.h"
#include "wire/stomp/stored.h"

static bool refuse(struct turn *t, const char *words, struct slice what)
{
	must(t->s->is_activemq);
	(void)stomp_amq_refuse(t, words, what, "");
	return false;
}

/* Fields that say when. False: refused. */
static bool read_cron(struct turn *t, const struct stomp_later *l)
{
	struct stomp_cron c;
	const char *wrong;
	must(l->cron.n > 0);
	if (!stomp_cron_read(l->cron, &c, &wrong))
		return refuse(t, "AMQ_SCHEDULED_CRON makes no sense: ", slice_str(wrong));
	if (l->repeat < 0)
		return refuse(t, "With AMQ_SCHEDULED_CRON nothing is repeated for ever",
			      SLICE_EMPTY);
	return true;
}

bool stomp_later_read(struct turn *t, struct sending *m)
{
	struct slice head = t->frame->head, name, value;
	struct stomp_later l = { .has = 0 };
	must(m->due_ms == 0);
	while (stomp_line(&head, &name, &value))
		if (!stomp_later_take(&l, name,
				      stomp_trim(value, (enum stomp_version)t->s->version)))
			return refuse(t, "Not a number: ", name);
	if (!stomp_later_is(&l))
		return true;
	if (l.cron.n > 0 && !read_cron(t, &l))
		return false;
	if (l.repeat > STOMP_LATER_REPEAT_MAX)
		return refuse(t, "The scheduled repeat value is too large", SLICE_EMPTY);
	if (l.repeat < 0 && l.period_ms <= 0)
		return refuse(t, "What is repeated for ever needs an AMQ_SCHEDULED_PERIOD",
			      SLICE_EMPTY);
	m->due_ms = stomp_later_first(&l, t->w->zone, session_late_ms(t->w));
	return m->due_ms != 0 || refuse(t, "AMQ_SCHEDULED_CRON never comes: ", l.cron);
}

enum done stomp_later_store(struct turn *t, bool *out_is_refused)
{
	uint8_t bytes[RULES_BYTES_MAX];
	const struct declare_queue d = delay_store_declares(t->s->access.number, bytes);
	const struct queue_record *q;
	const enum err e = stomp_queue_ours(t, &d, &q);
	must(t->s->is_activemq);
	*out_is_refused = e != ERR_OK && e != ERR_BUSY;
	if (*out_is_refused)
		return stomp_fail_err(t, e);
	return e == ERR_BUSY ? WAIT : DONE;
}

void stomp_later_job(const struct turn *t, struct wr *w)
{
	char room[LATER_JOB_MAX];
	struct text id = text_of(room, sizeof room);
	must(t->s->name_n > 0);
	text_puts(&id, "ID:");
	text_put_slice(&id, stomp_name(t->s));
	text_putf(&id, ":%llu", (unsigned long long)t->s->published);
	must(!text_is_full(&id));
	stomp_stored_put_one(w, slice_str(STOMP_LATER_JOB), text_slice(&id));
}

void stomp_later_hit(const struct turn *t, const struct route_hit *of, uint64_t due_ms,
		     struct later *l)
{
	const struct queue_record *store = delay_store(t->w->view, t->s->access.number);
	must(store != NULL && due_ms > 0);
	l->to = delay_store_to(store, due_ms);
	l->route = (struct route){ .to = &l->to, .n = 1, .delays_n = 1 };
	l->hit = *of;
	l->hit.route = &l->route;
	l->hit.varies = true;
}
