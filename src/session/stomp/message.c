#include "session/stomp/sending.h"

#include "base/must.h"
#include "msg/block.h"
#include "wire/stomp/stored.h"

static struct msg facts_of(const struct turn *t, const struct sending *m, uint32_t at,
			   uint32_t body_off)
{
	must(t->frame->body.n <= LIMIT_CHUNK_BYTES && m->props.n <= UINT32_MAX);
	return (struct msg){
		.route_off = at,
		.route_len = (uint16_t)m->route.n,
		.props_off = at + (uint32_t)m->route.n,
		.props_len = (uint32_t)m->props.n,
		.body_off = body_off,
		.body_bytes = (uint32_t)t->frame->body.n,
		.proto = MSG_STOMP,
		.flags = m->flags,
	};
}

static void write_front(uint8_t *at, const struct sending *m)
{
	must(m->route.n >= 2);
	memcpy(at, m->route.p, m->route.n);
	if (m->props.n)
		memcpy(at + m->route.n, m->props.p, m->props.n);
}

const struct msg *stomp_in_place(struct turn *t, const struct sending *m)
{
	struct slice body = t->frame->body;
	const uint8_t *from = t->frame->word.p, *end = from + t->frame->total - 1 - body.n;
	uint8_t *base = (uint8_t *)t->block;
	size_t front = m->route.n + m->props.n;
	must(from >= t->block->at && end >= from);
	if (t->w->is_traced || (size_t)(end - from) < front)
		return NULL;
	uint32_t at = (uint32_t)((size_t)(end - base) - front);
	const struct msg facts = facts_of(t, m, at, body.n ? (uint32_t)(body.p - base) : at);
	const struct msg *made = msg_new(t->block, &facts);
	if (made)
		write_front(base + at, m);
	return made;
}

void stomp_block_close(struct stomp *s)
{
	must(s->phase <= PHASE_CLOSED);
	if (s->block)
		block_close(s->block);
	s->block = NULL;
}

const struct msg *stomp_in_own_block(struct turn *t, const struct sending *m)
{
	struct stomp *s = t->s;
	struct slice body = t->frame->body;
	uint32_t n = (uint32_t)(m->route.n + m->props.n + body.n);
	if (s->block && (block_is_large(s->block) || block_room(s->block) < n + BLOCK_HEADER_ROOM))
		stomp_block_close(s);
	if (!s->block)
		s->block = block_take(t->w->home, n + BLOCK_HEADER_ROOM);
	if (!s->block)
		return NULL;
	uint32_t at = s->block->fill;
	const struct msg facts = facts_of(t, m, at, at + n - (uint32_t)body.n);
	s->block->fill += n;
	const struct msg *made = msg_new(s->block, &facts);
	must(made != NULL);
	uint8_t *base = (uint8_t *)s->block;
	write_front(base + at, m);
	if (body.n)
		memcpy(base + facts.body_off, body.p, body.n);
	return made;
}

struct publication stomp_publication(const struct stomp *s, const struct sending *m,
				     uint64_t expiry_ms)
{
	must(m->route.n >= 2);
	return (struct publication){ .exchange = m->to.exchange,
				     .key = m->to.key,
				     .route = m->route,
				     .headers = &stomp_header_ops,
				     .props = m->props,
				     .expiry_ms = expiry_ms,
				     .dice = s->session.handle + s->published,
				     .priority = m->priority,
				     .has_priority = m->has_priority };
}

void stomp_sent(struct turn *t, bool is_followed)
{
	must(t->s->phase == PHASE_RUNNING);
	t->s->published++;
	t->s->followed_n += is_followed && !t->is_committing;
}
