#include "base/bits.h"
#include "base/must.h"
#include "base/rd.h"
#include "msg/big.h"
#include "session/deadletter/deadletter.h"
#include "session/foreign.h"
#include "session/views.h"
#include "wire/amqp091/death.h"
#include "wire/amqp091/delay.h"
#include "wire/stomp/later.h"

static const char *const reasons[DEAD_REASONS_N] = {
	[DEAD_REJECTED] = "rejected", [DEAD_EXPIRED] = "expired",
	[DEAD_MAXLEN] = "maxlen",     [DEAD_DELIVERY_LIMIT] = "delivery_limit",
	[DEAD_BURIED] = "rejected",
};

/* The new message's exchange and key as two short strings: at most LETTER_ROUTE_BYTES. */
static struct slice letter_route(uint8_t *buf, const struct letter_plan *p)
{
	struct wr w = wr_of(buf, LETTER_ROUTE_BYTES);
	wr_str8(&w, p->exchange);
	wr_str8(&w, p->key);
	must(wr_ok(&w));
	return wr_done(&w);
}

void letter_close(struct deadletter *d)
{
	must(d->session.handle != 0);
	if (d->block)
		block_close(d->block);
	d->block = NULL;
	letter_forget(d);
}

/* Room for `n` bytes and a message header. */
static struct block *room_for(struct deadletter *d, struct session_world *w, uint32_t n,
			      bool is_big, bool *out_own)
{
	must(n > 0);
	*out_own = is_big || n > LETTER_OWN_FROM;
	if (*out_own)
		return block_take(w->home, n);
	if (d->block && block_room(d->block) >= n + BLOCK_HEADER_ROOM)
		return d->block;
	letter_close(d);
	d->block = block_take(w->home, 0);
	return d->block;
}

static struct amqp091_death death_of(const struct session_world *w, const struct letter *l,
				     const struct letter_plan *p, const struct msg *m)
{
	struct rd r = rd_of(msg_route(m));
	struct amqp091_death d = {
		.queue = queue_record_name(p->from),
		.reason = slice_str(reasons[l->reason]),
		.time_s = w->wall_ms / 1000,
		.has_history = m->flags & MSG_DEAD,
		.has_own_key = p->rules->has_dead_letter_key || l->reason == DEAD_BURIED,
	};
	d.exchange = rd_str8(&r);
	d.key = rd_str8(&r);
	must(rd_done(&r) && l->reason < DEAD_REASONS_N);
	return d;
}

/* The headers of a letter that died like this one; empty: unknown. */
static struct slice like(const struct deadletter *d, const struct letter *l, struct slice route,
			 uint64_t time_s)
{
	const struct letter_like *k = &d->like;
	must(k->headers_n <= LETTER_LIKE_BYTES);
	if (k->queue != l->queue || k->time_s != time_s || k->reason != l->reason ||
	    !slice_eq(slice_of(k->route, k->route_n), route))
		return SLICE_EMPTY;
	return slice_of(k->headers, k->headers_n);
}

static void note_like(struct deadletter *d, const struct letter *l, struct slice route,
		      uint64_t time_s, struct slice headers)
{
	struct letter_like *k = &d->like;
	must(headers.n > 0);
	if (route.n > LETTER_ROUTE_BYTES || headers.n > LETTER_LIKE_BYTES)
		return;
	k->queue = l->queue;
	k->time_s = time_s;
	k->reason = l->reason;
	k->route_n = (uint16_t)route.n;
	memcpy(k->route, route.p, route.n);
	k->headers_n = (uint16_t)headers.n;
	memcpy(k->headers, headers.p, headers.n);
}

/* A history too large to be kept with its message begins anew; and if the publisher's own headers
 * are what is large there is none. False: so it is. */
