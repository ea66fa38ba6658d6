#include "base/must.h"
#include "base/rd.h"
#include "session/deadletter/deadletter.h"
#include "session/views.h"

/* Somebody was bound to an exchange that remembers. What its keeper has is asked for and held,
 * published to whom was bound with confirms, and given back to its old place; then whoever has
 * bound is answered. One replay follows the other.
 *
 *     FX_REPLAY --> how many are there? --> these are got --> letters --> all confirmed: answered
 */

static void post(struct deadletter *d, struct session_world *w, const struct replay *r,
		 enum cmd kind)
{
	struct post *p = w->post;
	const struct run head = { .kind = (uint8_t)kind,
				  .session = d->session.handle,
				  .shard = r->shard,
				  .queue = r->queue };
	must(r->queue != 0);
	(void)post_run(p, p->loop_of_shard[r->shard], &head, NULL, 0, 0, SLICE_EMPTY);
}

static struct replay *current(struct deadletter *d)
{
	struct replay *r = deque_peek(&d->replays);
	must(r != NULL);
	return r;
}

void replay_begin(struct deadletter *d, struct session_world *w, const struct run *fx)
{
	struct slice tail = run_tail(fx);
	struct replay r = { .queue = fx->queue, .shard = fx->shard };
	struct bind b;
	must(fx->n == 0 && tail.n > sizeof r.who);
	memcpy(&r.who, tail.p, sizeof r.who);
	if (bind_get(slice_from(tail, sizeof r.who), &b) != ERR_OK)
		must(!"a binding that the catalog has written");
	r.vhost = b.vhost;
	r.to_exchange = b.to_exchange;
	r.to_n = (uint8_t)b.queue.n;
	memcpy(r.to, b.queue.p, b.queue.n);
	if (deque_push(&d->replays, w->mem, &r) != ERR_OK)
		must(!"no memory for a replay");
	if (d->replays.n == 1)
		post(d, w, current(d), CMD_QUEUE_STAT);
}

/* ---- what is kept ------------------------------------------------------------------------- */

static void give_back(struct deadletter *d, struct session_world *w, const struct replay *r)
{
	struct post *p = w->post;
	const struct run head = { .kind = CMD_SETTLE,
				  .session = d->session.handle,
				  .shard = r->shard,
				  .queue = r->queue };
	struct settle_row row = { .how = SETTLE_RELEASE };
	uint32_t loop = p->loop_of_shard[r->shard];
	struct run *last = NULL;
	must(r->asked_n == 0 && r->under_way_n == 0);
	while (deque_pop(&d->held, &row.pos)) {
		if (last && last->n < LIMIT_RUN_ROWS_MAX &&
		    (last = post_last(p, loop, sizeof row)) != NULL)
			memcpy(post_row(p, loop, last, sizeof row), &row, sizeof row);
		else
			last = post_run(p, loop, &head, &row, sizeof row, 1, SLICE_EMPTY);
	}
}

static void answer(struct session_world *w, const struct replay *r)
{
	const struct run head = { .kind = FX_REPLY,
				  .channel = r->who.channel,
				  .session = r->who.session,
				  .vhost = r->vhost,
				  .arg = r->who.arg };
	const struct reply_row row = { .err = ERR_OK, .op = CMD_BIND };
	must(head.session != 0);
	(void)post_run(w->post, session_loop(head.session), &head, &row, sizeof row, 1,
		       SLICE_EMPTY);
}

/* Asks for more of it; or, when nothing is left to do, ends it and begins the next. */
static void go_on(struct deadletter *d, struct session_world *w)
{
	struct replay *r = current(d);
	for (; r->wanted_n > 0 && r->asked_n + r->under_way_n < REPLAY_AHEAD; r->wanted_n--) {
		post(d, w, r, CMD_GET);
		r->asked_n++;
	}
	if (r->asked_n + r->under_way_n > 0)
		return;
	must(r->wanted_n == 0);
	give_back(d, w, r);
	answer(w, r);
	(void)deque_pop(&d->replays, NULL);
	if (d->replays.n > 0)
		post(d, w, current(d), CMD_QUEUE_STAT);
}

