#include "session/amqp091/amqp091.h"

#include "base/bits.h"
#include "base/must.h"
#include "session/amqp091/direct.h"
#include "session/amqp091/tx.h"
#include "wire/amqp091/headers.h"

/* ---- where it goes ------------------------------------------------------------------------ */

/* A connection goes to the loop of the queues it publishes to, if that is one loop. */
static bool wants_move(struct turn *t, const struct route *r)
{
	const struct post *p = t->w->post;
	must(r->n > 0);
	uint8_t loop = p->loop_of_shard[r->to[0].shard];
	if (loop == p->loop)
		return false;
	for (uint32_t i = 1; i < r->n; i++)
		if (p->loop_of_shard[r->to[i].shard] != loop)
			return false;
	return amqp091_wants_move(t, r->to[0].shard);
}

static enum err ask(struct turn *t, const struct publish *p, const struct exchange *x)
{
	must(x != NULL);
	TRY(amqp091_allow(t, AUTH_EXCHANGE, p->exchange, AUTH_WRITE));
	return amqp091_allow_key(t, x, p->key, AUTH_WRITE);
}

static enum err check_hit(struct turn *t, const struct publish *p, struct route_hit *hit)
{
	must(hit != NULL);
	if (!hit->x) { /* who may not write there does not hear that it is missing */
		TRY(amqp091_allow(t, AUTH_EXCHANGE, p->exchange, AUTH_WRITE));
		return amqp091_refuse_named(t, ERR_NOT_FOUND, "no exchange ", p->exchange, "");
	}
	if (hit->is_new || hit->auth != ERR_OK)
		hit->auth = ask(t, p, hit->x);
	TRY(hit->auth);
	if (hit->x->flags & EXCHANGE_INTERNAL)
		return amqp091_refuse_named(t, ERR_ACCESS_REFUSED,
					    "cannot publish to internal exchange ", p->exchange,
					    "");
	return ERR_OK;
}

static void count(struct turn *t, struct channel *c, const struct exchange *x, bool is_unroutable)
{
	must(x != NULL);
	c->published++;
	exchange_came(t->w->exchanges, x, is_unroutable);
}

enum err amqp091_publish_route(struct turn *t, struct channel *c, struct publish *p,
			       struct route_hit **out_hit)
{
	struct route_hit *hit;
	struct route_to store;
	must(p->route.n == p->exchange.n + p->key.n + 2);
	amqp091_fan_look(t, c, p);
	if (p->is_immediate)
		return amqp091_refuse(t, ERR_NOT_IMPLEMENTED, "immediate=true");
	if (!c->routes && (c->routes = route_cache_new(t->w->mem)) == NULL)
		return amqp091_refuse(t, ERR_RESOURCE_ERROR, "no memory for routes");
	struct routing m = {
		.key = p->key,
		.headers = &amqp091_header_ops,
		.props = p->props,
		.now_ms = t->w->wall_ms,
		.is_mandatory = p->is_mandatory,
		.dice = t->s->session.handle + t->s->count.published,
	};
	enum err e = route_cache_find(c->routes, t->w->view, t->s->vhost, p->route, p->exchange, &m,
				      &hit);
	if (e != ERR_OK)
		return amqp091_refuse(t, ERR_RESOURCE_ERROR, "no memory for a route");
	TRY(check_hit(t, p, hit));
	TRY(amqp091_publish_props(t, p));
	if (p->is_retained)
		TRY(amqp091_publish_store(t, c, &store));
	m.also = p->is_retained ? &store : NULL;
	if (p->copies.n > 0)
		TRY(amqp091_publish_copies(t, c, p, &m, &hit));
	else if (m.also)
		TRY(amqp091_publish_also(t, c, &m, &hit));
	if (p->body_bytes > t->w->limits->message_bytes_max)
		return amqp091_refuse_size(t, p->body_bytes);
	if (hit->route->n > 0 && wants_move(t, hit->route))
		return ERR_BUSY;
	if (c->tx)
		TRY(amqp091_tx_room(t, c, p->route.n + p->props.n + p->body_bytes));
	count(t, c, hit->x, route_is_nowhere(hit->route) && !amqp091_direct_is_to(t, p));
	*out_hit = hit;
	return ERR_OK;
}