static bool put_props(struct wr *out, struct slice props, struct amqp091_death *d,
		      struct amqp091_dead *dead)
{
	struct wr w = wr_of(out->p + out->n, min_u64(LIMIT_DEAD_PROPS_BYTES, wr_left(out)));
	enum err e = amqp091_death_put(&w, props, d, dead);
	bool is_whole = e == ERR_OK && wr_ok(&w);
	if (e == ERR_OK && !is_whole && d->has_history) {
		d->has_history = false;
		w = wr_of(w.p, w.cap);
		e = amqp091_death_put(&w, props, d, dead);
	}
	must(out->p != NULL);
	if (e == ERR_OK && wr_ok(&w)) {
		out->n += w.n;
	} else {
		*dead = (struct amqp091_dead){ .priority = 0 };
		wr_slice(out, props);
	}
	return is_whole;
}

/* Begins a message like `m` with up to `props_max` octets of properties; *w is for its route,
 * properties and body, one behind the other. NULL: no memory. */
static struct msg *begin(struct deadletter *d, struct session_world *world, const struct msg *m,
			 size_t props_max, struct letter_made *out, struct wr *w)
{
	bool is_big = m->proto == MSG_CHUNKS;
	size_t need = LETTER_ROUTE_BYTES + props_max + m->body_bytes;
	must(need <= UINT32_MAX / 2);
	struct block *b = room_for(d, world, (uint32_t)need, is_big, &out->is_own);
	if (!b)
		return NULL;
	*out = (struct letter_made){
		.block = b, .fill = b->fill, .floor = b->msg_floor, .is_own = out->is_own
	};
	struct msg *copy = msg_new(b, &(struct msg){ .proto = m->proto });
	must(copy != NULL);
	*w = wr_of((uint8_t *)b + b->fill, need);
	return copy;
}

/* Ends it: its route has `route_n` octets, the properties are behind that, in the encoding of
 * `copy`. */
static void finish(const struct msg *m, struct letter_made *out, struct msg *copy, size_t route_n,
		   uint8_t flags, struct wr *w)
{
	struct block *b = out->block;
	uint32_t at = b->fill;
	must(route_n <= w->n);
	*copy = (struct msg){ .route_off = at,
			      .route_len = (uint16_t)route_n,
			      .props_off = at + (uint32_t)route_n,
			      .props_len = (uint32_t)(w->n - route_n),
			      .body_off = at + (uint32_t)w->n,
			      .body_bytes = m->body_bytes,
			      .proto = copy->proto,
			      .flags = flags };
	letter_put_body(w, m);
	must(wr_ok(w));
	b->fill = at + (uint32_t)w->n;
	if (m->proto == MSG_CHUNKS)
		block_note(b, (uint32_t)((uint8_t *)copy - (uint8_t *)b));
	out->msg = copy;
}

bool letter_make(struct deadletter *d, struct session_world *w, const struct letter *l,
		 const struct letter_plan *p, struct letter_made *out)
{
	const struct msg *m = msg_of(l->row.mem);
	struct amqp091_death death = death_of(w, l, p, m);
	struct wr w_out;
	struct foreign f;
	death.same = like(d, l, msg_route(m), death.time_s);
	foreign_open(&f, w->mem, m, views_of(m));
	struct msg *copy = begin(d, w, m, amqp091_death_room(f.props, &death), out, &w_out);
	if (!copy) {
		foreign_close(&f, w->mem);
		return false;
	}
	if (foreign_is(m) && m->proto != MSG_CHUNKS)
		copy->proto = MSG_AMQP091;
	out->had_history = death.has_history;
	must(w_out.n == 0);
	w_out.n = letter_route(w_out.p, p).n;
	size_t route_n = w_out.n;
	out->is_cut = !put_props(&w_out, f.props, &death, &out->dead);
	out->copies[0] = out->dead.copies;
	if (out->dead.is_plain && death.same.n == 0)
		note_like(d, l, msg_route(m), death.time_s, out->dead.headers);
	finish(m, out, copy, route_n, (m->flags & MSG_FLAGS) | MSG_DEAD, &w_out);
	must(!foreign_is(m) || out->copies[0].n == 0); /* a list, which no other protocol has */
	foreign_close(&f, w->mem);
	return true;
}

