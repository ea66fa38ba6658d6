#include "node/conn.h"

#include "base/must.h"
#include "node/trace.h"

#define FLUSH_PARTS     32u
#define FLUSH_STEPS_MAX 16 /* gathering writes to one socket before others get theirs */

void conn_touch(struct conn *c)
{
	if (!list_has_node(&c->touched))
		list_push(&c->loop->touched, &c->touched);
}

void conn_arm(struct conn *c)
{
	uint64_t at = UINT64_MAX;
	if (!c->is_lost)
		at = c->is_closing ? c->close_by_ms : c->session->ops->deadline(c->session);
	if (at == UINT64_MAX)
		wheel_cancel(&c->loop->wheel, &c->timer);
	else if (!wheel_is_set(&c->timer) || at < c->timer.at_ms)
		wheel_set(&c->loop->wheel, &c->timer, at);
}

/* An effect for a connection that is no more: only its references matter. */
static void drop_effect(struct run *fx)
{
	if (fx->kind != FX_DELIVER && fx->kind != FX_DEAD_LETTER && fx->kind != FX_DIRECTED)
		return;
	struct deliver_row *row = run_rows(fx);
	for (uint32_t i = 0; i < fx->n; i++)
		if (row[i].mem && !(row[i].flags & ENTRY_SPILLED))
			msg_unref(row[i].mem, 1);
}

static void tell_inside(struct loop *l, struct run *fx)
{
	struct session *s = inside_of(l, fx->session);
	if (s)
		inside_tell(l, s, fx);
	else
		drop_effect(fx);
}

void conns_tell(struct loop *l, struct run *fx)
{
	struct conn *c = conn_of(l, fx->session);
	if (!c && fx->kind == FX_DIRECT) { /* whoever wrote its address may have made it up */
		session_direct_answer(&l->post, fx, false);
		return;
	}
	if (!c) {
		tell_inside(l, fx);
		return;
	}
	c->session->ops->tell(c->session, loop_world(l), fx);
	notes_look(l);
	conn_touch(c);
}

void conn_loaded(struct conn *c, uint64_t ticket, uint64_t mem)
{
	c->session->ops->loaded(c->session, loop_world(c->loop), ticket, mem);
	conn_touch(c);
}

void conn_checked(struct loop *l, uint64_t session, bool is_right)
{
	struct conn *c = conn_of(l, session);
	if (!c || c->is_lost || !c->session->ops->checked)
		return;
	c->session->ops->checked(c->session, loop_world(l), is_right);
	notes_look(l);
	conn_touch(c);
}

bool conn_stored(struct conn *c, uint64_t ticket, uint64_t loc, uint32_t bytes)
{
	bool is_kept = c->session->ops->stored(c->session, loop_world(c->loop), ticket, loc, bytes);
	notes_look(c->loop);
	conn_touch(c);
	return is_kept;
}

/* ---- writing ------------------------------------------------------------------------------ */

/* Writes until the socket is full or nothing is left. True: there is more. */
static bool conn_flush(struct conn *c)
{
	struct loop *l = c->loop;
	struct sendq *q = &c->session->sendq;
	trace_out(c);
	for (int i = 0; i < FLUSH_STEPS_MAX && q->bytes > 0 && !c->is_full && !c->is_lost; i++) {
		struct slice parts[FLUSH_PARTS];
		uint32_t n = sendq_parts(q, parts, FLUSH_PARTS);
		uint64_t offered = 0;
		for (uint32_t k = 0; k < n; k++)
			offered += parts[k].n;
		int64_t sent = l->net->ops->write(l->net, c->sock, parts, n);
		l->count.writes++;
		if (sent < 0) {
			sendq_sent(q, &l->memory.mem, q->bytes);
			return false;
		}
		sendq_sent(q, &l->memory.mem, (uint64_t)sent);
		c->is_full = (uint64_t)sent < offered;
		c->session->ops->pump(c->session, loop_world(l));
		trace_out(c);
	}
	return q->bytes > 0 && !c->is_full && !c->is_lost;
}

void conn_writable(struct conn *c)
{
	c->is_full = false;
	conn_touch(c);
}

void conn_close(struct conn *c)
{
	if (c->is_closing)
		return;
	c->is_closing = true;
	c->close_by_ms = c->loop->now_ms + LIMIT_CLOSE_TIMEOUT_MS;
	wheel_cancel(&c->loop->wheel, &c->timer); /* that was another deadline */
}

/* The socket goes, then whatever the session still owes. */
static void close_socket(struct conn *c)
{
	must(c->is_closing && !c->is_lost);
	c->loop->net->ops->close(c->loop->net, c->sock);
	conn_end(c);
}

static void close_if_done(struct conn *c)
{
	if (c->is_closing && !c->is_lost && c->session->sendq.bytes == 0)
		close_socket(c);
}

/* Its peer was gone before the alarm, and would be read only behind it. */
static void close_unread(struct conn *c)
{
	must(conn_is_lost_unread(c));
	conn_close(c);
	close_socket(c);
}

