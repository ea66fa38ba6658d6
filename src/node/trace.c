#include "node/trace.h"

#include "base/must.h"
#include "base/text.h"

#define TRACERS_MAX  4u     /* of one loop */
#define LINE_BYTES   1024u  /* longer ones are cut */
#define PARCEL_BYTES 16384u /* of lines that go together */

struct tracer {
	uint64_t session;
	uint64_t number;    /* of the connection he watches; 0: all */
	uint64_t room;      /* bytes that may still be sent to him */
	uint64_t dropped_n; /* lines, since he was last told */
	uint32_t n;         /* bytes in the parcel */
	char parcel[PARCEL_BYTES];
};

struct trace {
	uint32_t n;
	struct tracer at[TRACERS_MAX];
};

/* ---- to the watcher ----------------------------------------------------------------------- */

static uint16_t own_shard(const struct loop *l)
{
	return (uint16_t)(1 + LIMIT_SHARD_DATA_N + l->index);
}

static void parcel_send(struct loop *l, struct tracer *who)
{
	struct run head = { .kind = FX_TRACE, .session = who->session, .shard = own_shard(l) };
	if (who->n == 0)
		return;
	(void)post_run(&l->post, session_loop(who->session), &head, NULL, 0, 0,
		       slice_of(who->parcel, who->n));
	who->n = 0;
}

/* False: the window has no room for it. */
static bool parcel_put(struct loop *l, struct tracer *who, struct slice line)
{
	must(line.n <= PARCEL_BYTES);
	if (line.n > who->room)
		return false;
	if (line.n > PARCEL_BYTES - who->n)
		parcel_send(l, who);
	memcpy(who->parcel + who->n, line.p, line.n);
	who->n += (uint32_t)line.n;
	who->room -= line.n;
	return true;
}

static void say_dropped(struct loop *l, struct tracer *who)
{
	char room[64];
	struct text t = text_of(room, sizeof room);
	if (who->dropped_n == 0)
		return;
	text_putf(&t, "dropped: %llu lines\n", (unsigned long long)who->dropped_n);
	if (parcel_put(l, who, text_slice(&t)))
		who->dropped_n = 0;
}

static void line_put(struct loop *l, uint64_t number, struct slice line)
{
	for (uint32_t i = 0; i < l->trace->n; i++) {
		struct tracer *who = &l->trace->at[i];
		if (who->number != 0 && who->number != number)
			continue;
		say_dropped(l, who);
		if (who->dropped_n > 0 || !parcel_put(l, who, line))
			who->dropped_n++;
	}
}

static void parcels_send(struct loop *l)
{
	for (uint32_t i = 0; i < l->trace->n; i++)
		parcel_send(l, &l->trace->at[i]);
}

static bool is_watched(const struct conn *c)
{
	const struct trace *t = c->loop->trace;
	for (uint32_t i = 0; i < t->n; i++)
		if (t->at[i].number == 0 || t->at[i].number == c->number)
			return c->session->ops->print != NULL;
	return false;
}

/* ---- lines -------------------------------------------------------------------------------- */

static void line_begin(const struct conn *c, const char *direction, struct text *t)
{
	uint64_t ms = c->loop->wall_ms;
	unsigned s = (unsigned)(ms / 1000 % 86400);
	text_putf(t, "%02u:%02u:%02u.%03u %llu %s ", s / 3600, s / 60 % 60, s % 60,
		  (unsigned)(ms % 1000), (unsigned long long)c->number, direction);
}

/* The line may be cut, its end is there. */
static void line_end(struct conn *c, struct text *t)
{
	must(t->cap < LINE_BYTES);
	t->cap++;
	text_putc(t, '\n');
	line_put(c->loop, c->number, text_slice(t));
}

static void lines(struct conn *c, struct slice bytes, const char *direction)
{
	char room[LINE_BYTES];
	while (bytes.n > 0) {
		struct text t = text_of(room, sizeof room - 1);
		line_begin(c, direction, &t);
		size_t n = c->session->ops->print(c->session, bytes, &t);
		must(n > 0);
		bytes = slice_from(bytes, n);
		line_end(c, &t);
	}
	parcels_send(c->loop);
}

