#include "session/deadletter/deadletter.h"

#include "base/bits.h"
#include "base/must.h"
#include "base/text.h"

static struct deadletter *of(struct session *s)
{
	must(s->ops == &deadletter_session_ops);
	return (struct deadletter *)s;
}

static struct session *letters_new(struct session_world *w, uint64_t handle, struct slice peer,
				   bool is_loopback)
{
	struct deadletter *d = mem_get(w->mem, sizeof *d, "dead letters");
	(void)peer;
	(void)is_loopback;
	if (!d)
		return NULL;
	*d = (struct deadletter){
		.session = { .ops = &deadletter_session_ops, .handle = handle },
		.retry_ms = UINT64_MAX,
		.sent_first = 1,
		.waiting_first = 1,
	};
	must(handle != 0);
	deque_init(&d->waiting, sizeof(struct letter), "dead letters");
	deque_init(&d->sent, sizeof(struct sent), "dead letters sent");
	deque_init(&d->kept, sizeof(struct letter), "dead letters kept");
	deque_init(&d->replays, sizeof(struct replay), "replays");
	deque_init(&d->held, sizeof(uint64_t), "replays");
	return &d->session;
}

static void unref_all(struct deque *letters, struct mem *mem)
{
	struct letter l;
	must(letters->row_bytes == sizeof l);
	while (deque_pop(letters, &l))
		if (l.row.mem)
			msg_unref(l.row.mem, 1);
	deque_fini(letters, mem);
}

static void letters_free(struct session *s, struct session_world *w)
{
	struct deadletter *d = of(s);
	struct sent sent;
	unref_all(&d->waiting, w->mem);
	unref_all(&d->kept, w->mem);
	while (deque_pop(&d->sent, &sent))
		if (sent.letter.row.mem)
			msg_unref(sent.letter.row.mem, 1);
	deque_fini(&d->sent, w->mem);
	deque_fini(&d->replays, w->mem);
	deque_fini(&d->held, w->mem);
	letter_close(d);
	route_cache_free(d->routes);
	mem_put(w->mem, d, sizeof *d);
}

bool deadletter_is_idle(const struct session *s)
{
	const struct deadletter *d = (const struct deadletter *)s;
	must(s->ops == &deadletter_session_ops);
	return d->waiting.n == 0 && d->sent.n == 0 && d->replays.n == 0;
}

bool deadletter_waits(const struct session *s)
{
	const struct deadletter *d = (const struct deadletter *)s;
	must(s->ops == &deadletter_session_ops);
	return d->kept.n > 0;
}

/* ---- what must be read -------------------------------------------------------------------- */

static void ask_loads(struct deadletter *d, struct session_world *w)
{
	must(d->loading_n <= LIMIT_READ_AHEAD_ROWS);
	d->waiting_asked = max_u64(d->waiting_asked, d->waiting_first);
	while (d->waiting_asked < d->waiting_first + d->waiting.n &&
	       d->loading_n < LIMIT_READ_AHEAD_ROWS && d->loading_bytes < LIMIT_READ_AHEAD_BYTES) {
		uint64_t ticket = d->waiting_asked++;
		struct letter *l = deque_at(&d->waiting, (size_t)(ticket - d->waiting_first));
		if (l->state != LETTER_UNASKED)
			continue;
		loads_put(w->loads, (struct load){ .session = d->session.handle,
						   .ticket = ticket,
						   .loc = l->row.loc,
						   .bytes = l->row.bytes,
						   .flags = l->row.flags });
		l->state = LETTER_LOADING;
		d->loading_n++;
		d->loading_bytes += l->row.bytes;
	}
}

static void letters_loaded(struct session *s, struct session_world *w, uint64_t ticket,
			   uint64_t mem)
{
	struct deadletter *d = of(s);
	(void)w;
	must(ticket >= d->waiting_first && ticket - d->waiting_first < d->waiting.n);
	struct letter *l = deque_at(&d->waiting, (size_t)(ticket - d->waiting_first));
	must(l->state == LETTER_LOADING && d->loading_n > 0);
	d->loading_n--;
	d->loading_bytes -= l->row.bytes;
	l->row.mem = mem;
	l->state = mem ? LETTER_HERE : LETTER_BROKEN;
}

/* ---- in order ----------------------------------------------------------------------------- */

static void died(struct deadletter *d, struct session_world *w, const struct run *fx)
{
	const struct deliver_row *row = (const void *)(fx + 1);
	must(fx->flags < DEAD_REASONS_N && fx->row_bytes == sizeof *row);
	for (uint32_t i = 0; i < fx->n; i++) {
		struct letter *l = deque_add(&d->waiting, w->mem);
		if (!l)
			must(!"no memory for a dead letter");
		*l = (struct letter){ .row = row[i],
				      .queue = fx->queue,
				      .shard = fx->shard,
				      .reason = fx->flags,
				      .state = row[i].mem ? LETTER_HERE : LETTER_UNASKED };
	}
}

