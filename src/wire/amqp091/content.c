#include "wire/amqp091/content.h"

#include "base/bits.h"
#include "base/limits.h"
#include "wire/amqp091/str8.h"

#define CLASS_BASIC 60u
#define IDS_PUBLISH (CLASS_BASIC << 16 | 40)
#define IDS_RETURN  (CLASS_BASIC << 16 | 50)
#define IDS_GET_OK  (CLASS_BASIC << 16 | 71)

/* The shortest payload of basic.publish: ids, ticket, two empty strings, bits. */
#define PUBLISH_MIN 9u

/* ---- coming in ---- */

/* Written for speed: a small message is taken in a few nanoseconds, so nothing here is copied
 * before all of it is known to be good. */

/* whole_frame gives the end of the frame at `p`, or NULL if it is not of this type and channel, or
 * is too large, cut off or without its end octet. */
static inline const uint8_t *whole_frame(const uint8_t *p, const uint8_t *end, size_t frame_max,
					 uint32_t type_and_channel)
{
	if ((size_t)(end - p) < AMQP091_FRAME_OVERHEAD || load_be32(p) >> 8 != type_and_channel)
		return NULL;
	size_t size = load_be32(p + 3);
	if (!amqp091_frame_fits(size, frame_max) ||
	    (size_t)(end - p) - AMQP091_FRAME_OVERHEAD < size)
		return NULL;
	p += AMQP091_FRAME_HEAD + size;
	return *p == AMQP091_FRAME_END ? p + 1 : NULL;
}

static inline size_t payload_of(const uint8_t *frame)
{
	must(frame != NULL);
	return load_be32(frame + 3);
}

/* take_bodies steps over the body frames that hold just `left` octets. An empty body frame is no
 * part of anything and would be kept and sent for ever: refused here. */
static inline const uint8_t *take_bodies(const uint8_t *p, const uint8_t *end, size_t frame_max,
					 uint16_t channel, uint64_t left, size_t *out_largest)
{
	must(p != NULL && out_largest != NULL);
	size_t largest = 0;
	while (left > 0) {
		const uint8_t *next = whole_frame(p, end, frame_max,
						  AMQP091_FRAME_BODY << 16 | channel);
		if (next == NULL || payload_of(p) == 0 || payload_of(p) > left)
			return NULL;
		left -= payload_of(p);
		largest = max_size(largest, (size_t)(next - p));
		p = next;
	}
	*out_largest = largest;
	return p;
}

/* take_frames reads a header frame of class basic and just the body frames that it asks for. */
static inline bool take_frames(struct slice in, size_t frame_max, uint16_t channel,
			       struct amqp091_content *out)
{
	const uint8_t *p = in.p, *end = in.p + in.n;
	const uint8_t *bodies = whole_frame(p, end, frame_max,
					    AMQP091_FRAME_HEADER << 16 | channel);
	if (bodies == NULL || payload_of(p) < AMQP091_HEADER_FIXED + 2 ||
	    load_be32(p + AMQP091_FRAME_HEAD) != CLASS_BASIC << 16)
		return false;
	uint64_t body_bytes = load_be64(p + AMQP091_FRAME_HEAD + 4);
	size_t largest;
	const uint8_t *after = take_bodies(bodies, end, frame_max, channel, body_bytes, &largest);
	if (after == NULL)
		return false;

	must(after >= bodies);
	size_t fixed = AMQP091_FRAME_HEAD + AMQP091_HEADER_FIXED;
	out->props = slice_of(p + fixed, (size_t)(bodies - p) - fixed - 1);
	out->body_bytes = body_bytes;
	out->frames = slice_of(p, (size_t)(after - p));
	out->frame_largest = largest;
	out->body = NULL;
	out->body_n = 0;
	return true;
}

bool amqp091_publish_take(struct slice in, size_t frame_max, struct amqp091_publish *out)
{
	must(out != NULL);
	const uint8_t *p = in.p;
	if (in.n < AMQP091_FRAME_OVERHEAD + PUBLISH_MIN ||
	    load_be32(p + AMQP091_FRAME_HEAD) != IDS_PUBLISH)
		return false;
	uint16_t channel = load_be16(p + 1);
	const uint8_t *header = whole_frame(p, p + in.n, frame_max,
					    AMQP091_FRAME_METHOD << 16 | channel);
	if (header == NULL || channel == 0)
		return false;

	/* exchange, routing key and bits are all that is left of the frame */
	p += AMQP091_FRAME_HEAD + 6;
	size_t left = (size_t)(header - p) - 1;
	if (payload_of(in.p) < PUBLISH_MIN || left < p[0] + 3u || left != p[0] + p[1 + p[0]] + 3u)
		return false;
	struct slice exchange = slice_of(p + 1, p[0]);
	struct slice key = slice_of(p + 2 + exchange.n, p[1 + exchange.n]);
	uint8_t bits = header[-2];
	if (!amqp091_str8_is_valid(exchange) || !amqp091_str8_is_valid(key) ||
	    !take_frames(slice_of(header, in.n - (size_t)(header - in.p)), frame_max, channel,
			 &out->content))
		return false;
	out->channel = channel;
	out->mandatory = bits & 1;
	out->immediate = bits >> 1 & 1;
	out->content.exchange = exchange;
	out->content.routing_key = key;
	out->total = (size_t)(header - in.p) + out->content.frames.n;
	return true;
}

