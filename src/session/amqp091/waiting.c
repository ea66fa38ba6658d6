#include "base/bits.h"
#include "session/amqp091/deliver.h"

#include "base/must.h"

#define BIG_AHEAD 4u /* rows before a big message when it is read */

/* ---- giving back -------------------------------------------------------------------------- */

/* A delivery that will not be written. Nothing to give back if it left the queue when it was
 * given (no-ack, and not still to be read). */
static void give_back(struct turn *t, uint16_t channel, struct consumer *k, const struct waiting *w,
		      enum settle how)
{
	must(k->waiting_n > 0 && k->id == w->consumer);
	if (!k->is_no_ack || w->row.flags & ENTRY_SETTLE)
		amqp091_settle_row(t, channel, w->shard, w->queue, k->id, w->row.pos, how);
	amqp091_row_unref(&w->row);
	k->waiting_n--;
}

static void void_row(struct turn *t, struct channel *c, struct waiting *w)
{
	struct consumer *k = amqp091_consumer(t->s, w->consumer);
	must(k && w->state != WAITING_VOID && !w->is_get);
	if (w->state == WAITING_LOADING) {
		t->s->loading_n--;
		t->s->loading_bytes -= w->row.bytes;
	}
	give_back(t, c->number, k, w, SETTLE_RELEASE);
	w->state = WAITING_VOID;
	w->row.mem = 0;
}

static void void_return(struct waiting *w)
{
	must(w->is_return);
	amqp091_row_unref(&w->row);
	w->row.mem = 0;
	w->state = WAITING_VOID;
}

void amqp091_waiting_void(struct turn *t, struct channel *c, uint32_t consumer)
{
	struct deque *d = &t->s->waiting;
	must(c->number > 0);
	for (size_t i = 0; i < d->n; i++) {
		struct waiting *w = deque_at(d, i);
		if (w->channel == c->number && w->is_return && consumer == 0)
			void_return(w);
		if (w->channel == c->number && !w->is_get && w->state != WAITING_VOID &&
		    (consumer == 0 || w->consumer == consumer))
			void_row(t, c, w);
	}
	for (size_t n = c->parked ? c->parked->n : 0; n > 0; n--) {
		struct waiting w;
		must(deque_pop(c->parked, &w));
		if (consumer == 0 || w.consumer == consumer)
			void_row(t, c, &w);
		else if (deque_push(c->parked, t->w->mem, &w) != ERR_OK)
			must(!"a deque has room for what it had");
	}
}

void amqp091_waiting_drop(struct turn *t)
{
	struct amqp091 *s = t->s;
	struct waiting w;
	must(s->consumers.n == 0);
	s->waiting_first += s->waiting.n; /* what is still being read finds nobody */
	while (deque_pop(&s->waiting, &w))
		amqp091_row_unref(&w.row);
	s->loading_n = 0;
	s->loading_bytes = 0;
}

/* ---- the shared prefetch ------------------------------------------------------------------ */

static bool must_park(const struct channel *c, const struct consumer *k)
{
	must(k->channel == c);
	if (k->is_no_ack || c->prefetch_shared == 0)
		return false;
	return c->held_n >= c->prefetch_shared || (c->parked && c->parked->n > 0);
}

static void park(struct turn *t, struct channel *c, const struct waiting *w)
{
	must(w->state == WAITING_HERE);
	if (!c->parked) {
		c->parked = amqp091_get(t, sizeof *c->parked, "parked");
		deque_init(c->parked, sizeof *w, "parked deliveries");
	}
	if (deque_push(c->parked, t->w->mem, w) != ERR_OK)
		must(!"no memory for a delivery");
}

void amqp091_unpark(struct turn *t, struct channel *c)
{
	struct waiting w;
	must(c->parked != NULL);
	while (c->parked->n > 0 && !t->s->stream &&
	       (c->prefetch_shared == 0 || c->held_n < c->prefetch_shared)) {
		(void)deque_pop(c->parked, &w);
		amqp091_deliver_write(t, amqp091_consumer(t->s, w.consumer), &w);
	}
	refs_unref(&t->gone);
	if (c->parked->n == 0)
		amqp091_parked_free(t, c);
}

void amqp091_parked_free(struct turn *t, struct channel *c)
{
	struct waiting w;
	if (!c->parked)
		return;
	must(c->parked->row_bytes == sizeof w);
	while (deque_pop(c->parked, &w))
		amqp091_row_unref(&w.row);
	deque_fini(c->parked, t->w->mem);
	amqp091_put(t, c->parked, sizeof *c->parked);
	c->parked = NULL;
}

/* ---- one delivery ------------------------------------------------------------------------- */