bool amqp091_publish_is_kept(const struct turn *t, const struct channel *c, const struct publish *p)
{
	must(p->key.n <= LIMIT_SHORTSTR);
	return (c->tx && p->is_mandatory) || amqp091_direct_is_to(t, p);
}

void amqp091_publish_nowhere(struct turn *t, struct channel *c, const struct publish *p,
			     const struct amqp091_content *content)
{
	const struct amqp091_returned r = {
		.channel = c->number,
		.reply_code = amqp091_code(ERR_NO_ROUTE),
		.reply_text = slice_str("NO_ROUTE"),
	};
	t->s->count.published++;
	t->s->count.unroutable++;
	if (p->is_mandatory) {
		struct sendq *q = amqp091_out(t, c->number);
		size_t n = amqp091_return_size(&r, t->s->frame_max, content);
		must(n <= UINT32_MAX);
		uint8_t *at = sendq_reserve(q, t->w->mem, (uint32_t)n);
		uint8_t *end = amqp091_return_put(at, &r, t->s->frame_max, content);
		must((size_t)(end - at) == n);
		sendq_commit(q, (uint32_t)n);
	}
	if (c->confirm)
		amqp091_confirm_new(t, c, 0, 0);
}

/* ---- a whole message in one piece --------------------------------------------------------- */

/* The publisher's body frames must be of one size but for the last; 0: they are not. A body in
 * one frame, or in none, is one piece. */
static bool equal_pieces(const struct amqp091_content *c, uint32_t *out_piece)
{
	struct slice frames = c->frames;
	size_t at = load_be32(frames.p + 3) + AMQP091_FRAME_OVERHEAD;
	must(at <= frames.n);
	*out_piece = 0;
	if (c->body_bytes == 0)
		return true;
	uint32_t piece = load_be32(frames.p + at + 3);
	if (piece == c->body_bytes)
		return true;
	for (uint64_t left = c->body_bytes; left > 0;) {
		uint32_t n = load_be32(frames.p + at + 3);
		if (n > piece || (n < piece && n != left))
			return false;
		left -= n;
		at += n + AMQP091_FRAME_OVERHEAD;
	}
	*out_piece = piece;
	return true;
}

/* The message as it lies in the block; NULL: its frames are unequal, or no room for a header. */
static const struct msg *in_place(struct turn *t, const struct publish *p,
				  const struct amqp091_content *c)
{
	const uint8_t *base = (const uint8_t *)t->block;
	struct msg facts = {
		.route_off = (uint32_t)(p->route.p - base),
		.route_len = (uint16_t)p->route.n,
		.props_off = (uint32_t)(p->props.p - base),
		.props_len = (uint32_t)p->props.n,
		.body_bytes = (uint32_t)c->body_bytes,
		.proto = MSG_AMQP091,
		.flags = p->flags,
		.gap = AMQP091_FRAME_OVERHEAD,
	};
	must(p->route.p >= t->block->at && c->body_bytes <= LIMIT_CHUNK_BYTES);
	if (!equal_pieces(c, &facts.piece_bytes))
		return NULL;
	facts.body_off = facts.props_off + facts.props_len + 1 + AMQP091_FRAME_HEAD;
	return msg_new(t->block, &facts);
}

/* The content without BCC: its first frame begins later, and is shorter. */
static void strip(struct publish *p, const struct amqp091_content *c, struct amqp091_content *out)
{
	uint32_t front = AMQP091_FRAME_HEAD + AMQP091_HEADER_FIXED;
	must(p->props.p == c->frames.p + front);
	uint32_t gone = amqp091_publish_strip(p, front);
	*out = *c;
	out->props = p->props;
	out->frames = slice_from(c->frames, gone);
	uint8_t *frame = (uint8_t *)(uintptr_t)out->frames.p;
	must(frame != NULL);
	store_be32(frame + 3, load_be32(frame + 3) - gone);
}

