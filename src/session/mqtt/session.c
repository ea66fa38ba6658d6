#include "session/mqtt/mqtt.h"

#include "base/bits.h"
#include "base/must.h"
#include "session/mqtt/mark.h"
#include "session/mqtt/prove.h"

#define REFUSED_TOLD_MAX 8u

/* ---- memory, names, the log --------------------------------------------------------------- */

void *mqtt_get(struct turn *t, size_t n, const char *kind)
{
	void *p = mem_get(t->w->mem, n, kind);
	if (!p)
		must(!"no memory for a conversation");
	return p;
}

void mqtt_put(struct turn *t, void *own_p, size_t n)
{
	must(own_p || n == 0);
	mem_put(t->w->mem, own_p, n);
}

struct slice mqtt_keep(struct turn *t, struct slice s, const char *kind)
{
	must(s.p || s.n == 0);
	if (s.n == 0)
		return SLICE_EMPTY;
	void *copy = mqtt_get(t, s.n, kind);
	memcpy(copy, s.p, s.n);
	return slice_of(copy, s.n);
}

void mqtt_unkeep(struct turn *t, struct slice *own_s)
{
	must(own_s != NULL);
	if (own_s->n)
		mqtt_put(t, (void *)(uintptr_t)own_s->p, own_s->n);
	*own_s = SLICE_EMPTY;
}

void mqtt_note(struct turn *t, const struct session_note *what)
{
	struct session_note note = *what;
	note.session = t->s->session.handle;
	must(note.session != 0);
	session_events_put(t->w->events, &note);
}

void mqtt_note_refused(struct turn *t, struct slice filter, uint8_t reason)
{
	struct mqtt *s = t->s;
	must(reason >= MQTT_REASON_FAILURE && s->refused_n <= REFUSED_TOLD_MAX);
	if (s->refused_n == REFUSED_TOLD_MAX)
		return;
	s->refused_n++;
	if (t->why.n == 0)
		text_puts(&t->why, mqtt_reason_text(reason));
	mqtt_note(t, &(struct session_note){ .event = SESSION_TOPIC_REFUSED,
					     .code = reason,
					     .reason = text_slice(&t->why),
					     .text = filter });
}

void mqtt_turn(struct turn *t, struct session *s, struct session_world *w)
{
	must(s->ops == &mqtt_session_ops);
	*t = (struct turn){ .s = mqtt_of(s),
			    .w = w,
			    .set = w->limits->mqtt,
			    .why = text_of(w->words, sizeof w->words) };
	if (t->s->moved_from)
		mqtt_moved(t);
}

/* ---- the door ----------------------------------------------------------------------------- */

static struct session *session_new(struct session_world *w, uint64_t handle, struct slice peer,
				   bool is_loopback)
{
	struct mqtt *s = mem_get(w->mem, sizeof *s, "conversation");
	(void)peer;
	must(w->limits->mqtt != NULL);
	if (!s)
		return NULL;
	*s = (struct mqtt){ .session = { .ops = &mqtt_session_ops, .handle = handle },
			    .access = { .is_loopback = is_loopback },
			    .asker = { .session = handle, .channel = 1 },
			    .phase = PHASE_GREETING,
			    .deadline_ms = w->now_ms + w->limits->mqtt->login_timeout_ms,
			    .beat_ms = UINT64_MAX,
			    .sys_ms = UINT64_MAX };
	meter_add(w->lane, METER_sockets, 1);
	publisher_init(&s->publisher);
	receiver_init(&s->receiver, &mqtt_receiver_ops, &s->session, &s->asker);
	mqtt_more_init(s);
	return &s->session;
}

/* A warning, or just the reason why it closed: clients that take a client id from each other would
 * fill the log. `n` of them went since the last warning; 0: that is less than a minute ago. */