void replay_got(struct deadletter *d, struct session_world *w, const struct run *fx)
{
	const struct deliver_row *row = (const void *)(fx + 1);
	struct replay *r = current(d);
	struct letter l = { .row = *row,
			    .queue = fx->queue,
			    .shard = fx->shard,
			    .reason = LETTER_REPLAYED,
			    .state = row->mem ? LETTER_HERE : LETTER_UNASKED };
	must(fx->n == 1 && fx->flags & DELIVER_GET && fx->queue == r->queue && r->asked_n > 0);
	r->asked_n--;
	r->under_way_n++;
	if (deque_push(&d->held, w->mem, &row->pos) != ERR_OK ||
	    deque_push(&d->waiting, w->mem, &l) != ERR_OK)
		must(!"no memory for a replay");
}

void replay_answered(struct deadletter *d, struct session_world *w, const struct run *fx)
{
	const struct reply_row *row = (const void *)(fx + 1);
	struct replay *r = current(d);
	must(fx->n == 1 && fx->queue == r->queue);
	if (row->op == CMD_QUEUE_STAT) {
		r->wanted_n = row->err == ERR_OK ? (uint32_t)row->a : 0;
	} else { /* nothing is left of it */
		must(row->op == CMD_GET && r->asked_n > 0);
		r->asked_n--;
		r->wanted_n = 0;
	}
	go_on(d, w);
}

/* ---- its letters -------------------------------------------------------------------------- */

void replay_done(struct deadletter *d, struct session_world *w)
{
	struct replay *r = current(d);
	must(r->under_way_n > 0);
	r->under_way_n--;
	go_on(d, w);
}

/* To the queue that was bound, or by the exchange that was. False: nowhere. */
static bool publish(struct deadletter *d, struct session_world *w, struct letter *l,
		    const struct letter_made *made)
{
	const struct replay *r = current(d);
	struct slice name = slice_of(r->to, r->to_n);
	struct route route;
	if (!r->to_exchange) {
		const struct queue_record *q = catalog_queue(w->view, r->vhost, name);
		if (q)
			send_to(d, w, l, made,
				&(struct route_to){
					.queue = q->id, .shard = q->shard, .flags = q->flags },
				1);
		return q != NULL;
	}
	const struct exchange *x = catalog_exchange(w->view, r->vhost, name);
	struct rd rd = rd_of(msg_route(made->msg));
	(void)rd_str8(&rd);
	struct routing m = { .key = rd_str8(&rd),
			     .headers = views_of(made->msg),
			     .props = msg_props(made->msg),
			     .now_ms = w->wall_ms,
			     .dice = d->session.handle + d->count.published };
	must(rd_done(&rd));
	route_init(&route, w->mem);
	bool is_sent = x && route_message(w->view, x, &m, &route) == ERR_OK && route.n > 0;
	if (is_sent)
		send_to(d, w, l, made, route.to, route.n);
	route_fini(&route);
	return is_sent;
}

void replay_send(struct deadletter *d, struct session_world *w, struct letter *own_l)
{
	struct letter_made made;
	bool is_sent = false;
	must(own_l->reason == LETTER_REPLAYED);
	if (own_l->state == LETTER_HERE) {
		if (!letter_copy(d, w, own_l, &made))
			must(!"no memory for a replay");
		is_sent = publish(d, w, own_l, &made);
		letter_made_end(&made, is_sent);
	}
	d->count.broken += own_l->state == LETTER_BROKEN;
	d->count.replayed += is_sent;
	if (is_sent)
		return;
	if (own_l->row.mem)
		msg_unref(own_l->row.mem, 1);
	replay_done(d, w);
}
