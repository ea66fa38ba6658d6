#include "base/bits.h"
#include "base/must.h"
#include "msg/big.h"
#include "session/amqp091/amqp091.h"
#include "wire/amqp091/content.h"

/* A big body on its way out: its chunks are read a few ahead and written as the client takes them.
 * One at a time on a connection; what else is to be delivered waits. Nothing may come between the
 * frames of a body on its channel, so what is said there meanwhile is held back until its end. */

#define STREAM_CHUNKS      4u     /* read ahead of what is written */
#define STREAM_COPY_MAX    16384u /* frames of less are copied */
#define STREAM_SERIAL_MASK 0x7fffffffu

/* Tickets of its reads: STREAM_TICKET | serial << 32 | number of the chunk. */
struct stream {
	struct waiting what;           /* the row's mem is the list, and holds it */
	struct sendq held;             /* said on its channel meanwhile */
	uint64_t chunk[STREAM_CHUNKS]; /* read, by number; 0: not yet */
	uint32_t serial, n;
	uint32_t asked, next; /* the first not asked for, not written */
	bool is_settled_last; /* without ack, but held until all is written */
};

struct sendq *amqp091_out(struct turn *t, uint16_t channel)
{
	struct stream *m = t->s->stream;
	must(t->s->session.ops == &amqp091_session_ops);
	return m && m->what.channel == channel ? &m->held : &t->s->session.sendq;
}

uint64_t amqp091_held_back(const struct amqp091 *s)
{
	must(s->session.ops == &amqp091_session_ops);
	return s->stream ? s->stream->held.bytes : 0;
}

static void ask(struct turn *t, struct stream *m)
{
	struct slice list = big_list(msg_of(m->what.row.mem));
	must(m->asked >= m->next && m->asked <= m->n);
	for (; m->asked < m->n && m->asked < m->next + STREAM_CHUNKS; m->asked++) {
		struct big_chunk c = big_at(list, m->asked);
		loads_put(t->w->loads,
			  (struct load){
				  .session = t->s->session.handle,
				  .ticket = STREAM_TICKET | (uint64_t)m->serial << 32 | m->asked,
				  .loc = c.loc,
				  .bytes = c.bytes,
			  });
	}
}

void amqp091_stream_begin(struct turn *t, const struct waiting *own_w, bool is_settled_last)
{
	struct amqp091 *s = t->s;
	must(!s->stream && own_w->row.mem);
	struct stream *m = amqp091_get(t, sizeof *m, "stream");
	*m = (struct stream){
		.what = *own_w,
		.serial = ++s->next_stream & STREAM_SERIAL_MASK,
		.n = big_n(big_list(msg_of(own_w->row.mem))),
		.is_settled_last = is_settled_last,
	};
	s->stream = m;
	ask(t, m);
}

static void settle(struct turn *t, struct stream *m, enum settle how)
{
	const struct waiting *w = &m->what;
	must(!w->is_return);
	amqp091_settle_row(t, w->channel, w->shard, w->queue,
			   w->is_get ? CONSUMER_GET : w->consumer, w->row.pos, how);
	m->is_settled_last = false;
}

/* Gives it all back; what was held back is `out`'s, or nobody's. */
static void stream_free(struct turn *t, struct sendq *out)
{
	struct stream *m = t->s->stream;
	must(m != NULL);
	t->s->stream = NULL;
	if (out)
		sendq_join(out, &m->held);
	sendq_fini(&m->held, t->w->mem);
	for (uint32_t i = 0; i < STREAM_CHUNKS; i++)
		if (m->chunk[i])
			msg_unref(m->chunk[i], 1);
	amqp091_row_unref(&m->what.row);
	amqp091_put(t, m, sizeof *m);
}

void amqp091_stream_drop(struct turn *t)
{
	must(t->s->channels.n == 0);
	if (t->s->stream)
		stream_free(t, NULL);
}

void amqp091_stream_release(struct turn *t, const struct channel *c)
{
	struct stream *m = t->s->stream;
	must(c->number > 0);
	if (m && m->what.channel == c->number && m->is_settled_last)
		settle(t, m, t->s->is_ended ? SETTLE_RELEASE : SETTLE_ACCEPT);
}

