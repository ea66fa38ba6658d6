#include "session/stomp/activemq.h"

#include "base/bits.h"
#include "base/must.h"

static bool stomp_is(const struct session *s)
{
	return s->ops == &stomp_session_ops || s->ops == &stomp_activemq_session_ops;
}

static struct stomp *stomp_of(struct session *s)
{
	must(stomp_is(s));
	return (struct stomp *)(void *)s;
}

static const struct stomp *stomp_look(const struct session *s)
{
	must(stomp_is(s));
	return (const struct stomp *)(const void *)s;
}

void stomp_turn(struct turn *t, struct session *s, struct session_world *w)
{
	*t = (struct turn){ .s = stomp_of(s), .w = w };
	t->why = text_of(w->words, sizeof w->words);
}

void stomp_note(struct turn *t, const struct session_note *what)
{
	struct session_note note = *what;
	must(note.session == 0);
	note.session = t->s->session.handle;
	session_events_put(t->w->events, &note);
}

static struct session *make(struct session_world *w, uint64_t handle, bool is_loopback,
			    const struct session_ops *ops)
{
	must(handle != 0);
	struct stomp *s = mem_get(w->mem, sizeof *s, "stomp session");
	if (!s)
		return NULL;
	*s = (struct stomp){
		.session = { .ops = ops, .handle = handle },
		.is_activemq = ops == &stomp_activemq_session_ops,
		.access = { .is_loopback = is_loopback },
		.asker = { .session = handle },
		.phase = PHASE_LOGIN,
		.deadline_ms = w->now_ms + w->limits->handshake_timeout_ms,
		.beat_in_ms = UINT64_MAX,
		.beat_out_ms = UINT64_MAX,
		.wild_ms = UINT64_MAX,
	};
	s->owed_end = &s->owed;
	publisher_init(&s->publisher);
	receiver_init(&s->receiver, &stomp_receiver_ops, &s->session, &s->asker);
	browser_init(&s->browser, &stomp_browser_ops, &s->session, &s->asker);
	return &s->session;
}

static struct session *session_new(struct session_world *w, uint64_t handle, struct slice peer,
				   bool is_loopback)
{
	(void)peer;
	return make(w, handle, is_loopback, &stomp_session_ops);
}

static struct session *activemq_new(struct session_world *w, uint64_t handle, struct slice peer,
				    bool is_loopback)
{
	(void)peer;
	return make(w, handle, is_loopback, &stomp_activemq_session_ops);
}

static void session_tell(struct session *own, struct session_world *w, struct run *fx)
{
	struct turn t;
	must(run_is_effect(fx));
	stomp_turn(&t, own, w);
	switch ((enum fx)fx->kind) {
	case FX_DELIVER:
		if (fx->flags & DELIVER_FOUND)
			browser_found(&t.s->browser, w, fx);
		else
			receiver_delivered(&t.s->receiver, w, fx);
		return;
	case FX_CONFIRM:
	case FX_REFUSED:
		publisher_confirmed(&t.s->publisher, fx);
		stomp_confirmed(&t);
		return;
	case FX_REPLY: stomp_replied(&t, fx); return;
	case FX_CANCELLED: receiver_cancelled(&t.s->receiver, w, fx); return;
	case FX_DIRECT: session_direct_answer(w->post, fx, false); return;
	default: return; /* to others, or nothing to do */
	}
}

static bool session_ready(const struct session *own, const struct session_world *w)
{
	const struct stomp *s = stomp_look(own);
	must(w->limits != NULL);
	return stomp_may_read(s, w);
}

static void session_pump(struct session *own, struct session_world *w)
{
	struct turn t;
	stomp_turn(&t, own, w);
	if (t.s->is_gone)
		return;
	if (t.s->phase == PHASE_RUNNING && access_look(&t.s->access, w, &t.why) != ERR_OK)
		(void)stomp_fail_err(&t, ERR_CONNECTION_FORCED);
	if (t.s->wilds)
		stomp_wild_look(&t);
	receiver_drain(&t.s->receiver, w);
	if (t.s->browser.first)
		browser_drain(&t.s->browser, w);
	stomp_block_close(t.s); /* of what was sent on behalf of a look (jobs.h) */
}

static void session_loaded(struct session *own, struct session_world *w, uint64_t ticket,
			   uint64_t mem)
{
	struct turn t;
	stomp_turn(&t, own, w);
	must(t.s->receiver.session == own);
	if (browser_is_read(ticket))
		browser_loaded(&t.s->browser, w, ticket, mem);
	else
		receiver_loaded(&t.s->receiver, w, ticket, mem);
}

static uint64_t session_deadline(const struct session *own)
{
	const struct stomp *s = stomp_look(own);
	if (s->phase == PHASE_CLOSED)
		return 0; /* an end that came with an effect: tick says so */
	must(s->phase < PHASE_CLOSED);
	const uint64_t work_ms = min_u64(s->wild_ms, s->browser.again_ms);
	return min_u64(min_u64(s->deadline_ms, work_ms), min_u64(s->beat_in_ms, s->beat_out_ms));
}