enum err amqp091_content_of_frames(struct slice exchange, struct slice routing_key,
				   struct slice frames, struct amqp091_content *out)
{
	must(exchange.n <= LIMIT_SHORTSTR && routing_key.n <= LIMIT_SHORTSTR && out != NULL);
	if (frames.n < AMQP091_FRAME_HEAD)
		return ERR_MALFORMED;
	struct amqp091_content c;
	if (!take_frames(frames, 0, load_be16(frames.p + 1), &c) || c.frames.n != frames.n)
		return ERR_MALFORMED;
	c.exchange = exchange;
	c.routing_key = routing_key;
	*out = c;
	return ERR_OK;
}

/* ---- making frames anew ---- */

static size_t body_frame_max(size_t frame_max)
{
	must(frame_max == 0 || frame_max > AMQP091_FRAME_OVERHEAD);
	return (frame_max ? frame_max : LIMIT_FRAME_MAX_DEFAULT) - AMQP091_FRAME_OVERHEAD;
}

/* The body of a content, piece by piece, whatever it is kept in. */
struct pieces {
	const struct amqp091_content *c;
	size_t at; /* next of c->body, or place in c->frames */
};

static struct pieces pieces_of(const struct amqp091_content *c)
{
	must(c->frames.n == 0 || c->frames.p[0] == AMQP091_FRAME_HEADER);
	size_t header = c->frames.n ? load_be32(c->frames.p + 3) + AMQP091_FRAME_OVERHEAD : 0;
	return (struct pieces){ c, header };
}

static struct slice pieces_next(struct pieces *p)
{
	const struct amqp091_content *c = p->c;
	if (c->frames.n == 0) {
		must(p->at < c->body_n);
		return c->body[p->at++];
	}
	must(p->at < c->frames.n);
	const uint8_t *frame = c->frames.p + p->at;
	size_t n = load_be32(frame + 3);
	p->at += n + AMQP091_FRAME_OVERHEAD;
	return slice_of(frame + AMQP091_FRAME_HEAD, n);
}

/* Where frames go: all into one buffer, or as a list of parts with the body left where it is. */
struct sink {
	uint8_t *at;
	const uint8_t *from; /* gathering: own octets that are in no part yet */
	struct slice *parts; /* NULL: one buffer */
	size_t parts_n;
};

static void sink_close_own(struct sink *s)
{
	must(s->parts != NULL && s->at >= s->from);
	if (s->at > s->from)
		s->parts[s->parts_n++] = slice_of(s->from, (size_t)(s->at - s->from));
	s->from = s->at;
}

static void sink_body(struct sink *s, struct slice piece)
{
	must(piece.n > 0);
	if (s->parts == NULL) {
		s->at = amqp091_copy(s->at, piece.p, piece.n);
		return;
	}
	sink_close_own(s);
	s->parts[s->parts_n++] = piece;
}

static void sink_header(struct sink *s, uint16_t channel, const struct amqp091_content *c)
{
	must(c->props.n >= 2);
	uint8_t *at = amqp091_frame_head_put(s->at, AMQP091_FRAME_HEADER, channel,
					     AMQP091_HEADER_FIXED + c->props.n);
	store_be32(at, CLASS_BASIC << 16);
	store_be64(at + 4, c->body_bytes);
	at = amqp091_copy(at + AMQP091_HEADER_FIXED, c->props.p, c->props.n);
	*at = AMQP091_FRAME_END;
	s->at = at + 1;
}

static void sink_content(struct sink *s, uint16_t channel, size_t frame_max,
			 const struct amqp091_content *c)
{
	sink_header(s, channel, c);
	size_t room = body_frame_max(frame_max);
	struct pieces pieces = pieces_of(c);
	struct slice piece = SLICE_EMPTY;
	for (uint64_t left = c->body_bytes; left > 0;) {
		size_t size = min_u64(left, room);
		s->at = amqp091_frame_head_put(s->at, AMQP091_FRAME_BODY, channel, size);
		for (size_t missing = size; missing > 0;) {
			while (piece.n == 0)
				piece = pieces_next(&pieces);
			size_t n = min_size(missing, piece.n);
			sink_body(s, slice_sub(piece, 0, n));
			piece = slice_from(piece, n);
			missing -= n;
		}
		*s->at++ = AMQP091_FRAME_END;
		left -= size;
	}
}