void trace_frames_in(struct conn *c, struct slice bytes)
{
	if (is_watched(c))
		lines(c, bytes, "in");
}

void trace_frames_out(struct conn *c)
{
	struct mem *mem = &c->loop->memory.mem;
	const struct sendq *q = &c->session->sendq;
	uint64_t n = q->total_bytes - c->traced_bytes;
	trace_begin(c);
	must(n <= q->bytes);
	if (n == 0 || !is_watched(c))
		return;
	uint8_t *copy = mem_get(mem, n, "trace");
	must(copy != NULL);
	sendq_newest(q, n, copy);
	lines(c, slice_of(copy, n), "out");
	mem_put(mem, copy, n);
}

void trace_note(struct conn *c, const char *what)
{
	char room[LINE_BYTES];
	struct text t = text_of(room, sizeof room - 1);
	if (!is_watched(c))
		return;
	line_begin(c, "--", &t);
	text_putf(&t, "%s ", what);
	text_put_slice(&t, slice_of(c->peer, c->peer_n));
	line_end(c, &t);
	parcels_send(c->loop);
}

/* ---- begin and end ------------------------------------------------------------------------ */

static struct tracer *tracer_of(const struct loop *l, uint64_t session)
{
	for (uint32_t i = 0; l->trace && i < l->trace->n; i++)
		if (l->trace->at[i].session == session)
			return &l->trace->at[i];
	return NULL;
}

static void answer(struct loop *l, const struct run *cmd, enum err e, bool is_here)
{
	struct run head = {
		.kind = FX_REPLY, .session = cmd->session, .shard = cmd->shard, .arg = cmd->arg
	};
	struct reply_row what = { .err = e, .op = CMD_TRACE, .a = is_here };
	(void)post_run(&l->post, session_loop(cmd->session), &head, &what, sizeof what, 1,
		       SLICE_EMPTY);
}

static void begin(struct loop *l, const struct run *cmd)
{
	uint32_t slot = 0;
	must(!tracer_of(l, cmd->session));
	if (!l->trace) {
		l->trace = mem_get(&l->memory.mem, sizeof *l->trace, "trace");
		must(l->trace != NULL);
		l->trace->n = 0;
		for (struct conn *c; (c = conns_next(l, &slot)) != NULL;)
			trace_begin(c);
	}
	if (l->trace->n == TRACERS_MAX) {
		answer(l, cmd, ERR_LIMIT, false);
		return;
	}
	struct tracer *who = &l->trace->at[l->trace->n++];
	who->session = cmd->session;
	who->number = cmd->queue;
	who->room = TRACE_WINDOW_BYTES;
	who->dropped_n = 0;
	who->n = 0;
	answer(l, cmd, ERR_OK, cmd->queue != 0 && conn_numbered(l, cmd->queue) != NULL);
}

static void more(struct loop *l, const struct run *cmd)
{
	struct tracer *who = tracer_of(l, cmd->session);
	if (!who)
		return;
	who->room += cmd->arg;
	must(who->room <= TRACE_WINDOW_BYTES);
	say_dropped(l, who);
	parcel_send(l, who);
}

static void end(struct loop *l, const struct run *cmd)
{
	struct tracer *who = tracer_of(l, cmd->session);
	if (!who)
		return;
	*who = l->trace->at[--l->trace->n];
	if (l->trace->n == 0)
		trace_free(l);
}

void trace_command(struct loop *l, const struct run *cmd)
{
	must(cmd->kind == CMD_TRACE && cmd->shard == own_shard(l));
	switch (cmd->flags) {
	case TRACE_ON: begin(l, cmd); break;
	case TRACE_MORE: more(l, cmd); break;
	case TRACE_OFF: end(l, cmd); break;
	default: must(!"a trace that begins, goes on or ends");
	}
}

void trace_free(struct loop *l)
{
	if (l->trace)
		mem_put(&l->memory.mem, l->trace, sizeof *l->trace);
	l->trace = NULL;
}
