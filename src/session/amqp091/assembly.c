#include "session/amqp091/direct.h"
#include "session/amqp091/tx.h"

#include "base/bits.h"
#include "base/must.h"
#include "wire/amqp091/props.h"

/* A message that comes in several pieces: frames of other channels between its own, unequal body
 * frames, or more than fits into one read. It grows with what really comes, not with what its
 * header promises.
 */
#define GROW_FROM 262144u

/* Takes a message header in a block that has room for it, and for bytes at `out_at`. Bytes of a
 * large one begin behind the part where the header is. */
static struct block *header_in(struct block *b, struct msg **out_msg, uint32_t *out_at)
{
	static const struct msg empty;
	if (!b)
		return NULL;
	struct msg *m = msg_new(b, &empty);
	must(m != NULL);
	*out_msg = m;
	*out_at = b->fill;
	return b;
}

static enum err no_memory(struct turn *t)
{
	must(t->why.n == 0);
	return amqp091_refuse(t, ERR_RESOURCE_ERROR, "no memory for a message");
}

void amqp091_assembly_free(struct turn *t, struct channel *c)
{
	struct assembly *a = c->assembly;
	if (!a)
		return;
	must(a->size >= sizeof *a);
	amqp091_upload_close(t, a);
	if (a->block)
		block_filled(a->block);
	amqp091_put(t, a, a->size);
	c->assembly = NULL;
}

enum err amqp091_on_basic_publish(struct turn *t, struct channel *c, const struct amqp091_method *m)
{
	const struct amqp091_basic_publish *p = &m->basic_publish;
	must(!c->assembly);
	if (amqp091_hold(t))
		return ERR_BUSY;
	if (p->immediate)
		return amqp091_refuse(t, ERR_NOT_IMPLEMENTED, "immediate=true");
	uint32_t route_n = (uint32_t)(p->exchange.n + p->routing_key.n + 2);
	uint32_t size = (uint32_t)sizeof(struct assembly) + route_n;
	struct assembly *a = amqp091_get(t, size, "assembly");
	*a = (struct assembly){
		.size = size,
		.route_n = (uint16_t)route_n,
		.exchange_n = (uint8_t)p->exchange.n,
		.is_mandatory = p->mandatory,
	};
	struct wr w = wr_of(a->route, route_n);
	wr_str8(&w, p->exchange);
	wr_str8(&w, p->routing_key);
	must(wr_ok(&w) && w.n == route_n);
	c->assembly = a;
	return ERR_OK;
}

struct amqp091_fault amqp091_assembly_fault(const struct channel *c)
{
	must(c->assembly != NULL);
	return (struct amqp091_fault){
		.kind = c->assembly->block ? AMQP091_FAULT_NOT_BODY : AMQP091_FAULT_NOT_HEADER,
		.class_id = 60,
		.method_id = 40,
		.a = 60,
	};
}

/* ---- publishing it ------------------------------------------------------------------------ */

static void publish_of(const struct assembly *a, struct publish *out)
{
	const uint8_t *base = (const uint8_t *)a->block + a->at;
	must(a->block && a->got_bytes == a->body_bytes && a->upload.stored_n == a->upload.chunks_n);
	*out = (struct publish){
		.exchange = slice_of(a->route + 1, a->exchange_n),
		.key = slice_of(a->route + 2 + a->exchange_n, a->route_n - 2u - a->exchange_n),
		.route = slice_of(a->route, a->route_n),
		.props = slice_of(base, a->props_n),
		.body_bytes = a->body_bytes,
		.is_mandatory = a->is_mandatory,
	};
}

/* A big one is complete: its list and its route lie where they were put. */
static void send_big(struct turn *t, struct channel *c, const struct publish *p,
		     const struct route_hit *hit)
{
	struct assembly *a = c->assembly;
	must(a->msg->proto == MSG_CHUNKS);
	a->msg->flags = p->flags;
	amqp091_publish_rows(t, c, p, hit, a->block, a->msg);
}

static void send(struct turn *t, struct channel *c, const struct publish *p,
		 const struct route_hit *hit)
{
	struct assembly *a = c->assembly;
	struct block *b = a->block;
	uint32_t end = a->at + a->props_n + (uint32_t)a->body_bytes;
	must(end + a->route_n <= a->at + a->cap);
	memcpy((uint8_t *)b + end, a->route,
	       a->route_n); /* behind the body: its place was not known */
	b->fill = end + a->route_n;
	*a->msg = (struct msg){
		.route_off = end,
		.route_len = a->route_n,
		.props_off = a->at,
		.props_len = a->props_n,
		.body_off = a->at + a->props_n,
		.body_bytes = (uint32_t)a->body_bytes,
		.proto = MSG_AMQP091,
		.flags = p->flags,
	};
	amqp091_publish_rows(t, c, p, hit, b, a->msg);
}