static void place_got(struct turn *t, struct waiting *w)
{
	struct call *call = t->s->call;
	struct channel *c = amqp091_channel(t->s, w->channel);
	must(call && call->method == AMQP091_basic_get && c && call->ticket == w->consumer);
	bool is_no_ack = call->flags & GET_NO_ACK;
	amqp091_call_free(t);
	if (w->state == WAITING_HERE) {
		amqp091_got_write(t, c, is_no_ack, w);
		return;
	}
	if (!is_no_ack || w->row.flags & ENTRY_SETTLE)
		amqp091_settle_row(t, c->number, w->shard, w->queue, CONSUMER_GET, w->row.pos,
				   SETTLE_REJECT);
	amqp091_send_bare(t, c->number, AMQP091_basic_get_empty);
}

/* place finds the delivery at the head its way: to the client, aside, or back. */
static void place(struct turn *t, struct waiting *w)
{
	must(w->state != WAITING_VOID && w->state != WAITING_LOADING);
	if (w->is_get) {
		place_got(t, w);
		return;
	}
	if (w->is_return) {
		amqp091_return_write(t, w);
		return;
	}
	struct consumer *k = amqp091_consumer(t->s, w->consumer);
	if (!k) {
		amqp091_row_unref(&w->row);
		return;
	}
	if (k->channel->is_ending) {
		give_back(t, k->channel->number, k, w, SETTLE_RELEASE);
	} else if (w->state == WAITING_BROKEN) {
		amqp091_written(t, k, 1, w->row.bytes); /* nothing will be that gives it back */
		give_back(t, k->channel->number, k, w, SETTLE_REJECT);
		if (k->end == CONSUMER_ENDED)
			amqp091_drained(t, k);
	} else if (must_park(k->channel, k)) {
		park(t, k->channel, w);
	} else {
		amqp091_deliver_write(t, k, w);
	}
}

static bool has_room(const struct turn *t)
{
	must(t->s->session.ops == &amqp091_session_ops);
	return t->s->phase == PHASE_RUNNING && !t->s->stream &&
	       t->s->session.sendq.bytes < t->w->limits->output_bytes_max;
}

/* ---- reading from the journal ------------------------------------------------------------- */

/* What is read of a big message has a block of its own, and goes out one after the other. */
static bool is_too_early(const struct amqp091 *s, const struct waiting *w)
{
	must(s->waiting_asked >= s->waiting_first);
	return w->row.flags & ENTRY_BIG && s->waiting_asked - s->waiting_first >= BIG_AHEAD;
}

static void ask_loads(struct turn *t)
{
	struct amqp091 *s = t->s;
	must(s->loading_n <= LIMIT_READ_AHEAD_ROWS);
	if (s->waiting_asked < s->waiting_first)
		s->waiting_asked = s->waiting_first;
	while (s->waiting_asked < s->waiting_first + s->waiting.n &&
	       s->loading_n < LIMIT_READ_AHEAD_ROWS && s->loading_bytes < LIMIT_READ_AHEAD_BYTES) {
		struct waiting *w = deque_at(&s->waiting,
					     (size_t)(s->waiting_asked - s->waiting_first));
		if (w->state == WAITING_UNASKED && is_too_early(s, w))
			return;
		if (w->state == WAITING_UNASKED) {
			loads_put(t->w->loads, (struct load){
						       .session = s->session.handle,
						       .ticket = s->waiting_asked,
						       .loc = w->row.loc,
						       .bytes = w->row.bytes,
						       .flags = w->row.flags,
					       });
			w->state = WAITING_LOADING;
			s->loading_n++;
			s->loading_bytes += w->row.bytes;
		}
		s->waiting_asked++;
	}
}

static void unref_mem(uint64_t mem)
{
	must(mem == 0 || block_of(msg_of(mem)) != NULL);
	if (mem)
		msg_unref(mem, 1);
}

void amqp091_loaded(struct session *own, struct session_world *world, uint64_t ticket, uint64_t mem)
{
	struct turn t;
	amqp091_turn(&t, own, world);
	struct amqp091 *s = t.s;
	if (ticket & STREAM_TICKET) {
		amqp091_stream_loaded(&t, ticket, mem);
		amqp091_drain(&t);
		return;
	}
	uint64_t at = ticket - s->waiting_first;
	if (ticket < s->waiting_first || at >= s->waiting.n) {
		unref_mem(mem);
		return;
	}
	struct waiting *w = deque_at(&s->waiting, (size_t)at);
	if (w->state != WAITING_LOADING) {
		unref_mem(mem);
		return;
	}
	must(s->loading_n > 0);
	s->loading_n--;
	s->loading_bytes -= w->row.bytes;
	w->row.mem = mem;
	w->state = mem ? WAITING_HERE : WAITING_BROKEN;
	amqp091_drain(&t);
}