static void note_taken_over(struct turn *t, uint64_t n)
{
	char room[MQTT_REASON_WORDS];
	struct text words = text_of(room, sizeof room);
	must(t->s->phase < PHASE_ENDING);
	text_puts(&words, "session taken over");
	if (n > 1)
		text_putf(&words, ", one of %llu since the last warning", (unsigned long long)n);
	mqtt_note(t, &(struct session_note){ .event = n ? SESSION_ERROR : SESSION_CLOSED,
					     .code = MQTT_REASON_TAKEN_OVER,
					     .text = text_slice(&words) });
}

/* Another connection has the same client id. */
static void claimed(struct turn *t, const struct run *fx)
{
	struct mqtt *s = t->s;
	if (s->phase >= PHASE_ENDING || !s->has_claim)
		return;
	must(s->phase >= PHASE_CLAIMING);
	note_taken_over(t, fx->arg);
	if (s->phase == PHASE_RUNNING && !s->is_gone)
		mqtt_send_disconnect(t, MQTT_REASON_TAKEN_OVER);
	s->is_will_due = true;
	mqtt_end(t);
}

static void session_tell(struct session *own, struct session_world *w, struct run *fx)
{
	struct turn t;
	mqtt_turn(&t, own, w);
	switch ((enum fx)fx->kind) {
	case FX_DELIVER:
		if (fx->flags & DELIVER_FOUND)
			mqtt_found(&t, fx);
		else
			receiver_delivered(&t.s->receiver, w, fx);
		return;
	case FX_CONFIRM:
	case FX_REFUSED:
		if (t.s->phase < PHASE_ENDING)
			publisher_confirmed(&t.s->publisher, fx);
		return;
	case FX_REPLY: mqtt_replied(&t, fx); return;
	case FX_CANCELLED: receiver_cancelled(&t.s->receiver, w, fx); return;
	case FX_CLAIMED: claimed(&t, fx); return;
	case FX_SHED: mqtt_shed(&t, fx); return;
	case FX_BLOCKED:
	case FX_UNBLOCKED:
	case FX_DIRECTED:
	case FX_SEEN:
	case FX_TRACE:
	case FX_REPLAY:
	case FX_DEAD_LETTER: return; /* to others */
	case FX_DIRECT: session_direct_answer(w->post, fx, false); return;
	}
	must(!"an effect that no table has");
}

static bool session_ready(const struct session *own, const struct session_world *w)
{
	return mqtt_may_read((const struct mqtt *)(const void *)own, w);
}

/* Ends a conversation whose user or virtual host is no more. */
static void look(struct turn *t)
{
	must(!t->s->is_gone);
	if (t->s->phase == PHASE_RUNNING && access_look(&t->s->access, t->w, &t->why) != ERR_OK)
		mqtt_refuse(t, MQTT_REASON_ADMINISTRATIVE);
}

static void session_pump(struct session *own, struct session_world *w)
{
	struct turn t;
	mqtt_turn(&t, own, w);
	must(t.s->phase <= PHASE_CLOSED);
	if (t.s->phase == PHASE_OPENING)
		receiver_drain(&t.s->receiver, w);
	if (t.s->is_gone || t.s->phase != PHASE_RUNNING)
		return;
	look(&t);
	if (t.s->phase != PHASE_RUNNING)
		return;
	mqtt_acknowledge(&t);
	mqtt_search_drain(&t);
	receiver_drain(&t.s->receiver, w);
}

static void session_loaded(struct session *own, struct session_world *w, uint64_t ticket,
			   uint64_t mem)
{
	struct turn t;
	mqtt_turn(&t, own, w);
	if (ticket & FOUND_TICKET)
		mqtt_found_loaded(&t, ticket, mem);
	else
		receiver_loaded(&t.s->receiver, w, ticket, mem);
}

static uint64_t session_deadline(const struct session *own)
{
	const struct mqtt *s = (const struct mqtt *)(const void *)own;
	must(own->ops == &mqtt_session_ops);
	if (s->phase == PHASE_CLOSED)
		return 0; /* an end that came with an effect: tick says so */
	return min_u64(s->deadline_ms, min_u64(s->beat_ms, s->sys_ms));
}