size_t amqp091_content_size_framed(const struct amqp091_content *c, size_t frame_max)
{
	must(c != NULL && c->props.n >= 2);
	size_t header = AMQP091_FRAME_OVERHEAD + AMQP091_HEADER_FIXED + c->props.n;
	size_t body_frames = ceil_div(c->body_bytes, body_frame_max(frame_max));
	return header + c->body_bytes + body_frames * AMQP091_FRAME_OVERHEAD;
}

uint8_t *amqp091_content_put_framed(uint8_t *at, uint16_t channel, size_t frame_max,
				    const struct amqp091_content *c)
{
	must(at != NULL && c != NULL);
	struct sink s = { .at = at };
	sink_content(&s, channel, frame_max, c);
	must((size_t)(s.at - at) == amqp091_content_size_framed(c, frame_max));
	return s.at;
}

/* ---- fan-out ---- */

void amqp091_run_retag(uint8_t *run, const uint32_t *starts, size_t n, struct slice consumer_tag,
		       uint64_t first_tag)
{
	must(run != NULL && (starts != NULL || n == 0));
	for (size_t i = 0; i < n; i++)
		amqp091_deliver_retag(run + starts[i], consumer_tag, first_tag + i);
}

/* ---- basic.get-ok and basic.return ---- */

size_t amqp091_get_ok_size(size_t frame_max, const struct amqp091_content *c)
{
	return AMQP091_FRAME_OVERHEAD + 4 + 8 + 1 + amqp091_route_size(c) + 4 +
	       amqp091_content_size(c, frame_max);
}

uint8_t *amqp091_get_ok_put(uint8_t *at, const struct amqp091_got *g, size_t frame_max,
			    const struct amqp091_content *c)
{
	size_t payload = 4 + 8 + 1 + amqp091_route_size(c) + 4;
	at = amqp091_frame_head_put(at, AMQP091_FRAME_METHOD, g->channel, payload);
	store_be32(at, IDS_GET_OK);
	store_be64(at + 4, g->delivery_tag);
	at[12] = g->redelivered;
	at = amqp091_copy_str8(at + 13, c->exchange);
	at = amqp091_copy_str8(at, c->routing_key);
	store_be32(at, g->message_count);
	at[4] = AMQP091_FRAME_END;
	return amqp091_content_put(at + 5, g->channel, frame_max, c);
}

size_t amqp091_return_size(const struct amqp091_returned *r, size_t frame_max,
			   const struct amqp091_content *c)
{
	return AMQP091_FRAME_OVERHEAD + 4 + 2 + 1 + r->reply_text.n + amqp091_route_size(c) +
	       amqp091_content_size(c, frame_max);
}

uint8_t *amqp091_return_put(uint8_t *at, const struct amqp091_returned *r, size_t frame_max,
			    const struct amqp091_content *c)
{
	must(r->reply_text.n <= LIMIT_SHORTSTR);
	size_t payload = 4 + 2 + 1 + r->reply_text.n + amqp091_route_size(c);
	at = amqp091_frame_head_put(at, AMQP091_FRAME_METHOD, r->channel, payload);
	store_be32(at, IDS_RETURN);
	store_be16(at + 4, r->reply_code);
	at = amqp091_copy_str8(at + 6, r->reply_text);
	at = amqp091_copy_str8(at, c->exchange);
	at = amqp091_copy_str8(at, c->routing_key);
	*at = AMQP091_FRAME_END;
	return amqp091_content_put(at + 1, r->channel, frame_max, c);
}

/* ---- gathering ---- */

static size_t pieces_n(const struct amqp091_content *c)
{
	if (c->frames.n == 0)
		return c->body_n;
	size_t n = 0;
	for (struct pieces p = pieces_of(c); p.at < c->frames.n; n++)
		must(pieces_next(&p).n > 0);
	return n;
}

size_t amqp091_gather_own(const struct amqp091_delivery *d, size_t frame_max,
			  const struct amqp091_content *c)
{
	return amqp091_deliver_head_size(d, c) + amqp091_content_size_framed(c, frame_max) -
	       c->body_bytes;
}

size_t amqp091_gather_parts(size_t frame_max, const struct amqp091_content *c)
{
	/* heads around each frame, and each piece, cut once more by each frame's end */
	return 1 + 2 * ceil_div(c->body_bytes, body_frame_max(frame_max)) + pieces_n(c);
}

size_t amqp091_deliver_gather(uint8_t *own, const struct amqp091_delivery *d, size_t frame_max,
			      const struct amqp091_content *c, struct slice *out_parts)
{
	must(own != NULL && out_parts != NULL);
	struct sink s = { .at = own, .from = own, .parts = out_parts };
	s.at = amqp091_deliver_head_put(own, d, c);
	sink_content(&s, d->channel, frame_max, c);
	sink_close_own(&s);
	must((size_t)(s.at - own) == amqp091_gather_own(d, frame_max, c));
	must(s.parts_n <= amqp091_gather_parts(frame_max, c));
	return s.parts_n;
}
