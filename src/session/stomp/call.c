#include "session/stomp/activemq.h"

#include "base/must.h"

struct call *stomp_call(struct turn *t)
{
	struct stomp *s = t->s;
	if (s->call)
		return s->call;
	must(s->phase != PHASE_CLOSED);
	s->call = mem_get(t->w->mem, sizeof *s->call, "stomp call");
	must(s->call != NULL);
	*s->call = (struct call){ .ticket = TICKET_NONE };
	return s->call;
}

void stomp_call_free(struct turn *t)
{
	struct stomp *s = t->s;
	must(s->phase <= PHASE_CLOSED);
	mem_put(t->w->mem, s->call, sizeof *s->call);
	s->call = NULL;
}

enum done stomp_ask(struct turn *t, uint32_t ticket)
{
	struct call *c = stomp_call(t);
	must(c->ticket == TICKET_NONE && ticket != TICKET_NONE);
	c->ticket = ticket;
	return WAIT;
}

enum done stomp_call_failed(struct turn *t)
{
	struct call *c = t->s->call;
	must(c && c->reply.err != ERR_OK);
	text_put_slice(&t->why, slice_of(c->text, c->text_n));
	return stomp_fail_err(t, (enum err)c->reply.err);
}

static void keep(struct call *c, const struct run *fx)
{
	struct slice text = run_tail(fx);
	must(fx->n == 1);
	memcpy(&c->reply, fx + 1, sizeof c->reply);
	c->text_n = (uint16_t)(text.n < CALL_TEXT_MAX ? text.n : CALL_TEXT_MAX);
	if (c->text_n)
		memcpy(c->text, text.p, c->text_n);
	c->ticket = TICKET_NONE;
}

void stomp_replied(struct turn *t, struct run *fx)
{
	struct stomp *s = t->s;
	struct reply_row r;
	must(fx->n == 1 && fx->row_bytes == sizeof r);
	memcpy(&r, fx + 1, sizeof r);
	if (r.op == CMD_BROWSE) {
		browser_page(&s->browser, t->w, fx);
		return;
	}
	if (r.op == CMD_TX) {
		publisher_decided(&s->publisher, fx);
		stomp_confirmed(t);
		return;
	}
	if (s->farewell.is_begun) {
		farewell_answered(&s->farewell, t->w, &s->asker, fx, s->owns_queues);
		if (s->farewell.is_over)
			stomp_ended(t);
		return;
	}
	if (s->phase == PHASE_CLAIMING && r.op == CMD_CLAIM) {
		stomp_claimed(t, (enum err)r.err);
		return;
	}
	if (r.op == CMD_SUBSCRIBE && stomp_wild_answered(t, (uint32_t)fx->arg, (enum err)r.err))
		return;
	struct call *c = s->call;
	if (!c || c->ticket == TICKET_NONE || (uint32_t)fx->arg != c->ticket)
		return;
	struct taker *k = r.op == CMD_UNSUBSCRIBE ? receiver_taker(&s->receiver, c->ticket) : NULL;
	if (k)
		receiver_unsubscribed(&s->receiver, t->w, k); /* answered when it has ended */
	else
		keep(c, fx);
}
