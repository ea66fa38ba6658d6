#include "session/manage/manage.h"

#include "base/must.h"
#include "msg/block.h"

static struct manage *manage_of(struct session *s)
{
	must(s->ops == &manage_session_ops);
	return (struct manage *)(void *)s;
}

static const struct manage *manage_look(const struct session *s)
{
	must(s->ops == &manage_session_ops);
	return (const struct manage *)(const void *)s;
}

static struct session *manage_new(struct session_world *w, uint64_t handle, struct slice peer,
				  bool is_loopback)
{
	(void)peer;
	(void)is_loopback; /* who may open the socket may ask */
	must(handle != 0);
	struct manage *m = mem_get(w->mem, sizeof *m, "manage session");
	if (!m)
		return NULL;
	*m = (struct manage){ .session = { .ops = &manage_session_ops, .handle = handle },
			      .deadline_ms = w->now_ms + w->limits->handshake_timeout_ms };
	return &m->session;
}

void manage_refuse(struct manage *m, struct session_world *w, struct slice why)
{
	struct sendq *q = &m->session.sendq;
	must(why.n > 0);
	sendq_copy(q, w->mem, slice_str("error: "));
	sendq_copy(q, w->mem, why);
	sendq_copy(q, w->mem, slice_str("\n"));
	m->phase = MANAGE_DONE;
}

/* ---- the line ----------------------------------------------------------------------------- */

static void begin(struct manage *m, struct session_world *w, struct slice line)
{
	char room[2 * MANAGE_LINE_MAX];
	struct text why = text_of(room, sizeof room);
	must(m->phase == MANAGE_LISTENING);
	enum err e = request_parse(line, &m->request, &why);
	if (e == ERR_OK)
		e = manage_begin(m, w, &why);
	if (e == ERR_OK && m->request.kind == REQUEST_LOGIN)
		manage_login(m, w);
	m->request.vhost = m->request.name = SLICE_EMPTY;
	m->deadline_ms = UINT64_MAX;
	if (e == ERR_OK && m->request.kind == REQUEST_LOGIN)
		return;
	m->phase = MANAGE_ASKING;
	if (e != ERR_OK)
		manage_refuse(m, w, text_slice(&why));
	else if (m->request.kind == REQUEST_IMPORT)
		m->phase = MANAGE_IMPORTING;
	else if (m->request.kind == REQUEST_EXPORT)
		return;
	else if (!manage_has_next(m, w)) {
		sendq_copy(&m->session.sendq, w->mem, slice_str("none: 0\n"));
		m->phase = MANAGE_DONE;
	}
}

/* What comes behind the line is not looked at. */
static enum feed manage_feed(struct session *s, struct session_world *w, struct block *b,
			     uint32_t *io_off, uint32_t *out_need, uint32_t *out_loop)
{
	struct manage *m = manage_of(s);
	struct slice in = slice_of((const uint8_t *)b + *io_off, b->fill - *io_off);
	(void)out_loop;
	must(*io_off <= b->fill);
	if (m->phase == MANAGE_IMPORTING) {
		uint32_t used;
		enum feed f = manage_import_feed(m, w, in, &used, out_need);
		*io_off += used;
		return f;
	}
	if (m->phase == MANAGE_LISTENING) {
		size_t n = slice_find(in, '\n');
		if (n == in.n && n < MANAGE_LINE_MAX) {
			*out_need = (uint32_t)in.n + 1;
			return FEED_MORE;
		}
		if (n >= MANAGE_LINE_MAX)
			manage_refuse(m, w, slice_str("the line is too long"));
		else
			begin(m, w, slice_sub(in, 0, n));
		if (m->phase == MANAGE_IMPORTING) {
			*io_off += (uint32_t)n + 1;
			return manage_feed(s, w, b, io_off, out_need, out_loop);
		}
	}
	*io_off = b->fill;
	*out_need = 1;
	return m->phase == MANAGE_DONE ? FEED_CLOSE : FEED_MORE;
}

/* ---- answers ------------------------------------------------------------------------------ */

static void manage_tell(struct session *s, struct session_world *w, struct run *fx)
{
	struct manage *m = manage_of(s);
	must(run_is_effect(fx));
	if (fx->kind == FX_TRACE)
		manage_watch_lines(m, w, fx);
	else if (fx->kind == FX_DIRECT)
		session_direct_answer(w->post, fx, false);
	else if (fx->kind == FX_REPLY && m->request.kind == REQUEST_IMPORT)
		manage_imported(m, w, fx);
	else if (fx->kind == FX_REPLY && m->phase == MANAGE_ASKING && m->is_waiting &&
		 fx->arg == m->ticket)
		manage_answered(m, w, fx);
}

