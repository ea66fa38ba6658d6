#include "base/bits.h"
#include "base/must.h"
#include "base/rd.h"
#include "msg/big.h"
#include "session/deadletter/deadletter.h"
#include "wire/amqp091/death.h"

#define OWN_FROM (BLOCK_ALIGN / 4) /* a message that needs more gets a block of its own */

static const char *const reasons[DEAD_REASONS_N] = {
	[DEAD_REJECTED] = "rejected",
	[DEAD_EXPIRED] = "expired",
	[DEAD_MAXLEN] = "maxlen",
	[DEAD_DELIVERY_LIMIT] = "delivery_limit",
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
}

/* Room for `n` bytes and a message header. */
static struct block *room_for(struct deadletter *d, struct session_world *w, uint32_t n,
			      bool is_big, bool *out_own)
{
	must(n > 0);
	*out_own = is_big || n > OWN_FROM;
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
		.queue = p->from->name,
		.reason = slice_str(reasons[l->reason]),
		.time_s = w->wall_ms / 1000,
		.has_history = m->flags & MSG_DEAD,
		.has_own_key = p->rules->has_dead_letter_key,
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

static void put_body(struct wr *w, const struct msg *m)
{
	must(m->body_bytes > 0 || msg_piece_n(m) == 0);
	for (uint32_t i = 0, n = msg_piece_n(m); i < n; i++)
		wr_slice(w, msg_piece(m, i));
}

bool letter_make(struct deadletter *d, struct session_world *w, const struct letter *l,
		 const struct letter_plan *p, struct letter_made *out)
{
	const struct msg *m = msg_of(l->row.mem);
	struct amqp091_death death = death_of(w, l, p, m);
	death.same = like(d, l, msg_route(m), death.time_s);
	bool is_big = m->proto == MSG_CHUNKS;
	size_t need = LETTER_ROUTE_BYTES + amqp091_death_room(msg_props(m), &death) + m->body_bytes;
	must(need <= UINT32_MAX / 2);
	struct block *b = room_for(d, w, (uint32_t)need, is_big, &out->is_own);
	if (!b)
		return false;
	out->block = b;
	out->had_history = death.has_history;
	out->fill = b->fill;
	out->floor = b->msg_floor;
	struct msg *copy = msg_new(b, &(struct msg){ .proto = m->proto });
	must(copy != NULL);
	uint32_t at = b->fill;
	struct wr w_out = wr_of((uint8_t *)b + at, need);
	w_out.n = letter_route(w_out.p, p).n;
	*copy = (struct msg){ .route_off = at,
			      .route_len = (uint16_t)w_out.n,
			      .props_off = at + (uint32_t)w_out.n,
			      .body_bytes = m->body_bytes,
			      .proto = m->proto,
			      .flags = m->flags | MSG_DEAD };
	out->is_cut = !put_props(&w_out, msg_props(m), &death, &out->dead);
	if (out->dead.is_plain && death.same.n == 0)
		note_like(d, l, msg_route(m), death.time_s, out->dead.headers);
	copy->body_off = at + (uint32_t)w_out.n;
	copy->props_len = copy->body_off - copy->props_off;
	put_body(&w_out, m);
	must(wr_ok(&w_out));
	b->fill = at + (uint32_t)w_out.n;
	if (is_big)
		block_note(b, (uint32_t)((uint8_t *)copy - (uint8_t *)b));
	out->msg = copy;
	return true;
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
