#include "session/manage/manage.h"

#include "base/must.h"

static void tell_loop(struct manage *m, struct session_world *w, uint32_t loop, uint8_t flags,
		      uint64_t arg)
{
	struct run r = { .kind = CMD_TRACE,
			 .flags = flags,
			 .session = m->session.handle,
			 .arg = arg,
			 .shard = (uint16_t)(1 + LIMIT_SHARD_DATA_N + loop) };
	must(loop < w->post->loops_n);
	(void)post_run(w->post, loop, &r, NULL, 0, 0, SLICE_EMPTY);
}

void manage_watch_begun(struct manage *m, struct session_world *w)
{
	char room[80];
	struct text t = text_of(room, sizeof room);
	must(m->request.kind == REQUEST_TRACE);
	if (!m->request.is_all && m->found_n == 0) {
		text_putf(&t, "no connection %llu", (unsigned long long)m->request.number);
		manage_watch_end(m, w);
		manage_refuse(m, w, text_slice(&t));
		return;
	}
	m->phase = MANAGE_TRACING;
	if (m->request.is_all)
		text_puts(&t, "tracing: all connections\n");
	else
		text_putf(&t, "tracing: connection %llu\n", (unsigned long long)m->request.number);
	sendq_copy(&m->session.sendq, w->mem, text_slice(&t));
}

/* Lines may come before the last loop has answered. */
void manage_watch_lines(struct manage *m, struct session_world *w, const struct run *fx)
{
	struct slice text = run_tail(fx);
	uint32_t loop = fx->shard - 1u - LIMIT_SHARD_DATA_N;
	must(loop < w->post->loops_n);
	if (m->phase == MANAGE_DONE)
		return;
	sendq_copy(&m->session.sendq, w->mem, text);
	m->owed[loop] += (uint32_t)text.n;
	must(m->owed[loop] <= TRACE_WINDOW_BYTES);
}

void manage_watch_more(struct manage *m, struct session_world *w)
{
	must(m->request.kind == REQUEST_TRACE);
	if (m->session.sendq.bytes > TRACE_WINDOW_BYTES / 4)
		return;
	for (uint32_t loop = 0; loop < w->post->loops_n; loop++) {
		if (m->owed[loop] < TRACE_WINDOW_BYTES / 4)
			continue;
		tell_loop(m, w, loop, TRACE_MORE, m->owed[loop]);
		m->owed[loop] = 0;
	}
}

void manage_watch_end(struct manage *m, struct session_world *w)
{
	must(m->request.kind == REQUEST_TRACE);
	for (uint32_t loop = 0; loop < w->post->loops_n; loop++)
		tell_loop(m, w, loop, TRACE_OFF, 0);
}
