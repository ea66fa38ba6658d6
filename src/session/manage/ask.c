#include "session/manage/manage.h"

#include "base/digest.h"
#include "base/must.h"
#include "core/delay_store.h"
#include "core/keeper.h"

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
	case REQUEST_CATALOG:
	case REQUEST_MEMORY:
	case REQUEST_DISK: return 1;
	case REQUEST_SHARD:
		return m->request.is_all ? shards_n(w) : (uint32_t)m->request.number + 1;
	case REQUEST_DIGEST: return 1 + LIMIT_SHARD_DATA_N;
	case REQUEST_CONNECTION:
	case REQUEST_CLOSE:
	case REQUEST_TRACE: return w->post->loops_n;
	case REQUEST_EXPORT:
	case REQUEST_IMPORT:
	case REQUEST_PURGE:
	case REQUEST_DELETE:
	case REQUEST_LOGIN:
	case REQUEST_QUEUE:
	case REQUEST_DELAYED:
	case REQUEST_CANCEL:
	case REQUEST_N: break;
	}
	return 0;
}

static bool is_about_queues(const struct manage *m)
{
	must(m->request.kind < REQUEST_N);
	return m->request.kind == REQUEST_QUEUE || m->request.kind == REQUEST_DELAYED ||
	       m->request.kind == REQUEST_CANCEL || m->request.kind == REQUEST_PURGE ||
	       m->request.kind == REQUEST_DELETE;
}

/* The queue to be asked: of a list the one in hand, until all of it was told. */
static const struct queue_record *queue_next(const struct manage *m, const struct session_world *w)
{
	const struct queue_record *q;
	must(is_about_queues(m));
	if (m->place)
		return catalog_queue_by_id(w->view, m->queue);
	if (!m->request.is_all || m->request.kind == REQUEST_CANCEL)
		return m->queue == 0 ? catalog_queue_by_id(w->view, m->cursor) : NULL;
	q = catalog_queue_after(w->view, m->cursor);
	while (q && m->request.kind == REQUEST_DELAYED && !keeper_delays(q))
		q = catalog_queue_after(w->view, q->id);
	return q;
}

/* The keeper of the exchange that the request names, or the store of what has none. */
static enum err keeper_find(struct manage *m, const struct session_world *w, uint16_t vhost,
			    struct text *why)
{
	const struct exchange *x = catalog_exchange(w->view, vhost, m->request.name);
	const bool is_store = slice_eq(m->request.name, slice_str(DELAY_STORE_NAME));
	const struct queue_record *q = x          ? keeper_of(w->view, x)
				       : is_store ? delay_store(w->view, vhost)
						  : NULL;
	must(m->request.name.n > 0);
	if (q && keeper_delays(q)) {
		m->cursor = q->id;
		return ERR_OK;
	}
	text_put_quoted_printable(why, "no exchange ", m->request.name);
	text_put_quoted_printable(why, " that delays messages in vhost ", m->request.vhost);
	return ERR_NOT_FOUND;
}

static enum err queue_find(struct manage *m, const struct session_world *w, struct text *why)
{
	uint16_t vhost = 0;
	const struct queue_record *q = NULL;
	must(is_about_queues(m));
	if (m->request.name.n == 0) /* those of all virtual hosts */
		return ERR_OK;
	enum err e = catalog_vhost(w->view, m->request.vhost, &vhost);
	if (e == ERR_OK &&
	    (m->request.kind == REQUEST_DELAYED || m->request.kind == REQUEST_CANCEL))
		return keeper_find(m, w, vhost, why);
	if (e == ERR_OK && m->request.name.n <= MANAGE_NAME_MAX)
		q = catalog_queue(w->view, vhost, m->request.name);
	if (q && m->request.kind != REQUEST_QUEUE && q->flags & QUEUE_KEEPER) {
		text_puts(why, "it belongs to its exchange");
		return ERR_ACCESS_REFUSED;
	}
	if (q) {
		m->cursor = q->id;
		return ERR_OK;
	}
	text_put_quoted_printable(why, e == ERR_OK ? "no queue " : "no vhost ",
				  e == ERR_OK ? m->request.name : m->request.vhost);
	if (e == ERR_OK)
		text_put_quoted_printable(why, " in vhost ", m->request.vhost);
	return ERR_NOT_FOUND;
}