/* ---- frames ------------------------------------------------------------------------------- */

static void put_frame(struct turn *t, uint16_t channel, struct block *b, struct slice piece)
{
	struct sendq *q = &t->s->session.sendq;
	struct mem *mem = t->w->mem;
	uint8_t head[AMQP091_FRAME_HEAD];
	static const uint8_t end[] = { AMQP091_FRAME_END };
	must(piece.n > 0);
	(void)amqp091_frame_head_put(head, AMQP091_FRAME_BODY, channel, piece.n);
	sendq_copy(q, mem, slice_of(head, sizeof head));
	if (piece.n < STREAM_COPY_MAX)
		sendq_copy(q, mem, piece);
	else
		sendq_slice(q, mem, b, piece);
	sendq_copy(q, mem, slice_of(end, sizeof end));
}

/* The next chunk, in frames of about one size. */
static void put_chunk(struct turn *t, struct stream *m)
{
	uint64_t *mem = &m->chunk[m->next % STREAM_CHUNKS];
	const struct msg *chunk = msg_of(*mem);
	size_t max = t->s->frame_max ? t->s->frame_max - AMQP091_FRAME_OVERHEAD : LIMIT_CHUNK_BYTES;
	must(chunk->proto == MSG_CHUNK && m->next < m->n);
	struct slice body = msg_piece(chunk, 0);
	size_t frames_n = (body.n + max - 1) / max, size = (body.n + frames_n - 1) / frames_n;
	while (body.n > 0) {
		struct slice piece = slice_sub(body, 0, min_size(size, body.n));
		put_frame(t, m->what.channel, block_of(chunk), piece);
		body = slice_from(body, piece.n);
	}
	msg_unref(*mem, 1);
	*mem = 0;
	m->next++;
}

static void stream_over(struct turn *t)
{
	struct amqp091 *s = t->s;
	struct stream *m = s->stream;
	must(m->next == m->n);
	if (m->is_settled_last)
		settle(t, m, SETTLE_ACCEPT);
	struct waiting what = m->what;
	stream_free(t, &s->session.sendq);
	if (what.is_return)
		amqp091_confirm_one(t, what.channel, what.row.pos);
	size_t cursor = 0;
	for (struct map_slot *slot; (slot = map_next(&s->channels, &cursor)) != NULL;) {
		struct channel *c = (struct channel *)(uintptr_t)slot->value;
		if (c->parked && !s->stream)
			amqp091_unpark(t, c);
	}
}

void amqp091_stream_work(struct turn *t)
{
	struct amqp091 *s = t->s;
	struct stream *m = s->stream;
	if (!m || s->phase != PHASE_RUNNING)
		return;
	while (m->next < m->n && m->chunk[m->next % STREAM_CHUNKS] &&
	       s->session.sendq.bytes < t->w->limits->output_bytes_max)
		put_chunk(t, m);
	ask(t, m);
	if (m->next == m->n)
		stream_over(t);
}

/* An unreadable chunk ends the connection, because half of the message is out; the message goes
 * as any unreadable one does. */
static void broken(struct turn *t, struct stream *m)
{
	if (!m->what.is_return)
		settle(t, m, SETTLE_REJECT);
	if (t->s->phase != PHASE_RUNNING)
		return;
	enum err e = amqp091_refuse(t, ERR_INTERNAL_ERROR, "a stored message cannot be read");
	must(e != ERR_OK);
	amqp091_fail(t, e, 60, 60);
}

void amqp091_stream_loaded(struct turn *t, uint64_t ticket, uint64_t mem)
{
	struct stream *m = t->s->stream;
	uint32_t i = (uint32_t)ticket;
	must(ticket & STREAM_TICKET);
	if (!m || m->serial != (ticket >> 32 & STREAM_SERIAL_MASK)) {
		if (mem)
			msg_unref(mem, 1);
		return;
	}
	must(i >= m->next && i < m->asked && m->chunk[i % STREAM_CHUNKS] == 0);
	if (mem && msg_of(mem)->proto != MSG_CHUNK) {
		msg_unref(mem, 1);
		mem = 0;
	}
	m->chunk[i % STREAM_CHUNKS] = mem;
	if (!mem)
		broken(t, m);
}
