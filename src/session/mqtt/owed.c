#include "session/mqtt/mqtt.h"

#include "base/must.h"
#include "core/catalog_list.h"
#include "core/retain_store.h"
#include "session/mqtt/search.h"

/* What a kept session is to get of retained messages it gets, whatever becomes of the connection
 * and of the broker. Before its SUBSCRIBE is answered the store is asked for each subscription
 * whether it has anything; if so, a second binding beside the subscription's says that this is
 * owed, and goes when all of it is in the session's queue. A connection that ends before that
 * writes into the binding how far it has come, and the next one goes on there; after a crash it
 * begins where the binding says, and what had gone out comes once more. */

/* ---- owing -------------------------------------------------------------------------------- */

bool mqtt_is_due(const struct wish *wish)
{
	const struct sub *one = wish->sub;
	must(one != NULL);
	const uint8_t handling = one->options >> SUB_HANDLING_SHIFT & 3;
	return !one->is_shared &&
	       (handling == MQTT_RETAIN_ALWAYS || (handling == MQTT_RETAIN_IF_NEW && wish->is_new));
}

static void probe(struct turn *t, const struct queue_record *store, struct slice from)
{
	struct call *call = t->s->call;
	const struct credit_row one = { 1, UINT32_MAX };
	must(call->step == CALL_OWED && call->answers_n == 0);
	call->answers_n = 1;
	call->ticket = mqtt_find(t, store, sub_filter(call->wish[call->next].sub), from,
				 call->is_dotted, &one);
}

bool mqtt_owes(struct turn *t)
{
	struct mqtt *s = t->s;
	struct call *call = s->call;
	const struct queue_record *store = retain_store(t->w->view, s->asker.vhost);
	must(call->answers_n == 0);
	if (call->type != MQTT_SUBSCRIBE || call->id == 0 || !s->is_durable || !store)
		return false;
	if (call->step != CALL_OWED)
		call->next = 0;
	call->step = CALL_OWED;
	for (; call->next < call->n; call->next++) {
		const struct wish *wish = &call->wish[call->next];
		if (!wish->sub || (wish->sub->options & SUB_QOS) == 0 || !mqtt_is_due(wish))
			continue;
		call->is_dotted = false;
		probe(t, store, SLICE_EMPTY);
		return true;
	}
	return false;
}

bool mqtt_probed(struct turn *t, const struct run *fx, const struct reply_row *r)
{
	static const struct search_place beginning = { .topic_n = 0 };
	struct call *call = t->s->call;
	if (!call || call->step != CALL_OWED || fx->arg != call->ticket)
		return false;
	struct wish *wish = &call->wish[call->next];
	const struct queue_record *store = retain_store(t->w->view, t->s->asker.vhost);
	const bool is_end = r->err != ERR_OK || r->b || run_tail(fx).n == 0;
	call->answers_n = 0;
	if (r->err == ERR_OK && r->a > 0) {
		wish->is_owed = true;
		wish->ticket = mqtt_bind_owed(t, CMD_BIND, sub_filter(wish->sub), &beginning);
		call->answers_n = 1;
	} else if (store && (!is_end || !call->is_dotted)) {
		call->is_dotted |= is_end;
		probe(t, store, is_end ? SLICE_EMPTY : run_tail(fx));
	} else {
		call->next++;
	}
	return true;
}

/* ---- how far ------------------------------------------------------------------------------ */

static bool is_same(const struct search_place *a, const struct search_place *b)
{
	must(a->topic_n <= LIMIT_SHORTSTR);
	return a->is_dotted == b->is_dotted && a->topic_n == b->topic_n &&
	       memcmp(a->topic, b->topic, a->topic_n) == 0;
}

void mqtt_search_passed(struct turn *t, struct slice topic)
{
	struct search *one = t->s->more->searches;
	must(one && topic.n > 0);
	if (!one->is_owed || topic.n > LIMIT_SHORTSTR)
		return;
	memcpy(one->at.topic, topic.p, topic.n);
	one->at.topic_n = (uint8_t)topic.n;
}

/* What it has put into the queue must be there before the binding says so. */
bool mqtt_owed_note(struct turn *t)
{
	struct mqtt *s = t->s;
	struct search *one = s->more->searches;
	const struct queue_record *q = s->queue ? catalog_queue_by_id(t->w->view, s->queue) : NULL;
	must(s->search_ticket == TICKET_NONE);
	if (!one || !one->is_owed || s->phase != PHASE_RUNNING || !s->is_durable ||
	    s->expiry_s == 0 || !q || is_same(&one->at, &one->owed))
		return false;
	if (s->more->requeued_n > 0) {
		s->search_ticket = ask_ticket(&s->asker);
		ask_queue(&s->asker, t->w->post, CMD_QUEUE_STAT, 0, q, s->search_ticket);
		return true;
	}
	(void)mqtt_bind_owed(t, CMD_BIND, search_filter(one), &one->at);
	s->search_ticket = mqtt_bind_owed(t, CMD_UNBIND, search_filter(one), &one->owed);
	one->owed = one->at;
	return true;
}

/* ---- paid --------------------------------------------------------------------------------- */

/* A later SUBSCRIBE of the same filter may owe the same. */
static bool is_still_owed(const struct search *one)
{
	must(one->is_owed);
	for (const struct search *s = one->next; s; s = s->next)
		if (s->is_owed && slice_eq(search_filter(s), search_filter(one)) &&
		    is_same(&s->owed, &one->owed))
			return true;
	return false;
}

bool mqtt_owed_pay(struct turn *t)
{
	struct search *one = t->s->more->searches;
	must(one && t->s->search_ticket == TICKET_NONE);
	if (!one->is_owed || is_still_owed(one))
		return false;
	t->s->search_ticket = mqtt_bind_owed(t, CMD_UNBIND, search_filter(one), &one->owed);
	one->is_owed = false;
	return true;
}

void mqtt_owed_answered(struct turn *t)
{
	struct mqtt *s = t->s;
	must(s->phase == PHASE_RUNNING && s->search_ticket != TICKET_NONE);
	s->search_ticket = TICKET_NONE;
	if (s->is_end_wanted)
		mqtt_end(t);
	else
		mqtt_search_drain(t);
}

/* ---- again -------------------------------------------------------------------------------- */

void mqtt_owed_restored(struct turn *t)
{
	struct mqtt *s = t->s;
	must(s->phase == PHASE_OPENING);
	for (struct search *one = s->more->searches; one; one = one->next) {
		const struct sub *sub = subs_find(s->subs, search_filter(one));
		one->is_left = !sub;
		one->options = sub ? sub->options : 0;
		one->number = sub ? sub->number : 0;
		s->more->requeued_n = 1; /* look first what waits in the queue already */
	}
}

void mqtt_search_leave(const struct mqtt *s, struct slice filter)
{
	must(filter.n > 0);
	for (struct search *one = s->more->searches; one; one = one->next)
		one->is_left |= slice_eq(search_filter(one), filter);
}