static void manage_pump(struct session *s, struct session_world *w)
{
	struct manage *m = manage_of(s);
	must(w->limits->output_bytes_max > 0);
	if (m->phase == MANAGE_TRACING)
		manage_watch_more(m, w);
	bool has_room = m->session.sendq.bytes < w->limits->output_bytes_max;
	if (m->phase == MANAGE_ASKING && m->request.kind == REQUEST_EXPORT) {
		while (has_room && manage_export(m, w))
			has_room = m->session.sendq.bytes < w->limits->output_bytes_max;
		if (has_room)
			m->phase = MANAGE_DONE;
	} else if (m->phase == MANAGE_ASKING && !m->is_waiting && has_room) {
		manage_ask(m, w);
	}
}

static bool manage_ready(const struct session *s, const struct session_world *w)
{
	const struct manage *m = manage_look(s);
	(void)w;
	must(m->phase <= MANAGE_DONE);
	return m->phase == MANAGE_IMPORTING ? manage_import_may_read(m) : m->phase != MANAGE_DONE;
}

static void manage_loaded(struct session *s, struct session_world *w, uint64_t ticket, uint64_t mem)
{
	(void)s;
	(void)w;
	(void)ticket;
	(void)mem;
	must(!"a message for somebody who has asked for none");
}

/* ---- time, and the end -------------------------------------------------------------------- */

static uint64_t manage_deadline(const struct session *s)
{
	const struct manage *m = manage_look(s);
	must_if(m->phase != MANAGE_LISTENING && m->phase != MANAGE_DONE,
		m->deadline_ms == UINT64_MAX);
	return m->phase == MANAGE_DONE ? 0 : m->deadline_ms; /* 0: tick says that it is over */
}

static enum feed manage_tick(struct session *s, struct session_world *w)
{
	struct manage *m = manage_of(s);
	must(w->now_ms > 0);
	if (m->phase == MANAGE_LISTENING && w->now_ms >= m->deadline_ms)
		manage_refuse(m, w, slice_str("no line has come"));
	return m->phase == MANAGE_DONE ? FEED_CLOSE : FEED_MORE;
}

/* The loops forget who watched them with themselves. */
static void manage_stop(struct session *s, struct session_world *w, struct slice why)
{
	struct manage *m = manage_of(s);
	(void)why;
	must(m->phase <= MANAGE_DONE);
	if (m->phase == MANAGE_LISTENING || m->phase == MANAGE_ASKING ||
	    m->phase == MANAGE_IMPORTING)
		manage_refuse(m, w, slice_str("the broker stops"));
}

static bool manage_gone(struct session *s, struct session_world *w)
{
	struct manage *m = manage_of(s);
	bool is_watching = m->phase == MANAGE_TRACING || m->phase == MANAGE_ASKING;
	must_if(m->phase == MANAGE_TRACING, m->request.kind == REQUEST_TRACE);
	if (is_watching && m->request.kind == REQUEST_TRACE)
		manage_watch_end(m, w);
	m->phase = MANAGE_DONE;
	return true;
}

static void manage_free(struct session *s, struct session_world *w)
{
	struct manage *m = manage_of(s);
	must(m->phase <= MANAGE_DONE);
	manage_import_free(m, w);
	access_fini(&m->access, w);
	sendq_fini(&s->sendq, w->mem);
	mem_put(w->mem, m, sizeof *m);
}

static void manage_dump(const struct session *s, const struct session_world *w, struct text *out)
{
	const struct manage *m = manage_look(s);
	(void)w;
	must(m->request.kind < REQUEST_N);
	text_putf(out, "request: %s\n",
		  m->phase == MANAGE_LISTENING ? "" : request_words[m->request.kind]);
}

const struct session_ops manage_session_ops = {
	.name = "manage",
	.new = manage_new,
	.feed = manage_feed,
	.tell = manage_tell,
	.ready = manage_ready,
	.pump = manage_pump,
	.loaded = manage_loaded,
	.checked = manage_checked,
	.deadline = manage_deadline,
	.tick = manage_tick,
	.stop = manage_stop,
	.gone = manage_gone,
	.free = manage_free,
	.dump = manage_dump,
};
