#include "session/amqp091/patience.h"

#include "base/ablate.h"
#include "base/bits.h"
#include "base/must.h"

#define NOTES        8u
#define WHILE_ANSWER 10u /* ms: until the next look, while a command is being answered */

struct patience {
	struct patience *next; /* of the session */
	struct consumer *consumer;
	uint64_t timeout_ms, look_ms;
	uint64_t tag[NOTES]; /* next tags of the channel, at the last looks */
	uint32_t at;         /* the oldest */
	bool is_over;        /* being cancelled */
};

/* ---- with and without --------------------------------------------------------------------- */

static uint64_t step_ms(const struct patience *p)
{
	must(p->timeout_ms > 0);
	return (p->timeout_ms + NOTES - 1) / NOTES;
}

static void next_look(struct amqp091 *s)
{
	s->patience_ms = UINT64_MAX;
	for (const struct patience *p = s->patience; p; p = p->next)
		if (!p->is_over && p->look_ms < s->patience_ms)
			s->patience_ms = p->look_ms;
	must(s->patience || s->patience_ms == UINT64_MAX);
}

bool amqp091_patience_begin(struct turn *t, struct consumer *k, uint64_t timeout_ms)
{
	struct amqp091 *s = t->s;
	struct patience *p = mem_get(t->w->mem, sizeof *p, "patience");
	must(timeout_ms > 0 && !k->is_patient);
	if (!p)
		return false;
	*p = (struct patience){ .next = s->patience, .consumer = k, .timeout_ms = timeout_ms };
	p->look_ms = t->w->now_ms + step_ms(p);
	s->patience = p;
	k->is_patient = true;
	next_look(s);
	return true;
}

void amqp091_patience_end(struct turn *t, struct consumer *k)
{
	struct patience **at = &t->s->patience;
	if (!k->is_patient)
		return;
	while ((*at)->consumer != k)
		at = &(*at)->next;
	struct patience *p = *at;
	*at = p->next;
	k->is_patient = false;
	amqp091_put(t, p, sizeof *p);
	next_look(t->s);
}

/* ---- too late ----------------------------------------------------------------------------- */

static bool holds_before(const struct consumer *k, uint64_t tag)
{
	const struct deque *d = &k->channel->unacked;
	must(k->channel->number > 0);
	for (size_t i = 0; i < d->n; i++) {
		const struct unacked *u = deque_at(d, i);
		if (u->tag >= tag)
			return false;
		if (u->consumer == k->id && !u->is_gone)
			return true;
	}
	return false;
}

static void close_channel(struct turn *t, struct channel *c, uint64_t timeout_ms)
{
	must(t->why.n == 0);
	text_putf(&t->why,
		  "delivery acknowledgement on channel %u timed out. Timeout value used: %llu ms. "
		  "This timeout value can be configured, see consumers doc guide to learn more",
		  c->number, (unsigned long long)timeout_ms);
	amqp091_channel_fail(t, c, ERR_PRECONDITION_FAILED, 0, 0);
}

/* First the shard stops giving; amqp091_unsubscribed goes on. */
static void give_up(struct turn *t, struct patience *p)
{
	struct amqp091 *s = t->s;
	struct consumer *k = p->consumer;
	struct channel *c = k->channel;
	must(!s->call && k->end == CONSUMER_LIVES);
	if (t->w->limits->consumer_timeout_closes || !(s->client & CLIENT_CANCEL_NOTIFY)) {
		close_channel(t, c, p->timeout_ms);
		return;
	}
	p->is_over = true;
	k->end = CONSUMER_ASKED;
	amqp091_command_queue(t, CMD_UNSUBSCRIBE, UNSUBSCRIBE_ENDING, c->number, k->queue, k->shard,
			      k->id);
	amqp091_call(t, AMQP091_basic_cancel, c->number, k->id, SLICE_EMPTY, SLICE_EMPTY)
		->is_nowait = true;
}

static bool is_late(struct patience *p, uint64_t now_ms)
{
	const struct consumer *k = p->consumer;
	bool is_over = holds_before(k, p->tag[p->at]);
	must(p->at < NOTES);
	p->tag[p->at] = k->channel->next_tag;
	p->at = (p->at + 1) % NOTES;
	p->look_ms = now_ms + step_ms(p);
	return is_over && !ABLATED(consumer_timeout);
}

void amqp091_patience_look(struct turn *t)
{
	struct amqp091 *s = t->s;
	uint64_t now_ms = t->w->now_ms;
	if (now_ms < s->patience_ms)
		return;
	if (s->call || s->phase != PHASE_RUNNING) {
		s->patience_ms = s->phase > PHASE_RUNNING ? UINT64_MAX : now_ms + WHILE_ANSWER;
		return;
	}
	for (struct patience *p = s->patience; p && !s->call; p = p->next) {
		if (p->is_over || p->consumer->end != CONSUMER_LIVES || now_ms < p->look_ms ||
		    !is_late(p, now_ms))
			continue;
		give_up(t, p);
		break; /* the list may be another now */
	}
	next_look(s);
	must(s->patience_ms > 0);
}

void amqp091_patience_over(struct turn *t, struct consumer *k)
{
	struct channel *c = k->channel;
	struct amqp091_method m = { .kind = AMQP091_basic_cancel };
	const struct patience *p = t->s->patience;
	while (p && p->consumer != k)
		p = p->next;
	if (!p || !p->is_over)
		return;
	must(k->end == CONSUMER_ENDED);
	amqp091_unacked_back(t, c, k->id);
	c->late_tag = c->next_tag;
	m.basic_cancel.consumer_tag = slice_of(k->tag, k->tag_n);
	m.basic_cancel.nowait = true;
	amqp091_send(t, c->number, &m);
	amqp091_note(t, &(struct session_note){ .event = SESSION_CONSUMER_TIMEOUT,
						.channel = c->number,
						.n = (uint32_t)min_u64(p->timeout_ms, UINT32_MAX),
						.text = m.basic_cancel.consumer_tag });
}