/* A message whose reply-to we write has no longer the properties that came. */
static enum err publish_request(struct turn *t, struct channel *c, struct publish *p,
				const struct route_hit *hit, const struct amqp091_content *content)
{
	struct slice own;
	must(p->asks_direct);
	TRY(amqp091_direct_props(t, c, p->props, &own));
	p->props = own;
	enum err e = ERR_OK;
	if (hit->route->n > 0 || amqp091_publish_is_kept(t, c, p))
		e = amqp091_publish_copy(t, c, p, hit, content);
	else
		amqp091_publish_nowhere(t, c, p, content);
	amqp091_put(t, (void *)(uintptr_t)own.p, own.n);
	return e;
}

/* The next message may be like this one, and nobody has to ask again what it is and where it goes:
 * all that this depends on stays as it is while one connection is fed. */
static void remember(struct turn *t, struct channel *c, const struct amqp091_content *content,
		     const struct publish *p, const struct route_hit *hit, uint32_t shards_n,
		     const struct msg *m)
{
	struct again *a = t->again;
	const uint8_t *at = (const uint8_t *)t->block + m->route_off - AMQP091_FRAME_HEAD - 6;
	must(a && hit->route->n > 0 && !c->tx);
	if (m->piece_bytes || hit->varies || m->body_bytes == 0)
		return;
	const uint32_t method_n = (uint32_t)(content->frames.p - at);
	const uint32_t n = method_n + (uint32_t)load_be32(content->frames.p + 3) +
			   AMQP091_FRAME_OVERHEAD;
	const uint64_t fits = t->s->frame_max ? t->s->frame_max : LIMIT_CHUNK_BYTES;
	*a = (struct again){
		.channel = c,
		.heads = { .at = at,
			   .method_n = method_n,
			   .n = n,
			   .body_max = (uint32_t)min_u64(
				   min_u64(fits, t->w->limits->message_bytes_max),
				   LIMIT_CHUNK_BYTES - n - AMQP091_FRAME_OVERHEAD),
			   .channel = c->number },
		.publish = *p,
		.hit = hit,
		.facts = *m,
		.shards_n = shards_n,
	};
}

bool amqp091_publish_again(struct turn *t, struct slice in, size_t *out_used)
{
	const struct again *a = t->again;
	uint32_t body_bytes;
	if (!a->channel || !amqp091_publish_repeats(&a->heads, in, &body_bytes))
		return false;
	const uint32_t behind = (uint32_t)(in.p - a->heads.at);
	must(!a->channel->tx && !a->channel->is_closing && !a->channel->assembly);
	struct msg *m = msg_new(t->block, &a->facts);
	if (!m)
		return false;
	m->route_off += behind;
	m->props_off += behind;
	m->body_off += behind;
	m->body_bytes = body_bytes;
	count(t, a->channel, a->hit->x, route_is_nowhere(a->hit->route));
	amqp091_publish_routed(t, a->channel, &a->publish, a->hit, a->shards_n, m);
	*out_used = a->heads.n + body_bytes + AMQP091_FRAME_OVERHEAD;
	return true;
}

