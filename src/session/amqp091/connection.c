#include "session/amqp091/publish.h"

#include "base/must.h"

/* ---- the end ------------------------------------------------------------------------------ */

void amqp091_send_close(struct turn *t, uint16_t code, struct slice text, uint16_t class_id,
			uint16_t method_id)
{
	struct amqp091_method m = { .kind = AMQP091_connection_close };
	must(code > 0);
	m.connection_close.reply_code = code;
	m.connection_close.reply_text = text;
	m.connection_close.class_id = class_id;
	m.connection_close.method_id = method_id;
	amqp091_send(t, 0, &m);
	t->s->phase = PHASE_CLOSING;
	t->s->deadline_ms = t->w->now_ms + LIMIT_CLOSE_OK_TIMEOUT_MS;
}

void amqp091_fail(struct turn *t, enum err e, uint16_t class_id, uint16_t method_id)
{
	char buf[TEXT_MAX];
	struct slice text = amqp091_reply_text(t, e, buf, sizeof buf);
	must(t->s->phase >= PHASE_TUNE);
	if (t->s->phase >= PHASE_ENDING)
		return;
	amqp091_note(t, &(struct session_note){
				.event = SESSION_ERROR, .text = text, .code = amqp091_code(e) });
	amqp091_end_connection(t, amqp091_code(e), text, class_id, method_id);
}

void amqp091_access_look(struct turn *t)
{
	must(!t->s->is_gone);
	if (t->s->phase != PHASE_RUNNING || access_look(&t->s->access, t->w, &t->why) == ERR_OK)
		return;
	amqp091_fail(t, ERR_CONNECTION_FORCED, 0, 0);
	t->why = text_of(t->w->words, sizeof t->w->words);
}

bool amqp091_end_quietly(struct turn *t)
{
	struct amqp091 *s = t->s;
	must(s->is_gone);
	if (!s->is_ended)
		amqp091_end_connection(t, 0, SLICE_EMPTY, 0, 0);
	return s->phase != PHASE_ENDING;
}

enum err amqp091_on_connection_close(struct turn *t, struct channel *c,
				     const struct amqp091_method *m)
{
	must(c == NULL);
	amqp091_note(t, &(struct session_note){ .event = SESSION_CLOSED,
						.text = m->connection_close.reply_text });
	amqp091_end_connection(t, 0, SLICE_EMPTY, 0, 0);
	return ERR_OK;
}

/* ---- alarms ------------------------------------------------------------------------------- */

bool amqp091_hold(struct turn *t)
{
	struct amqp091 *s = t->s;
	must(s->phase == PHASE_RUNNING);
	if (!t->w->is_blocked)
		return false;
	s->is_held = true;
	amqp091_blocked_look(t);
	return true;
}

/* connection.blocked goes to those who publish while an alarm stands, unblocked to those who have
 * been told. */
void amqp091_blocked_look(struct turn *t)
{
	struct amqp091 *s = t->s;
	must(!s->is_blocked_told || s->client & CLIENT_BLOCKED);
	if (s->phase != PHASE_RUNNING)
		return;
	if (s->is_held && t->w->is_blocked && !s->is_blocked_told && s->client & CLIENT_BLOCKED) {
		struct amqp091_method m = { .kind = AMQP091_connection_blocked };
		m.connection_blocked.reason = t->w->blocked_reason;
		amqp091_send(t, 0, &m);
		s->is_blocked_told = true;
	}
	if (s->is_blocked_told && !t->w->is_blocked) {
		amqp091_send_bare(t, 0, AMQP091_connection_unblocked);
		s->is_blocked_told = false;
	}
}

/* ---- moving to another loop --------------------------------------------------------------- */

bool amqp091_is_quiet(const struct amqp091 *s)
{
	must(s->session.ops == &amqp091_session_ops);
	return s->phase == PHASE_RUNNING && !s->call && !s->owns_queues && !s->has_settled &&
	       s->consumers.n == 0 && s->waiting.n == 0 && !s->stream && s->storing_n == 0 &&
	       s->held_n == 0 && s->unconfirmed_bytes == 0 && s->directed_n == 0 && s->txs_n == 0 &&
	       s->pace_seq == 0 && s->pace_bytes == 0 && !s->news;
}

/* Routes live in the memory of the loop that found them. */
static void drop_routes(struct amqp091 *s)
{
	size_t cursor = 0;
	must(s->consumers.n == 0);
	for (struct map_slot *slot; (slot = map_next(&s->channels, &cursor)) != NULL;) {
		struct channel *c = (struct channel *)(uintptr_t)slot->value;
		route_cache_free(c->routes);
		c->routes = NULL;
	}
}

/* Nothing may be under way that could be overtaken. Of a publish without confirm nobody knows: a
 * mark tells only of the shards of one message. Nor of what was given back: a get on the way behind
 * it could find nothing. */
bool amqp091_wants_move(struct turn *t, uint16_t shard)
{
	struct amqp091 *s = t->s;
	const struct post *p = t->w->post;
	must(shard < SHARDS_MAX);
	if (p->loop_of_shard[shard] == p->loop || !moves_may(&s->moves, t->w->now_ms) ||
	    !amqp091_is_quiet(s))
		return false;
	size_t cursor = 0;
	for (struct map_slot *slot; (slot = map_next(&s->channels, &cursor)) != NULL;)
		if (((struct channel *)(uintptr_t)slot->value)->assembly)
			return false;
	drop_routes(s);
	moves_note(&s->moves, t->w->now_ms);
	t->move_to = p->loop_of_shard[shard];
	return true;
}
