/* content_of -- a message as the codec wants to see it. All of it is borrowed from the message.
 *
 * Private to this room, and inline because every delivery passes here.
 */
#ifndef SESSION_AMQP091_CONTENT_OF_H
#define SESSION_AMQP091_CONTENT_OF_H
#include "base/must.h"
#include "base/rd.h"
#include "msg/msg.h"
#include "wire/amqp091/content.h"

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

/* amqp091_content_of fills `out` from `m`; what is in one piece is put into `body`. Of a big one the
 * body comes behind: it is none here. */
static inline void amqp091_content_of(const struct msg *m, struct amqp091_content *out,
				      struct slice *body)
{
	struct rd r = rd_of(msg_route(m));
	bool is_big = m->proto == MSG_CHUNKS;
	must(is_big || m->proto == MSG_AMQP091);
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