bool conns_flush(struct loop *l)
{
	bool is_more = false;
	uint32_t n = 0;
	struct list_node *node;
	struct list again;
	list_init(&again);
	while ((node = list_first(&l->dirty)) != NULL) {
		struct conn *c = containerof(node, struct conn, dirty);
		list_remove(node);
		n++;
		if (conn_flush(c)) {
			list_push(&again, &c->dirty);
			is_more = true;
			continue;
		}
		conn_arm(c); /* with more room it may have come to its end */
		/* perhaps for room in the send queue: there may be now, or when more is taken */
		if (c->is_waiting && !c->is_full)
			conn_touch(c);
		close_if_done(c);
	}
	while ((node = list_first(&again)) != NULL) {
		list_remove(node);
		list_push(&l->dirty, node);
	}
	return is_more || (n > 0 && !list_is_empty(&l->touched));
}

/* ---- work --------------------------------------------------------------------------------- */

static void conn_work(struct conn *c)
{
	struct loop *l = c->loop;
	const struct session_ops *ops = c->session->ops;
	if (c->is_lost) {
		conn_end(c);
		return;
	}
	ops->pump(c->session, loop_world(l));
	notes_look(l);
	trace_out(c);
	if (c->is_waiting && ops->ready(c->session, loop_world(l)) && !conn_feed_again(c))
		return;
	if (conn_is_lost_unread(c)) {
		close_unread(c);
		return;
	}
	conn_arm(c);
	struct sendq *q = &c->session->sendq;
	if (q->bytes == 0 && !c->is_closing)
		return;
	if (!list_has_node(&c->dirty))
		list_push(&l->dirty, &c->dirty);
	if (q->bytes >= LIMIT_FLUSH_EARLY_BYTES)
		conn_flush(c);
}

bool conns_work(struct loop *l)
{
	struct list_node *node, *last = list_last(&l->touched);
	bool is_any = false;
	while (last && (node = list_first(&l->touched)) != NULL) {
		struct conn *c = containerof(node, struct conn, touched);
		list_remove(node);
		conn_work(c);
		is_any = true;
		if (node == last)
			break;
	}
	return is_any;
}

void conns_resume(struct loop *l)
{
	struct list_node *node;
	while ((node = list_first(&l->paused)) != NULL) {
		struct conn *c = containerof(node, struct conn, paused);
		list_remove(node);
		if (!c->is_waiting && !c->is_closing)
			conn_read(c, true);
	}
}

void conns_tick(struct loop *l)
{
	struct wheel_timer *t;
	while ((t = wheel_pop(&l->wheel, l->now_ms)) != NULL) {
		struct conn *c = containerof(t, struct conn, timer);
		bool is_late = !c->is_lost && c->is_closing && c->close_by_ms <= l->now_ms;
		bool is_open = !c->is_lost && !c->is_closing;
		if (is_late) {
			close_socket(c);
			continue;
		}
		if (is_open && c->session->ops->deadline(c->session) <= l->now_ms) {
			enum feed f = c->session->ops->tick(c->session, loop_world(l));
			notes_look(l);
			if (f == FEED_CLOSE) {
				conn_close(c);
				conn_read(c, false);
			}
			conn_touch(c);
		}
		conn_arm(c);
	}
}

/* ---- all of them -------------------------------------------------------------------------- */

struct conn *conns_next(struct loop *l, uint32_t *io_slot)
{
	while (*io_slot < l->conns_cap) {
		struct conn *c = l->conns[(*io_slot)++];
		if (((uintptr_t)c & 1) == 0)
			return c;
	}
	return NULL;
}

struct conn *conn_numbered(struct loop *l, uint64_t number)
{
	uint32_t slot = 0;
	struct conn *c = conns_next(l, &slot);
	while (c && c->number != number)
		c = conns_next(l, &slot);
	return c;
}

void conns_alarm(struct loop *l)
{
	uint32_t slot = 0;
	for (struct conn *c; (c = conns_next(l, &slot)) != NULL;)
		conn_touch(c);
}

void conns_see(struct loop *l)
{
	uint32_t slot = 0;
	must(l->world.watchers_n > 0);
	for (struct conn *c; (c = conns_next(l, &slot)) != NULL;)
		if (c->session->watches_view)
			conn_touch(c);
}

void conns_stop(struct conn *c, struct slice why)
{
	must(!c->is_lost);
	c->session->ops->stop(c->session, loop_world(c->loop), why);
	conn_close(c);
	conn_read(c, false);
	conn_touch(c);
}

void loop_stop(struct loop *l)
{
	uint32_t slot = 0;
	l->is_stopping = true;
	for (struct conn *c; (c = conns_next(l, &slot)) != NULL;) {
		if (!c->is_lost)
			conns_stop(c, SLICE_EMPTY);
	}
}

void conns_free_all(struct loop *l)
{
	uint32_t slot = 0;
	for (struct conn *c; (c = conns_next(l, &slot)) != NULL;) {
		conn_unlist(c);
		conn_free(c);
	}
	mem_put(&l->memory.mem, l->conns, l->conns_cap * sizeof *l->conns);
	l->conns = NULL;
	l->conns_cap = 0;
}
