/* deliver -- a message on its way out: from rows of FX_DELIVER to frames.
 *
 * Alone (deliver.c) or many side by side (deliver_rows.c); what has to wait first is in waiting.c.
 * Private to this room.
 */
#ifndef SESSION_AMQP091_DELIVER_H
#define SESSION_AMQP091_DELIVER_H
#include "base/must.h"
#include "base/rd.h"
#include "session/amqp091/amqp091.h"
#include "session/foreign.h"
#include "wire/amqp091/content.h"

/* amqp091_deliver_write writes one delivery and remembers it; amqp091_got_write a basic.get-ok.
 * Both consume the row's reference. */
void amqp091_deliver_write(struct turn *t, struct consumer *k, const struct waiting *own_w);
/* amqp091_deliver_rows writes rows of the run `fx`, which is for `k`, side by side: those from the
 * first on that are in memory, small, and have nothing in their way. Returns how many; they are
 * written and remembered, and their references will go with t->gone. */
uint32_t amqp091_deliver_rows(struct turn *t, struct consumer *k, struct run *fx);
/* amqp091_came_back: how often the row's message came before. amqp091_recount: if it did, and is no
 * foreign one, it says so in its headers. */
static inline uint32_t amqp091_came_back(const struct waiting *w)
{
	return (uint32_t)w->row.count + w->returned;
}
void amqp091_recount(struct turn *t, struct waiting *w, bool is_no_ack);
/* amqp091_dress gives `c`, the content of the row's message, properties other than the message's:
 * those that another protocol's say, how often it came before in them; is_stream: its offset. What
 * they lie in is the dress, until amqp091_undress. */
struct dress_room {
	uint8_t *p;
	size_t n;
};
struct dress {
	struct foreign foreign;
	struct dress_room counted, placed;
	struct slice one, *pieces; /* of the body */
	uint32_t pieces_n;         /* 0: no memory for them */
};
void amqp091_dress(struct turn *t, const struct waiting *w, bool is_stream, struct dress *d,
		   struct amqp091_content *c);
void amqp091_undress(struct turn *t, struct dress *d);
void amqp091_return_write(struct turn *t, const struct waiting *own_w);
void amqp091_got_write(struct turn *t, struct channel *c, bool is_no_ack,
		       const struct waiting *own_w);

/* ---- a message as the codec wants to see it: all of it is borrowed from the message. Inline,
 * because every delivery passes here. ---- */

/* Octets of a header frame before its properties. */
#define AMQP091_HEADER_HEAD (AMQP091_FRAME_HEAD + AMQP091_HEADER_FIXED)

/* amqp091_frames_of: a message with a gap lies in its publisher's frames. */
static inline void amqp091_frames_of(const struct msg *m, struct amqp091_content *out)
{
	const uint8_t *base = (const uint8_t *)block_of(m);
	uint32_t n = msg_piece_n(m), begin = m->props_off - AMQP091_HEADER_HEAD;
	uint32_t end = m->props_off + m->props_len + 1;
	must(m->gap == AMQP091_FRAME_OVERHEAD && m->props_off > AMQP091_HEADER_HEAD);
	end += m->body_bytes + n * AMQP091_FRAME_OVERHEAD;
	out->frames = slice_of(base + begin, end - begin);
	out->frame_largest = n == 0 ? 0
				    : (n == 1 ? m->body_bytes : m->piece_bytes) +
					      AMQP091_FRAME_OVERHEAD;
}

/* amqp091_content_of fills `out` from `m`; what is in one piece is put into `body`. Of a big one
 * the body comes behind: it is none here. A foreign one has to be dressed. */
static inline void amqp091_content_of(const struct msg *m, struct amqp091_content *out,
				      struct slice *body)
{
	struct rd r = rd_of(msg_route(m));
	bool is_big = m->proto == MSG_CHUNKS;
	must(m->proto != MSG_CHUNK);
	*out = (struct amqp091_content){ .props = msg_props(m),
					 .body_bytes = is_big ? 0 : m->body_bytes };
	out->exchange = rd_str8(&r);
	out->routing_key = rd_str8(&r);
	must(rd_done(&r));
	if (is_big)
		return;
	if (m->gap) {
		amqp091_frames_of(m, out);
	} else if (m->body_bytes > 0) {
		must(m->piece_bytes == 0);
		*body = msg_piece(m, 0);
		out->body = body;
		out->body_n = 1;
	}
}

#endif