/* Takes BCC out. */
static void strip(struct assembly *a, struct publish *p)
{
	uint32_t gone = amqp091_publish_strip(p, 0);
	must(gone < a->props_n);
	a->at += gone;
	a->cap -= gone;
	a->props_n -= gone;
	if (a->upload.chunks_n > 0) {
		a->msg->props_off += gone;
		a->msg->props_len -= gone;
	}
}

/* A small one that is complete moves in with others. */
static void move_in(struct turn *t, struct assembly *a)
{
	const uint64_t n = a->props_n + a->body_bytes + a->route_n;
	struct msg *m;
	uint32_t at;
	must(a->got_bytes == a->body_bytes);
	if (a->upload.chunks_n > 0 || n > BLOCK_COMMON_MAX)
		return;
	struct block *b = header_in(block_for(t->w->home, (uint32_t)n), &m, &at);
	if (!b)
		return;
	memcpy((uint8_t *)b + at, (uint8_t *)a->block + a->at, a->props_n + a->got_bytes);
	b->fill = at + (uint32_t)n;
	block_close(a->block);
	a->block = b;
	a->msg = m;
	a->at = at;
	a->cap = (uint32_t)n;
}

enum err amqp091_assembly_finish(struct turn *t, struct channel *c)
{
	struct publish p;
	struct route_hit *hit;
	move_in(t, c->assembly);
	publish_of(c->assembly, &p);
	enum err e = amqp091_publish_route(t, c, &p, &hit);
	must(e != ERR_BUSY);
	if (e == ERR_OK && p.copies.n > 0 && !route_is_delayed(hit->route))
		strip(c->assembly, &p);
	bool is_taken = e == ERR_OK && (hit->route->n > 0 || amqp091_publish_is_kept(t, c, &p));
	if (is_taken && c->assembly->upload.chunks_n > 0) {
		send_big(t, c, &p, hit);
	} else if (is_taken) {
		send(t, c, &p, hit);
	} else if (e == ERR_OK && c->assembly->upload.chunks_n > 0) {
		amqp091_upload_nowhere(t, c, &p);
	} else if (e == ERR_OK) {
		struct slice body = slice_of(p.props.p + p.props.n, p.body_bytes);
		struct amqp091_content content = {
			.exchange = p.exchange,
			.routing_key = p.key,
			.props = p.props,
			.body_bytes = p.body_bytes,
			.body = &body,
			.body_n = 1,
		};
		amqp091_publish_nowhere(t, c, &p, &content);
	}
	amqp091_assembly_free(t, c);
	return e;
}

/* ---- frames ------------------------------------------------------------------------------- */

/* Makes room for `n` bytes of props, body and route, and keeps what is there. */
static enum err grow(struct turn *t, struct assembly *a, uint64_t n)
{
	struct block *b;
	struct msg *m;
	uint32_t at;
	must(n <= UINT32_MAX / 2);
	if (a->block && n <= a->cap)
		return ERR_OK;
	b = header_in(block_take(t->w->home, (uint32_t)n), &m, &at);
	if (!b)
		return no_memory(t);
	if (a->block) {
		memcpy((uint8_t *)b + at, (uint8_t *)a->block + a->at, a->props_n + a->got_bytes);
		block_close(a->block);
	}
	a->block = b;
	a->msg = m;
	a->at = at;
	a->cap = (uint32_t)n;
	return ERR_OK;
}

static enum err begin_props(struct turn *t, const struct channel *c, uint64_t body_bytes,
			    struct slice props)
{
	struct assembly *a = c->assembly;
	a->props_n = (uint32_t)props.n;
	a->body_bytes = body_bytes;
	must(!a->block);
	if (amqp091_upload_is_big(a))
		return amqp091_upload_begin(t, c, props);
	uint64_t body = body_bytes < GROW_FROM ? body_bytes : GROW_FROM;
	TRY(grow(t, a, a->props_n + body + a->route_n));
	memcpy((uint8_t *)a->block + a->at, props.p, props.n);
	return ERR_OK;
}

/* A request is given its name for the reply before it has a place. Properties that make no sense
 * are refused when all is there. */
