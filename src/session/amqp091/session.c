#include "session/amqp091/direct.h"
#include "session/amqp091/patience.h"

#include "base/bits.h"
#include "base/must.h"

void amqp091_turn(struct turn *t, struct session *s, struct session_world *w)
{
	must(s->ops == &amqp091_session_ops);
	t->s = amqp091_of(s);
	t->w = w;
	t->block = NULL;
	t->fan = NULL;
	t->again = NULL;
	t->commits = NULL;
	t->gone = (struct refs){ 0 };
	t->move_to = 0;
	t->why = text_of(w->words, sizeof w->words);
}

void *amqp091_get(struct turn *t, size_t n, const char *kind)
{
	void *p = mem_get(t->w->mem, n, kind);
	must(p != NULL);
	return p;
}

void amqp091_put(struct turn *t, void *own_p, size_t n)
{
	mem_put(t->w->mem, own_p, n);
}

struct slice amqp091_vhost_name(const struct turn *t)
{
	return access_vhost_name(&t->s->access);
}

uint32_t amqp091_ticket(struct amqp091 *s)
{
	if (++s->next_ticket == TICKET_NONE)
		s->next_ticket++;
	return s->next_ticket;
}

void amqp091_note(struct turn *t, const struct session_note *what)
{
	struct session_note note = *what;
	must(note.session == 0);
	note.session = t->s->session.handle;
	session_events_put(t->w->events, &note);
}

void amqp091_trim(struct turn *t)
{
	struct amqp091 *s = t->s;
	size_t cursor = 0;
	must(s->phase == PHASE_RUNNING);
	deque_trim(&s->waiting, t->w->mem);
	for (struct map_slot *slot; (slot = map_next(&s->channels, &cursor)) != NULL;) {
		struct channel *c = (struct channel *)(uintptr_t)slot->value;
		deque_trim(&c->unacked, t->w->mem);
		if (c->confirm)
			deque_trim(&c->confirm->window, t->w->mem);
	}
}

static struct session *session_new(struct session_world *w, uint64_t handle, struct slice peer,
				   bool is_loopback)
{
	(void)peer;
	struct amqp091 *s = mem_get(w->mem, sizeof *s, "amqp091 session");
	if (!s)
		return NULL;
	*s = (struct amqp091){
		.session = { .ops = &amqp091_session_ops, .handle = handle },
		.phase = PHASE_GREETING,
		.access = { .is_loopback = is_loopback },
		.frame_max = w->limits->initial_frame_max,
		.deadline_ms = w->now_ms + w->limits->handshake_timeout_ms,
		.beat_ms = UINT64_MAX,
		.patience_ms = UINT64_MAX,
	};
	map_init(&s->channels, NULL, 0, handle);
	map_init(&s->consumers, NULL, 0, handle);
	deque_init(&s->waiting, sizeof(struct waiting), "waiting deliveries");
	return &s->session;
}

static void session_tell(struct session *own, struct session_world *w, struct run *fx)
{
	struct turn t;
	amqp091_turn(&t, own, w);
	switch ((enum fx)fx->kind) {
	case FX_DELIVER: amqp091_delivered(&t, fx); return;
	case FX_CONFIRM:
	case FX_REFUSED: amqp091_confirmed(&t, fx); return;
	case FX_REPLY: amqp091_reply(&t, fx); return;
	case FX_CANCELLED: amqp091_cancelled(&t, fx); return;
	case FX_BLOCKED:
	case FX_UNBLOCKED: amqp091_blocked_look(&t); return;
	case FX_DIRECT: amqp091_direct(&t, fx); return;
	case FX_DIRECTED: amqp091_directed(&t, fx); return;
	case FX_CLAIMED:
	case FX_SHED:
	case FX_SEEN:
	case FX_TRACE:
	case FX_REPLAY:
	case FX_DEAD_LETTER: return; /* to others */
	}
	must(!"an effect that no table has");
}

static bool session_ready(const struct session *own, const struct session_world *w)
{
	const struct amqp091 *s = (const struct amqp091 *)(const void *)own;
	return amqp091_may_read(s, w);
}