static void letters_tell(struct session *s, struct session_world *w, struct run *fx)
{
	struct deadletter *d = of(s);
	switch (fx->kind) {
	case FX_DEAD_LETTER: died(d, w, fx); break;
	case FX_CONFIRM:
	case FX_REFUSED: send_confirmed(d, w, fx); break;
	case FX_REPLAY: replay_begin(d, w, fx); break;
	case FX_DELIVER: replay_got(d, w, fx); break;
	case FX_REPLY: replay_answered(d, w, fx); break;
	default: must(!"an effect for the publisher of dead letters");
	}
}

/* The catalog has changed, or some time has passed: perhaps somebody takes them now. */
static void try_again(struct deadletter *d, struct session_world *w)
{
	uint64_t version = catalog_version(w->view);
	struct letter l;
	must(version >= d->kept_version);
	if (d->kept_version == version)
		return;
	d->kept_version = version;
	while (deque_pop_back(&d->kept, &l)) { /* they died before those that wait */
		if (deque_push_front(&d->waiting, w->mem, &l) != ERR_OK)
			must(!"no memory for a dead letter");
		d->waiting_first--;
	}
	d->waiting_asked = d->waiting_first;
}

static void letters_pump(struct session *s, struct session_world *w)
{
	struct deadletter *d = of(s);
	struct letter l;
	try_again(d, w);
	for (struct letter *front; (front = deque_peek(&d->waiting)) != NULL;) {
		if (front->state < LETTER_HERE || d->sent_bytes >= w->limits->unconfirmed_bytes_max)
			break;
		(void)deque_pop(&d->waiting, &l);
		d->waiting_first++;
		if (l.reason == LETTER_REPLAYED)
			replay_send(d, w, &l);
		else
			send_letter(d, w, &l);
	}
	if (d->waiting.n > 0)
		ask_loads(d, w);
	bool had_retry = d->retry_ms != UINT64_MAX;
	if (d->kept.n == 0)
		d->retry_ms = UINT64_MAX;
	else if (!had_retry)
		d->retry_ms = w->now_ms + LIMIT_DEAD_LETTER_RETRY_MS;
	if (!deadletter_is_idle(s))
		return;
	letter_close(d);
	deque_trim(&d->waiting, w->mem);
	deque_trim(&d->sent, w->mem);
	deque_trim(&d->kept, w->mem);
	deque_trim(&d->replays, w->mem);
	deque_trim(&d->held, w->mem);
}

static uint64_t letters_deadline(const struct session *s)
{
	const struct deadletter *d = (const struct deadletter *)s;
	must(s->ops == &deadletter_session_ops);
	return d->retry_ms;
}

static enum feed letters_tick(struct session *s, struct session_world *w)
{
	struct deadletter *d = of(s);
	must(w->now_ms >= d->retry_ms);
	d->retry_ms = UINT64_MAX;
	d->kept_version = 0;
	letters_pump(s, w);
	return FEED_MORE;
}

static void letters_dump(const struct session *s, const struct session_world *w, struct text *out)
{
	const struct deadletter *d = (const struct deadletter *)s;
	(void)w;
	must(s->ops == &deadletter_session_ops);
	text_putf(out,
		  "letters_waiting: %u\nletters_loading: %u\nletters_sent: %u\n"
		  "letters_sent_bytes: %llu\nletters_kept: %u\nletters_published: %llu\n"
		  "letters_dropped: %llu\nletters_held_back: %llu\nletters_broken: "
		  "%llu\nletters_refused: %llu\nletters_cut: %llu\nreplays: %u\n"
		  "letters_replayed: %llu\n",
		  d->waiting.n, d->loading_n, d->sent.n, (unsigned long long)d->sent_bytes,
		  d->kept.n, (unsigned long long)d->count.published,
		  (unsigned long long)d->count.dropped, (unsigned long long)d->count.kept,
		  (unsigned long long)d->count.broken, (unsigned long long)d->count.refused,
		  (unsigned long long)d->count.cut, d->replays.n,
		  (unsigned long long)d->count.replayed);
}

const struct session_ops deadletter_session_ops = {
	.name = "deadletter",
	.new = letters_new,
	.tell = letters_tell,
	.pump = letters_pump,
	.loaded = letters_loaded,
	.deadline = letters_deadline,
	.tick = letters_tick,
	.free = letters_free,
	.dump = letters_dump,
};