static enum err begin(struct turn *t, struct channel *c, const struct amqp091_header *h)
{
	struct assembly *a = c->assembly;
	struct amqp091_facts f;
	struct slice own;
	must(a != NULL);
	if (amqp091_props_facts(h->props, &f) != ERR_OK || !(f.flags & AMQP091_HAS_reply_to) ||
	    amqp091_direct_kind(f.reply_to) != DIRECT_CONSUME) {
		TRY(begin_props(t, c, h->body_bytes, h->props));
	} else {
		TRY(amqp091_direct_props(t, c, h->props, &own));
		enum err e = begin_props(t, c, h->body_bytes, own);
		amqp091_put(t, (void *)(uintptr_t)own.p, own.n);
		TRY(e);
	}
	return a->body_bytes == 0 ? amqp091_assembly_finish(t, c) : ERR_OK;
}

enum err amqp091_assembly_header(struct turn *t, struct channel *c, struct slice payload)
{
	struct assembly *a = c->assembly;
	struct amqp091_header h;
	must(a != NULL);
	struct amqp091_fault fault = amqp091_assembly_fault(c);
	if (a->block)
		return amqp091_refuse_fault(t, &fault);
	if (amqp091_header_decode(payload, &h) != ERR_OK) {
		fault = (struct amqp091_fault){ .kind = AMQP091_FAULT_PROPERTIES,
						.octets = payload };
		return amqp091_refuse_fault(t, &fault);
	}
	if (h.class_id != 60) {
		fault.kind = AMQP091_FAULT_OTHER_CLASS;
		fault.b = h.class_id;
		return amqp091_refuse_fault(t, &fault);
	}
	if (h.body_bytes > t->w->limits->message_bytes_max)
		return amqp091_refuse_size(t, h.body_bytes);
	return begin(t, c, &h);
}

enum err amqp091_assembly_body(struct turn *t, struct channel *c, struct slice payload)
{
	struct assembly *a = c->assembly;
	must(a != NULL);
	struct amqp091_fault fault = amqp091_assembly_fault(c);
	if (!a->block)
		return amqp091_refuse_fault(t, &fault);
	uint64_t end = a->got_bytes + payload.n;
	if (end > a->body_bytes) {
		fault.kind = AMQP091_FAULT_BODY_TOO_LONG;
		fault.a = end;
		fault.b = a->body_bytes;
		return amqp091_refuse_fault(t, &fault);
	}
	if (a->upload.chunks_n > 0)
		return amqp091_upload_body(t, c, payload);
	uint64_t have = a->props_n + end + a->route_n,
		 whole = a->props_n + a->body_bytes + a->route_n;
	if (have > a->cap)
		TRY(grow(t, a, min_u64(whole, 2 * have)));
	if (payload.n)
		memcpy((uint8_t *)a->block + a->at + a->props_n + a->got_bytes, payload.p,
		       payload.n);
	a->got_bytes = end;
	return end == a->body_bytes ? amqp091_assembly_finish(t, c) : ERR_OK;
}

/* ---- a copy ------------------------------------------------------------------------------- */

enum err amqp091_publish_copy(struct turn *t, struct channel *c, const struct publish *p,
			      const struct route_hit *hit, const struct amqp091_content *content)
{
	uint32_t n = (uint32_t)(p->route.n + p->props.n + p->body_bytes), at;
	struct msg *m;
	must(content->frames.n > 0 && p->body_bytes <= LIMIT_CHUNK_BYTES);
	struct block *b = c->tx ? amqp091_tx_block(t, c, n, &m, &at)
				: header_in(block_for(t->w->home, n), &m, &at);
	if (!b)
		return no_memory(t);
	struct wr w = wr_of((uint8_t *)b + at, n);
	wr_slice(&w, p->route);
	wr_slice(&w, p->props);
	size_t frame = load_be32(content->frames.p + 3) + AMQP091_FRAME_OVERHEAD;
	while (frame < content->frames.n) {
		const uint8_t *head = content->frames.p + frame;
		uint32_t piece = load_be32(head + 3);
		wr_bytes(&w, head + AMQP091_FRAME_HEAD, piece);
		frame += piece + AMQP091_FRAME_OVERHEAD;
	}
	must(wr_ok(&w) && w.n == n);
	b->fill = at + n;
	*m = (struct msg){
		.route_off = at,
		.route_len = (uint16_t)p->route.n,
		.props_off = at + (uint32_t)p->route.n,
		.props_len = (uint32_t)p->props.n,
		.body_off = at + (uint32_t)(p->route.n + p->props.n),
		.body_bytes = (uint32_t)p->body_bytes,
		.proto = MSG_AMQP091,
		.flags = p->flags,
	};
	amqp091_publish_rows(t, c, p, hit, b, m);
	if (!c->tx)
		block_filled(b);
	return ERR_OK;
}
