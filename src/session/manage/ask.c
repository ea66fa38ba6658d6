#include "session/manage/manage.h"

#include "base/digest.h"
#include "base/must.h"

/* ---- which shards and loops --------------------------------------------------------------- */

static uint16_t volatile_shard(uint32_t loop)
{
	must(loop < LIMIT_LOOPS_MAX);
	return (uint16_t)(1 + LIMIT_SHARD_DATA_N + loop);
}

static uint32_t shards_n(const struct session_world *w)
{
	must(w->post->loops_n > 0);
	return 1u + LIMIT_SHARD_DATA_N + w->post->loops_n;
}

/* How many steps the request takes; those about queues go by queue. */
static uint32_t steps_n(const struct manage *m, const struct session_world *w)
{
	must(m->request.kind < REQUEST_N);
	switch (m->request.kind) {
	case REQUEST_NODE: return 1 + w->post->loops_n;
	case REQUEST_CATALOG: return 1;
	case REQUEST_SHARD:
		return m->request.is_all ? shards_n(w) : (uint32_t)m->request.number + 1;
	case REQUEST_DIGEST: return 1 + LIMIT_SHARD_DATA_N;
	case REQUEST_CONNECTION:
	case REQUEST_TRACE: return w->post->loops_n;
	case REQUEST_EXPORT:
	case REQUEST_IMPORT:
	case REQUEST_QUEUE:
	case REQUEST_N: break;
	}
	return 0;
}

static const struct queue_record *queue_next(const struct manage *m, const struct session_world *w)
{
	must(m->request.kind == REQUEST_QUEUE);
	if (m->request.is_all)
		return catalog_queue_after(w->view, m->cursor);
	return m->queue == 0 ? catalog_queue_by_id(w->view, m->cursor) : NULL;
}

static enum err queue_find(struct manage *m, const struct session_world *w, struct text *why)
{
	uint16_t vhost = 0;
	enum err e = catalog_vhost(w->view, m->request.vhost, &vhost);
	const struct queue_record *q = NULL;
	must(m->request.kind == REQUEST_QUEUE);
	if (e == ERR_OK && m->request.is_all)
		return ERR_OK;
	if (e == ERR_OK && m->request.name.n <= MANAGE_NAME_MAX)
		q = catalog_queue(w->view, vhost, m->request.name);
	if (q) {
		m->cursor = q->id;
		return ERR_OK;
	}
	text_puts(why, e == ERR_OK ? "no queue '" : "no vhost '");
	text_put_printable(why, e == ERR_OK ? m->request.name : m->request.vhost);
	text_putc(why, '\'');
	if (e == ERR_OK) {
		text_puts(why, " in vhost '");
		text_put_printable(why, m->request.vhost);
		text_putc(why, '\'');
	}
	return ERR_NOT_FOUND;
}

enum err manage_begin(struct manage *m, const struct session_world *w, struct text *why)
{
	must(m->phase == MANAGE_LISTENING && m->step == 0);
	if (m->request.kind == REQUEST_QUEUE)
		return queue_find(m, w, why);
	if (m->request.kind != REQUEST_SHARD || m->request.is_all)
		return ERR_OK;
	if (m->request.number >= shards_n(w)) {
		text_putf(why, "there are shards 0 to %u", shards_n(w) - 1);
		return ERR_NOT_FOUND;
	}
	m->step = (uint32_t)m->request.number;
	return ERR_OK;
}

/* ---- questions ---------------------------------------------------------------------------- */

bool manage_has_next(const struct manage *m, const struct session_world *w)
{
	must(!m->is_waiting);
	if (m->request.kind == REQUEST_QUEUE)
		return queue_next(m, w) != NULL;
	return m->step < steps_n(m, w);
}

static struct run for_shard(enum cmd kind, uint32_t shard)
{
	must(shard < SHARDS_MAX);
	return (struct run){ .kind = (uint8_t)kind, .shard = (uint16_t)shard };
}

static struct run for_loop(enum cmd kind, uint32_t loop, uint8_t flags, uint64_t arg)
{
	must(flags != 0);
	return (struct run){
		.kind = (uint8_t)kind, .flags = flags, .queue = arg, .shard = volatile_shard(loop)
	};
}

static struct run for_queue(struct manage *m, const struct session_world *w)
{
	const struct queue_record *q = queue_next(m, w);
	must(q != NULL);
	struct run r = for_shard(CMD_DUMP, q->shard);
	m->cursor = m->queue = r.queue = q->id;
	return r;
}

