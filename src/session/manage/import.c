#include "session/manage/manage.h"

#include "base/byteorder.h"
#include "base/must.h"
#include "base/rd.h"
#include "core/fact.h"
#include "session/manage/item.h"

#define IMPORTS_MAX 128u /* asked and not answered */

static void say(struct manage *m, struct session_world *w, struct slice what)
{
	must(m->phase == MANAGE_IMPORTING);
	m->import.refused_n++;
	sendq_copy(&m->session.sendq, w->mem, slice_str("refused: "));
	sendq_copy(&m->session.sendq, w->mem, what);
	sendq_copy(&m->session.sendq, w->mem, slice_str("\n"));
}

static void post(struct manage *m, struct session_world *w, enum cmd kind, struct slice tail)
{
	const struct run r = { .kind = (uint8_t)kind,
			       .session = m->session.handle,
			       .arg = ++m->ticket };
	must(tail.n > 0);
	m->import.asked_n++;
	(void)post_run(w->post, w->post->loop_of_shard[0], &r, NULL, 0, 0, tail);
}

/* A declaration in a virtual host, whose number is filled in. ERR_BUSY: ask again when what was
 * asked before is answered. */
static enum err declare(struct manage *m, struct session_world *w, enum cmd kind, struct slice in)
{
	struct rd r = rd_of(in);
	struct slice vhost = rd_str8(&r), tail = rd_rest(&r);
	uint16_t number;
	if (!rd_ok(&r) || tail.n < 2)
		return ERR_MALFORMED;
	if (catalog_vhost(w->view, vhost, &number) != ERR_OK) {
		char room[400];
		struct text t = text_of(room, sizeof room);
		if (m->import.asked_n > m->import.answered_n)
			return ERR_BUSY;
		text_puts(&t, "vhost '");
		text_put_printable(&t, vhost);
		text_puts(&t, "' does not exist");
		say(m, w, text_slice(&t));
		return ERR_OK;
	}
	uint8_t *copy = mem_get(w->mem, tail.n, "import");
	must(copy != NULL);
	memcpy(copy, tail.p, tail.n);
	store_le16(copy, number);
	post(m, w, kind, slice_of(copy, tail.n));
	mem_put(w->mem, copy, tail.n);
	return ERR_OK;
}

static bool is_sound(enum item kind, struct slice body)
{
	struct declare_queue q;
	struct declare_exchange x;
	struct bind b;
	struct fact f;
	struct rd r = rd_of(body);
	must(kind >= ITEM_FACT && kind <= ITEM_FORGET);
	if (kind != ITEM_FACT && kind != ITEM_FORGET)
		(void)rd_str8(&r);
	struct slice tail = rd_rest(&r);
	switch (kind) {
	case ITEM_FACT:
	case ITEM_FORGET: return fact_get(tail, &f) == ERR_OK;
	case ITEM_QUEUE:
		return declare_queue_get(tail, &q) == ERR_OK && q.owner == 0 && q.name.n > 0 &&
		       !(q.flags & QUEUE_EXCLUSIVE) && q.shard > 0 && q.shard <= LIMIT_SHARD_DATA_N;
	case ITEM_EXCHANGE: return declare_exchange_get(tail, &x) == ERR_OK;
	case ITEM_BINDING: break;
	}
	return bind_get(tail, &b) == ERR_OK;
}

static enum err take(struct manage *m, struct session_world *w, struct slice item)
{
	must(item.n > 0);
	struct slice body = slice_from(item, 1);
	uint8_t kind = item.p[0];
	if (kind < ITEM_FACT || kind > ITEM_FORGET || !is_sound((enum item)kind, body))
		return ERR_MALFORMED;
	switch ((enum item)kind) {
	case ITEM_FACT: post(m, w, CMD_FACT_PUT, body); return ERR_OK;
	case ITEM_FORGET: post(m, w, CMD_FACT_DELETE, body); return ERR_OK;
	case ITEM_QUEUE: return declare(m, w, CMD_QUEUE_DECLARE, body);
	case ITEM_EXCHANGE: return declare(m, w, CMD_EXCHANGE_DECLARE, body);
	case ITEM_BINDING: break;
	}
	return declare(m, w, CMD_BIND, body);
}

bool manage_import_may_read(const struct manage *m)
{
	uint64_t waiting = m->import.asked_n - m->import.answered_n;
	must(waiting <= IMPORTS_MAX);
	return m->import.is_blocked ? waiting == 0 : waiting < IMPORTS_MAX;
}

static void finish_if_done(struct manage *m, struct session_world *w)
{
	char room[100];
	struct text t = text_of(room, sizeof room);
	if (!m->import.is_read || m->import.asked_n > m->import.answered_n)
		return;
	text_putf(&t, "imported: %llu\nrefused: %llu\n",
		  (unsigned long long)(m->import.answered_n - m->import.bad_n),
		  (unsigned long long)m->import.refused_n);
	sendq_copy(&m->session.sendq, w->mem, text_slice(&t));
	must(m->phase == MANAGE_IMPORTING);
	m->phase = MANAGE_DONE;
}

enum feed manage_import_feed(struct manage *m, struct session_world *w, struct slice in,
			     uint32_t *out_used, uint32_t *out_need)
{
	*out_used = 0;
	must(m->phase == MANAGE_IMPORTING);
	m->import.is_blocked = false;
	while (!m->import.is_read) {
		struct slice rest = slice_from(in, *out_used);
		*out_need = 4;
		if (rest.n >= 4)
			*out_need = 4 + load_le32(rest.p);
		if (rest.n >= 4 && *out_need > ITEM_BYTES_MAX) {
			manage_refuse(m, w, slice_str("an item is too large"));
			return FEED_CLOSE;
		}
		if (rest.n < *out_need)
			return FEED_MORE;
		if (!manage_import_may_read(m))
			return FEED_WAIT;
		enum err e = ERR_OK;
		m->import.is_read = *out_need == 4;
		if (!m->import.is_read)
			e = take(m, w, slice_sub(rest, 4, *out_need - 4));
		if (e == ERR_BUSY) {
			m->import.is_blocked = true;
			return FEED_WAIT;
		}
		if (e != ERR_OK) {
			manage_refuse(m, w, slice_str("an item makes no sense"));
			return FEED_CLOSE;
		}
		*out_used += *out_need;
	}
	*out_used = (uint32_t)in.n;
	*out_need = 1;
	finish_if_done(m, w);
	return m->phase == MANAGE_DONE ? FEED_CLOSE : FEED_MORE;
}

void manage_imported(struct manage *m, struct session_world *w, struct run *fx)
{
	const struct reply_row *row = run_rows(fx);
	must(fx->n == 1);
	bool is_ours = m->ticket - fx->arg < m->import.asked_n; /* they come in any order */
	if (m->phase != MANAGE_IMPORTING || !is_ours || m->import.answered_n == m->import.asked_n)
		return;
	m->import.answered_n++;
	if (row->err != ERR_OK) {
		m->import.bad_n++;
		say(m, w, run_tail(fx));
	}
	finish_if_done(m, w);
}