static void look_at_deadline(struct turn *t)
{
	struct stomp *s = t->s;
	must(s->phase != PHASE_CLOSED);
	if (t->w->now_ms < s->deadline_ms)
		return;
	if (s->phase == PHASE_REFUSED) {
		stomp_refused_over(t);
		return;
	}
	if (s->phase == PHASE_CLAIMING) {
		stomp_claimed(t, ERR_RESOURCE_LOCKED);
		return;
	}
	if (s->phase < PHASE_RUNNING)
		stomp_note(t, &(struct session_note){ .event = SESSION_HANDSHAKE_TIMEOUT,
						      .n = t->w->limits->handshake_timeout_ms });
	s->phase = PHASE_CLOSED;
}

static enum feed session_tick(struct session *own, struct session_world *w)
{
	struct turn t;
	stomp_turn(&t, own, w);
	struct stomp *s = t.s;
	if (s->phase != PHASE_CLOSED)
		look_at_deadline(&t);
	if (s->phase != PHASE_CLOSED && !stomp_beat(&t)) {
		stomp_note(&t, &(struct session_note){ .event = SESSION_HEARTBEAT_LOST,
						       .n = s->wants_ms / 500u });
		s->phase = PHASE_CLOSED;
	}
	if (s->wilds)
		stomp_wild_look(&t);
	if (s->browser.again_ms <= w->now_ms)
		browser_drain(&s->browser, w);
	return s->phase == PHASE_CLOSED ? FEED_CLOSE : FEED_MORE;
}

static void session_stop(struct session *own, struct session_world *w, struct slice why)
{
	char room[SESSION_STOP_BYTES];
	struct turn t;
	stomp_turn(&t, own, w);
	must(t.s->phase <= PHASE_CLOSED);
	if (t.s->phase == PHASE_RUNNING)
		stomp_error(&t, "connection_forced", NULL, session_stop_words(why, room));
	t.s->phase = PHASE_CLOSED;
}

static bool session_gone(struct session *own, struct session_world *w)
{
	struct turn t;
	stomp_turn(&t, own, w);
	must(t.s->session.handle != 0);
	t.s->is_gone = true;
	return stomp_end_quietly(&t);
}

static void session_free(struct session *own, struct session_world *w)
{
	struct turn t;
	stomp_turn(&t, own, w);
	struct stomp *s = t.s;
	must(!s->large && (!s->farewell.is_begun || s->farewell.is_over));
	stomp_call_free(&t);
	stomp_transactions_free(&t);
	stomp_receipts_free(&t);
	stomp_queues_free(&t);
	stomp_wilds_free(&t);
	receiver_fini(&s->receiver, w);
	browser_fini(&s->browser, w);
	while (s->subscriptions)
		stomp_subscription_free(&t, s->subscriptions);
	publisher_fini(&s->publisher, w->mem);
	farewell_fini(&s->farewell, w->mem);
	stomp_block_close(s);
	sendq_fini(&own->sendq, w->mem);
	access_fini(&s->access, w);
	mem_put(w->mem, s->client_id, s->client_id_n);
	mem_put(w->mem, s, sizeof *s);
}

static void session_dump(const struct session *own, const struct session_world *w, struct text *out)
{
	static const char *const phases[] = { "login",   "checking", "claiming", "refused",
					      "running", "ending",   "closed" };
	static const char *const versions[] = { "1.0", "1.1", "1.2" };
	const struct stomp *s = stomp_look(own);
	must(w != NULL && s->phase <= PHASE_CLOSED);
	text_putf(out, "phase: %s\nversion: %s\nuser: ", phases[s->phase], versions[s->version]);
	text_put_printable(out, access_name(&s->access));
	text_puts(out, "\nvhost: ");
	text_put_printable(out, access_vhost_name(&s->access));
	text_putf(out, "\nsubscriptions: %u\ntransactions: %u\n", s->subscriptions_n,
		  s->transactions_n);
	text_putf(out, "published: %llu\ndelivered: %llu\nacknowledged: %llu\n",
		  (unsigned long long)s->published, (unsigned long long)s->delivered,
		  (unsigned long long)s->acknowledged);
}

static void session_moved(struct session *own, uint64_t handle)
{
	struct stomp *s = stomp_of(own);
	must(receiver_is_idle(&s->receiver) && s->publisher.window.n == 0);
	s->asker.session = handle;
}

#define STOMP_OPS                                                                               \
	.feed = stomp_feed, .tell = session_tell, .ready = session_ready, .pump = session_pump, \
	.loaded = session_loaded, .stored = stomp_stored, .checked = stomp_checked,             \
	.deadline = session_deadline, .tick = session_tick, .stop = session_stop,               \
	.gone = session_gone, .free = session_free, .dump = session_dump, .print = stomp_print, \
	.moved = session_moved

const struct session_ops stomp_session_ops = {
	.name = "stomp", .other = &stomp_activemq_session_ops, .new = session_new, STOMP_OPS
};

const struct session_ops stomp_activemq_session_ops = { .name = "stomp",
							.new = activemq_new,
							STOMP_OPS };