enum err manage_begin(struct manage *m, const struct session_world *w, struct text *why)
{
	must(m->phase == MANAGE_LISTENING && m->step == 0);
	if (is_about_queues(m))
		return queue_find(m, w, why);
	if (m->request.kind == REQUEST_EXPORT)
		return manage_export_begin(m, m->request.name, why);
	if (m->request.kind == REQUEST_LOGIN) /* it has an answer already, or waits for it */
		return ERR_OK;
	if (m->request.kind == REQUEST_CLOSE) {
		m->reason_n = (uint8_t)m->request.name.n;
		memcpy(m->reason, m->request.name.p, m->reason_n);
		return ERR_OK;
	}
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
	if (is_about_queues(m))
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
	must(loop < LIMIT_LOOPS_MAX);
	return (struct run){
		.kind = (uint8_t)kind, .flags = flags, .queue = arg, .shard = volatile_shard(loop)
	};
}

static enum cmd asked_of_queues(const struct manage *m)
{
	must(is_about_queues(m));
	switch (m->request.kind) {
	case REQUEST_DELAYED: return CMD_LIST;
	case REQUEST_CANCEL: return m->request.is_all ? CMD_PURGE : CMD_CANCEL;
	case REQUEST_PURGE: return CMD_PURGE;
	case REQUEST_DELETE: return CMD_QUEUE_DELETE;
	default: return CMD_DUMP;
	}
}

static struct run for_queue(struct manage *m, const struct session_world *w)
{
	const struct queue_record *q = queue_next(m, w);
	must(q != NULL);
	struct run r = for_shard(asked_of_queues(m), q->shard);
	m->cursor = m->queue = r.queue = q->id;
	if (r.kind == CMD_QUEUE_DELETE)
		r.flags = (uint8_t)((m->request.if_unused ? DELETE_IF_UNUSED : 0) |
				    (m->request.if_empty ? DELETE_IF_EMPTY : 0));
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
	case REQUEST_CLOSE: return for_loop(CMD_CLOSE, m->step, 0, r->number);
	case REQUEST_MEMORY:
	case REQUEST_DISK:
		return for_loop(CMD_BOUND, 0,
				(uint8_t)((r->kind == REQUEST_DISK ? BOUND_DISK : 0) |
					  (r->is_relative ? BOUND_RELATIVE : 0)),
				r->number);
	case REQUEST_EXPORT:
	case REQUEST_IMPORT:
	case REQUEST_PURGE:
	case REQUEST_DELETE:
	case REQUEST_LOGIN:
	case REQUEST_QUEUE:
	case REQUEST_DELAYED:
	case REQUEST_CANCEL:
	case REQUEST_N: break;
	}
	return for_queue(m, w);
}

static void last_words(struct manage *m, struct session_world *w)
{
	char room[80];
	struct text t = text_of(room, sizeof room);
	must(m->request.kind != REQUEST_TRACE);
	m->phase = MANAGE_DONE;
	if (m->found_n > 0 && m->request.kind == REQUEST_CLOSE)
		sendq_copy(&m->session.sendq, w->mem, slice_str("closed: 1\n"));
	if (m->found_n > 0)
		return;
	if (m->request.kind == REQUEST_CLOSE ||
	    (m->request.kind == REQUEST_CONNECTION && !m->request.is_all)) {
		text_putf(&t, "no connection %llu", (unsigned long long)m->request.number);
		manage_refuse(m, w, text_slice(&t));
	} else if (!m->request.is_all && m->request.kind != REQUEST_DELAYED) {
		manage_refuse(m, w, slice_str("it has just gone"));
	} else {
		sendq_copy(&m->session.sendq, w->mem, slice_str("none: 0\n"));
	}
}