/* What the queues must know of a message that is published now as it once was. */
static void note_facts(const struct session_world *w, const struct msg *m, struct letter_made *out)
{
	const struct header_ops *ops = views_of(m);
	struct header h;
	must(ops->property != NULL);
	out->dead.has_priority = ops->property(msg_props(m), HEADER_PRIORITY, &h);
	if (out->dead.has_priority)
		out->dead.priority = (uint8_t)min_u64(h.number, UINT8_MAX);
	if (ops->property(msg_props(m), HEADER_EXPIRATION, &h))
		out->expiry_ms = h.number ? w->wall_ms + h.number : EXPIRY_AT_ONCE;
}

bool letter_copy(struct deadletter *d, struct session_world *w, const struct letter *l,
		 struct letter_made *out)
{
	const struct msg *m = msg_of(l->row.mem);
	struct wr w_out;
	struct msg *copy = begin(d, w, m, msg_props(m).n, out, &w_out);
	if (!copy)
		return false;
	must(msg_route(m).n <= LETTER_ROUTE_BYTES);
	note_facts(w, m, out);
	wr_slice(&w_out, msg_route(m));
	wr_slice(&w_out, msg_props(m));
	finish(m, out, copy, msg_route(m).n, m->flags, &w_out);
	return true;
}

bool letter_kept(struct deadletter *d, struct session_world *w, const struct letter *l,
		 bool is_delayed, struct letter_made *out)
{
	const struct msg *m = msg_of(l->row.mem);
	struct amqp091_delayed delayed;
	struct wr w_out;
	struct msg *copy = begin(d, w, m, msg_props(m).n + AMQP091_DELAY_GROWS, out, &w_out);
	if (!copy)
		return false;
	must(msg_route(m).n <= LETTER_ROUTE_BYTES);
	note_facts(w, m, out);
	wr_slice(&w_out, msg_route(m));
	if (!foreign_is(m) &&
	    amqp091_delay_put(&w_out, msg_props(m), is_delayed, &delayed) == ERR_OK)
		memcpy(out->copies, delayed.copies, sizeof out->copies);
	else /* that of another protocol stays as it is, too: its exchange is left out */
		wr_slice(&w_out, msg_props(m));
	finish(m, out, copy, msg_route(m).n, m->flags, &w_out);
	return true;
}

/* Only who speaks ActiveMQ's dialect of STOMP has one keep something. */
bool letter_stored(struct deadletter *d, struct session_world *w, const struct letter *l,
		   struct letter_made *out)
{
	const struct msg *m = msg_of(l->row.mem);
	uint64_t expires_ms = 0;
	struct wr w_out;
	struct msg *copy = begin(d, w, m, msg_props(m).n + STOMP_LATER_GROWS, out, &w_out);
	if (!copy)
		return false;
	must(msg_route(m).n <= LETTER_ROUTE_BYTES);
	note_facts(w, m, out);
	wr_slice(&w_out, msg_route(m));
	if (msg_encoding(m) == MSG_STOMP)
		stomp_later_go(&w_out, msg_props(m), w->wall_ms, &expires_ms);
	else
		wr_slice(&w_out, msg_props(m));
	if (expires_ms)
		out->expiry_ms = expires_ms > w->wall_ms ? expires_ms : EXPIRY_AT_ONCE;
	finish(m, out, copy, msg_route(m).n, m->flags, &w_out);
	return true;
}

uint64_t letter_again_ms(const struct session_world *w, const struct letter *l, uint16_t *out_n)
{
	const struct msg *m = msg_of(l->row.mem);
	must(l->reason == DEAD_EXPIRED);
	*out_n = 0;
	return msg_encoding(m) == MSG_STOMP ? stomp_later_again(msg_props(m), l->row.count, w->zone,
								session_late_ms(w), out_n)
					    : 0;
}

void letter_made_end(struct letter_made *own_m, bool is_sent)
{
	struct block *b = own_m->block;
	if (!is_sent) { /* nobody has seen it */
		block_note(b, 0);
		b->fill = own_m->fill;
		b->msg_floor = own_m->floor;
	}
	must(b->fill >= own_m->fill);
	if (own_m->is_own)
		block_close(b);
	own_m->block = NULL;
}