static enum err publish_whole(struct turn *t, struct channel *c, const struct amqp091_publish *in)
{
	struct amqp091_content stripped;
	const struct amqp091_content *content = &in->content;
	struct publish p = {
		.exchange = content->exchange,
		.key = content->routing_key,
		.props = content->props,
		.body_bytes = content->body_bytes,
		.route = slice_of(content->exchange.p - 1,
				  content->exchange.n + content->routing_key.n + 2),
		.is_mandatory = in->mandatory,
		.is_immediate = in->immediate,
	};
	struct route_hit *hit;
	must(in->channel == c->number);
	TRY(amqp091_publish_route(t, c, &p, &hit));
	if (p.copies.n > 0 && !route_is_delayed(hit->route)) {
		strip(&p, content, &stripped);
		content = &stripped;
	}
	if (p.asks_direct)
		return publish_request(t, c, &p, hit, content);
	if (hit->route->n == 0 && !amqp091_publish_is_kept(t, c, &p)) {
		amqp091_publish_nowhere(t, c, &p, content);
		return ERR_OK;
	}
	const struct msg *m = c->tx ? NULL : in_place(t, &p, content);
	if (m && hit->route->n > 0) {
		uint32_t shards_n = posting_shards_n(hit->route);
		amqp091_publish_routed(t, c, &p, hit, shards_n, m);
		if (content == &in->content)
			remember(t, c, content, &p, hit, shards_n, m);
		return ERR_OK;
	}
	if (m) {
		amqp091_publish_rows(t, c, &p, hit, t->block, m);
		return ERR_OK;
	}
	return amqp091_publish_copy(t, c, &p, hit, content);
}

/* ---- not all of it is there --------------------------------------------------------------- */

/* How many bytes the message at the start of `in` surely has, up to the end of the first frame
 * that is not whole; 0: look at it frame by frame. Never more, because a client may well wait for
 * an answer on another channel before it goes on. */
static size_t surely_has(struct slice in, size_t frame_max)
{
	struct amqp091_frame f;
	struct amqp091_header h;
	must(in.n >= AMQP091_FRAME_HEAD);
	enum err e = amqp091_frame_read(in, frame_max, &f);
	if (e != ERR_OK)
		return e == ERR_MORE ? amqp091_frame_need(in) : 0;
	uint16_t channel = f.channel;
	size_t at = f.total;
	struct slice rest = slice_from(in, at);
	e = amqp091_frame_read(rest, frame_max, &f);
	if (rest.n > 0 && rest.p[0] != AMQP091_FRAME_HEADER)
		return 0;
	if (e != ERR_OK)
		return e == ERR_MORE ? at + amqp091_frame_need(rest) : 0;
	if (f.channel != channel || amqp091_header_decode(f.payload, &h) != ERR_OK ||
	    h.class_id != 60 || h.body_bytes > LIMIT_CHUNK_BYTES ||
	    h.body_bytes + at + f.total > LIMIT_CHUNK_BYTES)
		return 0;
	at += f.total;
	for (uint64_t left = h.body_bytes; left > 0;) {
		rest = slice_from(in, at);
		e = amqp091_frame_read(rest, frame_max, &f);
		bool is_other = rest.n >= AMQP091_FRAME_HEAD && (rest.p[0] != AMQP091_FRAME_BODY ||
								 load_be16(rest.p + 1) != channel);
		if (is_other || at > 2 * LIMIT_CHUNK_BYTES)
			return 0;
		if (e != ERR_OK)
			return e == ERR_MORE ? at + amqp091_frame_need(rest) : 0;
		if (f.payload.n == 0 || f.payload.n > left)
			return 0;
		left -= f.payload.n;
		at += f.total;
	}
	return 0;
}

enum publish_sight amqp091_publish_fast(struct turn *t, struct slice in, size_t *out_used,
					enum err *out_err)
{
	struct amqp091 *s = t->s;
	uint16_t number = load_be16(in.p + 1);
	struct channel *c = number ? amqp091_channel(s, number) : NULL;
	struct amqp091_publish p;
	must(s->phase == PHASE_RUNNING && !s->call);
	if (!c || c->is_closing || c->assembly)
		return PUBLISH_SLOWLY;
	if (amqp091_hold(t)) {
		*out_err = ERR_BUSY;
		return PUBLISH_DONE;
	}
	if (!amqp091_publish_take(in, s->frame_max, &p)) {
		*out_used = surely_has(in, s->frame_max);
		return *out_used > in.n ? PUBLISH_MORE : PUBLISH_SLOWLY;
	}
	if (p.total > LIMIT_CHUNK_BYTES)
		return PUBLISH_SLOWLY;
	*out_used = p.total;
	*out_err = publish_whole(t, c, &p);
	return PUBLISH_DONE;
}