static enum feed session_tick(struct session *own, struct session_world *w)
{
	struct turn t;
	mqtt_turn(&t, own, w);
	struct mqtt *s = t.s;
	if (s->phase == PHASE_RUNNING && w->now_ms >= s->deadline_ms && s->proof) {
		mqtt_prove_late(&t);
	} else if (s->phase < PHASE_ENDING && w->now_ms >= s->deadline_ms) {
		mqtt_note(&t, &(struct session_note){ .event = SESSION_HANDSHAKE_TIMEOUT,
						      .n = t.set->login_timeout_ms });
		mqtt_end(&t);
		s->deadline_ms = UINT64_MAX;
	}
	mqtt_beat(&t);
	mqtt_sys_tick(&t);
	return s->phase == PHASE_CLOSED ? FEED_CLOSE : FEED_MORE;
}

static void session_stop(struct session *own, struct session_world *w, struct slice why)
{
	struct turn t;
	mqtt_turn(&t, own, w);
	must(t.s->phase <= PHASE_CLOSED);
	if (t.s->phase == PHASE_RUNNING)
		mqtt_send_disconnect(&t, why.n ? MQTT_REASON_ADMINISTRATIVE
					       : MQTT_REASON_SHUTTING_DOWN);
	t.s->is_will_due = true;
	if (t.s->phase < PHASE_ENDING)
		mqtt_end(&t);
}

static bool session_gone(struct session *own, struct session_world *w)
{
	struct turn t;
	mqtt_turn(&t, own, w);
	must(!t.s->is_gone || t.s->phase >= PHASE_ENDING || t.s->is_end_wanted || t.s->calling);
	t.s->is_gone = true;
	if (mqtt_is_calling_here(t.s))
		return false;
	if (t.s->phase < PHASE_ENDING && !t.s->is_end_wanted) {
		t.s->is_will_due = true;
		mqtt_end(&t);
	}
	return t.s->phase == PHASE_CLOSED;
}

static void session_free(struct session *own, struct session_world *w)
{
	struct turn t;
	mqtt_turn(&t, own, w);
	struct mqtt *s = t.s;
	if (s->call) /* a stop that waits for nobody */
		mqtt_call_free(&t);
	large_end(w, s->large);
	mqtt_count_gone(&t);
	mqtt_sys_fini(&t);
	mqtt_calling_free(&t);
	mqtt_will_drop(&t);
	proof_free(s->proof, w->mem);
	mqtt_unkeep(&t, &s->client_id);
	mqtt_unkeep(&t, &s->vhost_wish);
	for (uint16_t i = 0; i < s->aliases_n; i++)
		mqtt_unkeep(&t, &s->aliases[i]);
	mqtt_put(&t, s->aliases, s->aliases_n * sizeof *s->aliases);
	aliases_free(s->told, w->mem);
	mqtt_more_fini(&t);
	farewell_fini(&s->farewell, w->mem);
	receiver_fini(&s->receiver, w);
	publisher_fini(&s->publisher, w->mem);
	sendq_fini(&own->sendq, w->mem);
	access_fini(&s->access, w);
	mem_put(w->mem, s, sizeof *s);
}

static void session_moved(struct session *own, uint64_t handle)
{
	struct mqtt *s = mqtt_of(own);
	must(receiver_is_idle(&s->receiver) && s->publisher.window.n == 0);
	if (!s->moved_from)
		s->moved_from = own->handle;
	s->asker.session = handle;
}

const struct session_ops mqtt_session_ops = {
	.name = "mqtt",
	.new = session_new,
	.begin = mqtt_begin,
	.feed = mqtt_feed,
	.tell = session_tell,
	.ready = session_ready,
	.pump = session_pump,
	.loaded = session_loaded,
	.stored = mqtt_stored,
	.checked = mqtt_checked,
	.deadline = session_deadline,
	.tick = session_tick,
	.stop = session_stop,
	.gone = session_gone,
	.free = session_free,
	.moved = session_moved,
	.dump = mqtt_dump,
	.print = mqtt_print,
};
