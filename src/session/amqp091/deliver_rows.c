#include "session/amqp091/deliver.h"

#include "base/bits.h"
#include "base/must.h"

/* Rows are written in pieces of the send queue up to this large, so that little of its chunks is
 * left empty. */
#define RUN_ROOM (SENDQ_CHUNK_BYTES / 2)

/* What a delivery whose body comes in one frame has at most beside its stored form (route,
 * properties, body, and MSG_STORED_HEAD_BYTES) and its consumer tag. */
#define BESIDE 64u

static bool is_way_open(const struct turn *t, const struct consumer *k)
{
	const struct amqp091 *s = t->s;
	const struct channel *c = k->channel;
	must(c->number > 0);
	return s->phase == PHASE_RUNNING && s->waiting.n == 0 && !s->stream && !c->is_ending &&
	       k->end == CONSUMER_LIVES && (k->is_no_ack || c->prefetch_shared == 0) &&
	       s->session.sendq.bytes < t->w->limits->output_bytes_max;
}

/* How many rows go into one piece, and the room that is enough for them. The bound of the output is
 * left to those that are written one by one. */
static uint32_t piece_of(const struct turn *t, const struct consumer *k,
			 const struct deliver_row *row, uint32_t n, uint32_t *out_room)
{
	const uint64_t left = t->w->limits->output_bytes_max - t->s->session.sendq.bytes;
	const uint32_t more = BESIDE + k->tag_n, max = (uint32_t)min_u64(left, RUN_ROOM);
	uint32_t room = 0, i = 0;
	for (; i < n && row[i].mem && !(row[i].flags & ENTRY_SETTLE); i++) {
		if (row[i].bytes > max || room + row[i].bytes + more > max)
			break;
		room += row[i].bytes + more;
	}
	must(room <= RUN_ROOM);
	*out_room = room;
	return i;
}

/* ---- the same as somebody else's ---------------------------------------------------------- */

static bool is_echo(const struct turn *t, const struct consumer *k, const struct deliver_row *row,
		    uint32_t n)
{
	const struct session_echo *e = t->w->echo;
	if (!e || e->n != n || e->ops != &amqp091_session_ops || e->channel != k->channel->number ||
	    e->frame_max != t->s->frame_max)
		return false;
	must(e->bytes_n > AMQP091_DELIVER_TAG_AT);
	if (e->bytes[AMQP091_DELIVER_TAG_LEN_AT] != k->tag_n)
		return false;
	for (uint32_t i = 0; i < n; i++)
		if (row[i].mem != e->row[i].mem || row[i].count ||
		    (row[i].flags ^ e->row[i].flags) & ENTRY_REDELIVERED)
			return false;
	return true;
}

static uint8_t *put_echo(const struct session_echo *e, const struct consumer *k, uint8_t *at)
{
	must(e->n > 0);
	memcpy(at, e->bytes, e->bytes_n);
	amqp091_run_retag(at, e->start, e->n, slice_of(k->tag, k->tag_n), k->channel->next_tag);
	return at + e->bytes_n;
}

/* ---- encoding ----------------------------------------------------------------------------- */

/* Writes rows as far as the room reaches. Notes where each begins if `start` is given. */
static uint32_t put_rows(const struct turn *t, const struct consumer *k,
			 const struct deliver_row *row, uint32_t n, struct slice room,
			 uint8_t **io_at, uint32_t *start)
{
	struct amqp091_delivery d = {
		.channel = k->channel->number,
		.consumer_tag = slice_of(k->tag, k->tag_n),
		.delivery_tag = k->channel->next_tag,
	};
	uint8_t *at = *io_at;
	uint32_t i = 0;
	must(at == room.p);
	for (; i < n; i++, d.delivery_tag++) {
		const struct msg *m = msg_of(row[i].mem);
		struct amqp091_content content;
		struct slice body;
		if ((m->proto ^ MSG_AMQP091) | row[i].count)
			break;
		amqp091_content_of(m, &content, &body);
		size_t need = amqp091_deliver_size(&d, t->s->frame_max, &content);
		if (need > room.n - (size_t)(at - room.p))
			break;
		d.redelivered = row[i].flags & ENTRY_REDELIVERED;
		if (start)
			start[i] = (uint32_t)(at - room.p);
		at = amqp091_deliver_put(at, &d, t->s->frame_max, &content);
	}
	*io_at = at;
	return i;
}

/* The rest of the books for rows that are written. */
static void written(struct turn *t, struct consumer *k, const struct run *fx,
		    const struct deliver_row *row, uint32_t n)
{
	struct channel *c = k->channel;
	uint32_t bytes = 0;
	uint64_t tag = c->next_tag;
	must(k->waiting_n >= n);
	c->next_tag += n;
	k->waiting_n -= n;
	t->s->count.delivered += n;
	for (uint32_t i = 0; i < n; i++) {
		refs_drop(&t->gone, row[i].mem);
		bytes += row[i].bytes;
		if (!k->is_no_ack)
			amqp091_unacked_add(t, c,
					    &(struct unacked){
						    .tag = tag + i,
						    .pos = row[i].pos,
						    .queue = fx->queue,
						    .consumer = k->id,
						    .bytes = row[i].bytes,
						    .shard = fx->shard,
					    });
	}
	amqp091_written(t, k, n, bytes);
}

static void remember(struct session_echo *e, const struct turn *t, const struct consumer *k,
		     const struct deliver_row *row, struct slice bytes)
{
	must(bytes.n <= RUN_ROOM);
	e->ops = &amqp091_session_ops;
	e->row = row;
	e->bytes = bytes.p;
	e->bytes_n = (uint32_t)bytes.n;
	e->frame_max = t->s->frame_max;
	e->channel = k->channel->number;
}

/* One piece of the run; fewer than `n` rows if one of them has to be looked at on its own. */
static uint32_t piece(struct turn *t, struct consumer *k, const struct run *fx,
		      const struct deliver_row *row, uint32_t n, uint32_t room)
{
	struct session_echo *e = t->w->echo;
	struct sendq *q = &t->s->session.sendq;
	uint8_t *begin = sendq_reserve(q, t->w->mem, room), *at = begin;
	uint32_t done = n;
	must(n <= LIMIT_RUN_ROWS_MAX);
	if (is_echo(t, k, row, n)) {
		at = put_echo(e, k, begin);
	} else {
		done = put_rows(t, k, row, n, slice_of(begin, room), &at, e ? e->start : NULL);
		if (e) {
			e->n = done == fx->n ? done : 0;
			remember(e, t, k, row, slice_of(begin, (size_t)(at - begin)));
		}
	}
	sendq_commit(q, (uint32_t)(at - begin));
	written(t, k, fx, row, done);
	return done;
}

uint32_t amqp091_deliver_rows(struct turn *t, struct consumer *k, struct run *fx)
{
	const struct deliver_row *row = run_rows(fx);
	uint32_t done = 0, room;
	must(fx->kind == FX_DELIVER && k->id == fx->arg);
	while (done < fx->n && is_way_open(t, k)) {
		uint32_t n = piece_of(t, k, row + done, fx->n - done, &room);
		uint32_t wrote = n ? piece(t, k, fx, row + done, n, room) : 0;
		done += wrote;
		if (wrote == 0 || wrote < n)
			break;
	}
	return done;
}