void manage_ask(struct manage *m, struct session_world *w)
{
	must(!m->is_waiting && m->phase == MANAGE_ASKING);
	if (!manage_has_next(m, w)) { /* it has gone since */
		last_words(m, w);
		return;
	}
	struct run q = question(m, w);
	q.session = m->session.handle;
	q.arg = ++m->ticket;
	m->is_waiting = true;
	const uint64_t place[] = { m->request.number, m->request.place };
	struct slice tail = SLICE_EMPTY;
	if (q.kind == CMD_CANCEL)
		tail = slice_of(place, sizeof place);
	else if (q.kind == CMD_CLOSE)
		tail = slice_of(m->reason, m->reason_n);
	else if (q.kind == CMD_LIST)
		tail = slice_of(&m->place, sizeof m->place);
	(void)post_run(w->post, w->post->loop_of_shard[q.shard], &q, NULL, 0, 0, tail);
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
		text_put_printable(&t, queue_record_name(q));
	text_puts(&t, "\nvhost: ");
	if (q)
		text_put_printable(&t, catalog_vhost_name(w->view, q->vhost));
	text_putf(&t, "\nshard: %u\n", q ? q->shard : 0);
	put(m, w, &t);
	if (q && m->request.kind == REQUEST_QUEUE)
		manage_tell_queue(m, w, q);
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
	if (is_about_queues(m))
		put_queue_names(m, w);
	if (text.n > 1 && text.p[text.n - 1] == '\n' && text.p[text.n - 2] == '\n')
		text.n--;
	sendq_copy(&m->session.sendq, w->mem, text);
}

/* A page of a list, below the names that it begins with; or what came of removing. */
static void put_delayed(struct manage *m, struct session_world *w, const struct run *fx,
			const struct reply_row *row)
{
	char room[64];
	struct text t = text_of(room, sizeof room);
	must(is_about_queues(m));
	if (m->request.kind == REQUEST_CANCEL && row->err != ERR_OK) {
		manage_refuse(m, w, slice_str("no such message"));
		m->found_n++;
	} else if (m->request.kind == REQUEST_CANCEL) {
		text_putf(&t, "cancelled: %llu\n", (unsigned long long)row->a);
		put(m, w, &t);
		m->found_n++;
	} else {
		if (m->place == 0 && run_tail(fx).n > 0)
			put_text(m, w, run_tail(fx));
		else
			sendq_copy(&m->session.sendq, w->mem, run_tail(fx));
		m->place = row->a;
	}
}

static void put_purged(struct manage *m, struct session_world *w, const struct reply_row *row)
{
	char room[64];
	struct text t = text_of(room, sizeof room);
	must(m->request.kind == REQUEST_PURGE);
	if (row->err == ERR_OK)
		text_putf(&t, "purged: %llu\n", (unsigned long long)row->a);
	m->found_n += row->err != ERR_NOT_FOUND;
	if (row->err == ERR_OK)
		put(m, w, &t);
	else if (row->err != ERR_NOT_FOUND)
		manage_refuse(m, w, slice_str("streams cannot be purged"));
}

/* rabbitmqctl's words. */
static void put_deleted(struct manage *m, struct session_world *w, const struct reply_row *row)
{
	char room[64];
	struct text t = text_of(room, sizeof room);
	must(m->request.kind == REQUEST_DELETE);
	m->found_n++;
	text_putf(&t, "deleted: %llu\n", (unsigned long long)row->a);
	if (row->err == ERR_OK)
		put(m, w, &t);
	else
		manage_refuse(m, w,
			      slice_str(row->a == DELETE_IF_UNUSED ? "Queue is in use"
								   : "Queue is not empty"));
}

static void put_bound(struct manage *m, struct session_world *w, const struct reply_row *row)
{
	char room[64];
	struct text t = text_of(room, sizeof room);
	must(row->err == ERR_OK);
	text_putf(&t, "limit_bytes: %llu\n", (unsigned long long)row->a);
	put(m, w, &t);
	m->found_n++;
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
	if (row->err == ERR_RESOURCE_ERROR) {
		manage_refuse(m, w, slice_str("there is no memory for the answer"));
		return;
	}
	if (row->op == CMD_TRACE || row->op == CMD_CLOSE)
		m->found_n += row->a;
	else if (m->request.kind == REQUEST_PURGE)
		put_purged(m, w, row);
	else if (m->request.kind == REQUEST_DELETE)
		put_deleted(m, w, row);
	else if (row->op == CMD_BOUND)
		put_bound(m, w, row);
	else if (row->op == CMD_DIGEST)
		put_digest(m, w, row);
	else if (m->request.kind == REQUEST_DELAYED || m->request.kind == REQUEST_CANCEL)
		put_delayed(m, w, fx, row);
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
