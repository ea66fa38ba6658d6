#include "sim/turns_state.h"

void turns_answered(struct stage *s, uint32_t number, bool is_refused)
{
	turns_of(s)->message[number].is_confirmed = !is_refused;
}

/* Nobody else does anything, so everything that is better than what came is not there. */
static void judge_rank(struct turns *t, uint32_t number)
{
	const struct message *m = number ? &t->message[number] : NULL;
	must(number <= t->stage.sent_n);
	if (m && m->state != WAITS && m->state != MAYBE)
		stage_wrong(&t->stage, "message %u was fetched again", number);
	for (uint32_t i = 1; i <= t->stage.sent_n; i++) {
		struct message *o = &t->message[i];
		bool is_better = !m || o->lane > m->lane || (o->lane == m->lane && i < number);
		if (o->queue != RANK || !is_better)
			continue;
		if (o->state == WAITS)
			stage_wrong(&t->stage, "message %u was fetched though %u comes before it",
				    number, i);
		if (o->state == MAYBE)
			o->state = GONE;
	}
}

static void judge_one(struct turns *t, struct side *s, uint32_t number)
{
	for (uint32_t i = 0; i < CLIENTS; i++)
		if (&t->side[i] != s && t->side[i].consumer && t->side[i].came_n)
			stage_wrong(&t->stage, "two consumers are active: %u and %u", s->consumer,
				    t->side[i].consumer);
	if (s->came_n == 0 && t->owed && number > t->owed)
		stage_wrong(&t->stage, "message %u came before %u, which was given back", number,
			    t->owed);
	must(s->consumer <= t->consumers_n);
	if (s->came_n++ == 0)
		t->owed = 0;
}

void turns_came(struct stage *st, struct actor *a, const struct arrival *x)
{
	struct turns *t = turns_of(st);
	struct side *s = &t->side[a->index];
	struct message *m = &t->message[x->number];
	if (s->is_closing)
		return;
	m->is_seen = true;
	if ((m->queue == RANK) != (x->consumer == STAGE_FETCHED))
		stage_wrong(st, "message %u came from another queue", x->number);
	if (m->queue == RANK) {
		judge_rank(t, x->number);
		m->state = HELD;
		t->got_n++;
	} else if (x->consumer == s->consumer) { /* else it was on its way when that ended */
		judge_one(t, s, x->number);
	}
	must(s->held_n < HELD_MAX);
	s->held[s->held_n++] = (struct held){ x->tag, x->number, x->consumer };
}

void turns_heard(struct stage *st, struct actor *a, const struct amqp091_method *m)
{
	struct turns *t = turns_of(st);
	struct side *s = &t->side[a->index];
	switch (m->kind) {
	case AMQP091_channel_close_ok: s->is_closing = false; break;
	case AMQP091_confirm_select_ok: s->is_ready = true; break;
	case AMQP091_basic_get_empty: judge_rank(t, 0); break;
	case AMQP091_basic_cancel: stage_wrong(st, "the broker cancels a consumer"); break;
	default: break;
	}
}