/* ---- in and out --------------------------------------------------------------------------- */

void amqp091_drain(struct turn *t)
{
	struct amqp091 *s = t->s;
	struct waiting w;
	must(s->waiting.row_bytes == sizeof w);
	amqp091_stream_work(t);
	for (struct waiting *front; (front = deque_peek(&s->waiting)) != NULL && has_room(t);) {
		if (front->state == WAITING_LOADING || front->state == WAITING_UNASKED)
			break;
		(void)deque_pop(&s->waiting, &w);
		s->waiting_first++;
		if (w.state != WAITING_VOID)
			place(t, &w);
	}
	refs_unref(&t->gone);
	amqp091_trim_rows(t, &s->waiting);
	if (s->waiting.n > 0)
		ask_loads(t);
}

/* Nobody is there for it: what can be given back is. */
static void turn_away(struct turn *t, const struct run *fx, const struct deliver_row *rows)
{
	bool is_awaited = fx->flags & DELIVER_GET && t->s->phase == PHASE_ENDING &&
			  t->s->call->step == 0;
	must(fx->kind == FX_DELIVER);
	for (uint32_t i = 0; i < fx->n; i++) {
		if (is_awaited) /* without ack it is gone already: the shard sees that */
			amqp091_settle_row(t, fx->channel, fx->shard, fx->queue, CONSUMER_GET,
					   rows[i].pos, SETTLE_RELEASE);
		amqp091_row_unref(&rows[i]);
	}
	if (is_awaited)
		amqp091_end_answered(t);
}

/* How often the only row of `fx` came back and had not failed, if the run says so. */
static uint16_t returned_of(const struct run *fx)
{
	uint64_t n = 0;
	const struct slice tail = run_tail(fx);
	const size_t before = fx->flags & DELIVER_GET ? sizeof n : 0;
	if (tail.n != before + RETURNED_BYTES)
		return 0;
	must(fx->n == 1);
	memcpy(&n, tail.p + before, sizeof n);
	return (uint16_t)min_u64(n, UINT16_MAX);
}

/* Makes the common part of what waits; false: nobody is there. */
static bool waiting_of(struct turn *t, const struct run *fx, struct consumer *k,
		       struct waiting *out)
{
	struct amqp091 *s = t->s;
	bool is_get = fx->flags & DELIVER_GET;
	must(fx->kind == FX_DELIVER && fx->queue != 0);
	if (is_get &&
	    !(s->call && s->call->method == AMQP091_basic_get && s->call->ticket == fx->arg))
		return false;
	if (!is_get && !k)
		return false;
	*out = (struct waiting){
		.queue = fx->queue,
		.consumer = (uint32_t)fx->arg,
		.shard = fx->shard,
		.channel = is_get ? s->call->channel : k->channel->number,
		.is_get = is_get,
		.returned = returned_of(fx),
	};
	if (k)
		k->waiting_n += fx->n;
	uint64_t ready_n;
	struct slice tail = run_tail(fx);
	if (is_get && tail.n >= sizeof ready_n) {
		memcpy(&ready_n, tail.p, sizeof ready_n);
		out->ready_n = ready_n < UINT32_MAX ? (uint32_t)ready_n : UINT32_MAX;
	}
	return true;
}

void amqp091_delivered(struct turn *t, struct run *fx)
{
	struct amqp091 *s = t->s;
	const struct deliver_row *rows = run_rows(fx);
	struct consumer *k = NULL;
	struct waiting w;
	must(fx->n == 0 || fx->row_bytes == sizeof *rows);
	if (!(fx->flags & DELIVER_GET))
		k = amqp091_consumer(s, (uint32_t)fx->arg);
	if (!waiting_of(t, fx, k, &w)) {
		turn_away(t, fx, rows);
		return;
	}
	uint32_t i = k && !k->is_stream && !fx->tail_len ? amqp091_deliver_rows(t, k, fx) : 0;
	bool is_ending = k && k->channel->is_ending;
	for (; i < fx->n; i++) {
		w.row = rows[i];
		w.state = w.row.mem ? WAITING_HERE : WAITING_UNASKED;
		if (is_ending || (s->waiting.n == 0 && w.row.mem && has_room(t))) {
			place(t, &w);
		} else if (deque_push(&s->waiting, t->w->mem, &w) != ERR_OK) {
			must(!"no memory for a delivery");
		}
	}
	refs_unref(&t->gone);
}

void amqp091_returned(struct turn *t, const struct waiting *own_w)
{
	must(own_w->is_return && own_w->state == WAITING_HERE);
	if (deque_push(&t->s->waiting, t->w->mem, own_w) != ERR_OK)
		must(!"no memory for a delivery");
	amqp091_drain(t);
}
