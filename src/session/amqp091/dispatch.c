#include "session/amqp091/amqp091.h"

#include "base/must.h"

enum where {
	WHERE_NOWHERE,
	WHERE_START,
	WHERE_TUNE,
	WHERE_OPEN,
	WHERE_RUNNING,
	WHERE_ANY,
	WHERE_CHANNEL,
	WHERE_NEW
};

typedef enum err handler(struct turn *t, struct channel *c, const struct amqp091_method *m);

static const struct {
	handler *run;
	enum where where;
} handlers[AMQP091_METHOD_N] = {
#define HANDLER(noun, verb, where, prose) \
	[AMQP091_##noun##_##verb] = { amqp091_on_##noun##_##verb, WHERE_##where },
#include "session/amqp091/handler.def"
#undef HANDLER
};

/* RabbitMQ's names of the phases, for its text. */
static const char *phase_words(enum phase p)
{
	switch (p) {
	case PHASE_GREETING:
	case PHASE_START:
	case PHASE_REFUSED: return "starting";
	case PHASE_TUNE: return "tuning";
	case PHASE_OPEN: return "opening";
	case PHASE_RUNNING: return "running";
	case PHASE_ENDING:
	case PHASE_CLOSING: return "closing";
	case PHASE_CLOSED: return "closed";
	}
	must(!"a phase that there is not");
}

static bool is_now(enum where where, enum phase p)
{
	must(p != PHASE_CLOSED);
	switch (where) {
	case WHERE_START: return p == PHASE_START;
	case WHERE_TUNE: return p == PHASE_TUNE;
	case WHERE_OPEN: return p == PHASE_OPEN;
	case WHERE_RUNNING: return p == PHASE_RUNNING;
	case WHERE_ANY: return p >= PHASE_START && p != PHASE_REFUSED;
	case WHERE_NOWHERE:
	case WHERE_CHANNEL:
	case WHERE_NEW: return false;
	}
	return false;
}

static enum err dispatch_connection(struct turn *t, const struct amqp091_method *m)
{
	must(m->kind < AMQP091_METHOD_N);
	if (is_now(handlers[m->kind].where, (enum phase)t->s->phase))
		return handlers[m->kind].run(t, NULL, m);
	text_puts(&t->why, "unexpected method in connection state ");
	return amqp091_refuse(t, ERR_CHANNEL_ERROR, phase_words((enum phase)t->s->phase));
}

/* On a channel that we have closed only the answer to that counts, and the client's own close. */
static enum err dispatch_closing(struct turn *t, struct channel *c, const struct amqp091_method *m)
{
	must(c->is_closing);
	if (m->kind == AMQP091_channel_close_ok)
		amqp091_channel_free(t, c);
	else if (m->kind == AMQP091_channel_close)
		amqp091_send_bare(t, c->number, AMQP091_channel_close_ok);
	return ERR_OK;
}

enum err amqp091_dispatch(struct turn *t, uint16_t channel, const struct amqp091_method *m)
{
	must(m->kind < AMQP091_METHOD_N);
	if (channel == 0)
		return dispatch_connection(t, m);
	must(t->s->phase == PHASE_RUNNING);
	struct channel *c = amqp091_channel(t->s, channel);
	enum where where = handlers[m->kind].where;
	if (c && c->is_closing)
		return dispatch_closing(t, c, m);
	if (where == WHERE_NEW && c)
		return amqp091_refuse(t, ERR_CHANNEL_ERROR, "second 'channel.open' seen");
	if (where == WHERE_NEW) {
		struct channel fresh = { .number = channel };
		return handlers[m->kind].run(t, &fresh, m);
	}
	if (!c)
		return amqp091_refuse(t, ERR_CHANNEL_ERROR, "expected 'channel.open'");
	if (where != WHERE_CHANNEL)
		return amqp091_refuse(t, ERR_COMMAND_INVALID, "unimplemented method");
	return handlers[m->kind].run(t, c, m);
}