static void session_pump(struct session *own, struct session_world *w)
{
	struct turn t;
	amqp091_turn(&t, own, w);
	if (t.s->is_gone)
		return;
	amqp091_access_look(&t);
	amqp091_blocked_look(&t);
	amqp091_confirm_flush(&t);
	amqp091_drain(&t);
	amqp091_credit_flush(&t);
}

static uint64_t session_deadline(const struct session *own)
{
	const struct amqp091 *s = (const struct amqp091 *)(const void *)own;
	if (s->phase == PHASE_CLOSED)
		return 0; /* an end that came with an effect: tick says so */
	return min_u64(min_u64(s->deadline_ms, s->beat_ms), s->patience_ms);
}

static enum feed session_tick(struct session *own, struct session_world *w)
{
	struct turn t;
	amqp091_turn(&t, own, w);
	struct amqp091 *s = t.s;
	if (s->phase == PHASE_CLOSED)
		return FEED_CLOSE;
	if (w->now_ms >= s->deadline_ms) {
		if (s->phase == PHASE_REFUSED) {
			amqp091_refused_over(&t);
		} else {
			if (s->phase < PHASE_RUNNING)
				amqp091_note(&t, &(struct session_note){
							 .event = SESSION_HANDSHAKE_TIMEOUT,
							 .n = w->limits->handshake_timeout_ms });
			s->phase = PHASE_CLOSED;
		}
	}
	if (s->phase != PHASE_CLOSED && !amqp091_beat(&t)) {
		amqp091_note(&t, &(struct session_note){ .event = SESSION_HEARTBEAT_LOST,
							 .n = 2u * s->heartbeat_s });
		s->phase = PHASE_CLOSED;
	}
	amqp091_patience_look(&t);
	return s->phase == PHASE_CLOSED ? FEED_CLOSE : FEED_MORE;
}

static void session_stop(struct session *own, struct session_world *w, struct slice why)
{
	char room[SESSION_STOP_BYTES];
	struct turn t;
	amqp091_turn(&t, own, w);
	if (t.s->phase == PHASE_OPEN || t.s->phase == PHASE_RUNNING)
		amqp091_send_close(&t, amqp091_code(ERR_CONNECTION_FORCED),
				   session_stop_words(why, room), 0, 0);
	else if (t.s->phase < PHASE_ENDING)
		t.s->phase = PHASE_CLOSED;
}

static bool session_gone(struct session *own, struct session_world *w)
{
	struct turn t;
	amqp091_turn(&t, own, w);
	t.s->is_gone = true;
	return amqp091_end_quietly(&t);
}

static void session_free(struct session *own, struct session_world *w)
{
	struct turn t;
	amqp091_turn(&t, own, w);
	struct amqp091 *s = t.s;
	size_t cursor = 0;
	for (struct map_slot *slot; (slot = map_next(&s->channels, &cursor)) != NULL;)
		amqp091_channel_free(&t, (struct channel *)(uintptr_t)slot->value);
	amqp091_waiting_drop(&t);
	amqp091_stream_drop(&t);
	amqp091_call_free(&t);
	must(s->consumers.n == 0);
	map_fini(&s->channels, w->mem);
	map_fini(&s->consumers, w->mem);
	deque_fini(&s->waiting, w->mem);
	sendq_fini(&own->sendq, w->mem);
	access_fini(&s->access, w);
	mem_put(w->mem, s->client_name, s->client_name_n);
	mem_put(w->mem, s, sizeof *s);
}

static void session_moved(struct session *own, uint64_t handle)
{
	must(amqp091_is_quiet(amqp091_of(own)) && own->handle != handle);
}

const struct session_ops amqp091_session_ops = {
	.name = "amqp091",
	.new = session_new,
	.feed = amqp091_feed,
	.tell = session_tell,
	.ready = session_ready,
	.pump = session_pump,
	.loaded = amqp091_loaded,
	.stored = amqp091_stored,
	.checked = amqp091_checked,
	.deadline = session_deadline,
	.tick = session_tick,
	.stop = session_stop,
	.gone = session_gone,
	.free = session_free,
	.moved = session_moved,
	.dump = amqp091_dump,
	.print = amqp091_print,
};