static struct run question(struct manage *m, const struct session_world *w)
{
	const struct request *r = &m->request;
	must(manage_has_next(m, w));
	switch (r->kind) {
	case REQUEST_NODE:
		return m->step == 0 ? for_loop(CMD_DUMP_LOOP, 0, DUMP_NODE, 0)
				    : for_loop(CMD_DUMP_LOOP, m->step - 1, DUMP_ONE_LOOP, 0);
	case REQUEST_CATALOG:
	case REQUEST_SHARD: return for_shard(CMD_DUMP, m->step);
	case REQUEST_DIGEST: return for_shard(CMD_DIGEST, m->step);
	case REQUEST_CONNECTION:
		return r->is_all ? for_loop(CMD_DUMP_LOOP, m->step, DUMP_CONNECTIONS, m->cursor)
				 : for_loop(CMD_DUMP_LOOP, m->step, DUMP_CONNECTION, r->number);
	case REQUEST_TRACE: return for_loop(CMD_TRACE, m->step, TRACE_ON, r->number);
	case REQUEST_EXPORT:
	case REQUEST_IMPORT:
	case REQUEST_QUEUE:
	case REQUEST_N: break;
	}
	return for_queue(m, w);
}

void manage_ask(struct manage *m, struct session_world *w)
{
	struct run q = question(m, w);
	must(!m->is_waiting && m->phase == MANAGE_ASKING);
	q.session = m->session.handle;
	q.arg = ++m->ticket;
	m->is_waiting = true;
	(void)post_run(w->post, w->post->loop_of_shard[q.shard], &q, NULL, 0, 0, SLICE_EMPTY);
}

/* ---- answers ------------------------------------------------------------------------------ */

static void put(struct manage *m, struct session_world *w, const struct text *t)
{
	must(!text_is_full(t));
	sendq_copy(&m->session.sendq, w->mem, text_slice(t));
}

/* The core knows its queues by number only. */
static void put_queue_names(struct manage *m, struct session_world *w)
{
	const struct queue_record *q = catalog_queue_by_id(w->view, m->queue);
	char room[4 * MANAGE_NAME_MAX + 4 * MANAGE_NAME_MAX + 100];
	struct text t = text_of(room, sizeof room);
	must(m->queue != 0);
	text_puts(&t, "queue: ");
	if (q)
		text_put_printable(&t, q->name);
	text_puts(&t, "\nvhost: ");
	if (q)
		text_put_printable(&t, catalog_vhost_name(w->view, q->vhost));
	text_putf(&t, "\nshard: %u\n", q ? q->shard : 0);
	put(m, w, &t);
}

static void put_digest(struct manage *m, struct session_world *w, const struct reply_row *row)
{
	char room[80];
	struct text t = text_of(room, sizeof room);
	must(row->op == CMD_DIGEST);
	text_putf(&t, "shard %u: ", m->step);
	digest_dump((struct digest_sum){ row->a, row->b }, &t);
	text_putc(&t, '\n');
	put(m, w, &t);
	m->found_n++;
}

static void put_text(struct manage *m, struct session_world *w, struct slice text)
{
	must(m->request.kind != REQUEST_DIGEST);
	if (text.n == 0)
		return;
	if (m->found_n++ > 0)
		sendq_copy(&m->session.sendq, w->mem, slice_str("\n"));
	if (m->request.kind == REQUEST_QUEUE)
		put_queue_names(m, w);
	if (text.n > 1 && text.p[text.n - 1] == '\n' && text.p[text.n - 2] == '\n')
		text.n--;
	sendq_copy(&m->session.sendq, w->mem, text);
}

static void last_words(struct manage *m, struct session_world *w)
{
	char room[80];
	struct text t = text_of(room, sizeof room);
	must(m->request.kind != REQUEST_TRACE);
	m->phase = MANAGE_DONE;
	if (m->found_n > 0)
		return;
	if (m->request.kind == REQUEST_CONNECTION && !m->request.is_all) {
		text_putf(&t, "no connection %llu", (unsigned long long)m->request.number);
		manage_refuse(m, w, text_slice(&t));
	} else if (!m->request.is_all) {
		manage_refuse(m, w, slice_str("it has just gone"));
	} else {
		sendq_copy(&m->session.sendq, w->mem, slice_str("none: 0\n"));
	}
}

void manage_answered(struct manage *m, struct session_world *w, struct run *fx)
{
	const struct reply_row *row = run_rows(fx);
	must(m->is_waiting && fx->n == 1 && fx->arg == m->ticket);
	m->is_waiting = false;
	if (row->op == CMD_TRACE && row->err != ERR_OK) {
		manage_watch_end(m, w);
		manage_refuse(m, w, slice_str("too many watch already"));
		return;
	}
	if (row->op == CMD_TRACE)
		m->found_n += row->a;
	else if (row->op == CMD_DIGEST)
		put_digest(m, w, row);
	else
		put_text(m, w, run_tail(fx));
	if (m->request.kind == REQUEST_CONNECTION)
		m->cursor = row->a;
	m->step += m->request.kind != REQUEST_CONNECTION || row->a == 0;
	if (manage_has_next(m, w))
		return;
	if (m->request.kind == REQUEST_TRACE)
		manage_watch_begun(m, w);
	else
		last_words(m, w);
}
