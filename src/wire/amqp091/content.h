/* amqp091 content -- messages on their way in and out, without decoding what nobody looks at.
 *
 *   basic.publish     | head | ids | ticket | exchange | routing key | bits | CE |
 *                     | header frame | body frame | body frame ...
 *                                                       |
 *   basic.deliver     | head | ids | tag ... | exchange | routing key | CE |
 *                     | header frame | body frame | body frame ...
 *
 * What came in stays as it came: a content points at the publisher's frames, and a delivery is a
 * method frame before a copy of them with the channel number patched. Where the consumer's
 * frame_max is smaller, or the content is in pieces (read back from disk, changed on the way),
 * the frames are made anew. Size first, then put: put writes exactly so many octets and cannot
 * fail. Pure; everything borrows.
 */
#ifndef WIRE_AMQP091_CONTENT_H
#define WIRE_AMQP091_CONTENT_H

#include "base/limits.h"
#include "base/must.h"
#include "base/slice.h"
#include "wire/amqp091/frame.h"

/* Whoever changes props on the way (takes BCC out, adds x-death) goes over to pieces. */
struct amqp091_content {
	struct slice exchange, routing_key; /* at most 255 octets each */
	struct slice props;                 /* flags and list, as in the header frame */
	uint64_t body_bytes;

	/* as it came: the header frame and all body frames, with props and body above inside */
	struct slice frames;
	size_t frame_largest; /* octets of the largest body frame of `frames`, 0: there is none */

	/* in pieces, when `frames` is empty: the body is these, in order */
	const struct slice *body;
	size_t body_n;
};

/* ---- coming in ---- */

struct amqp091_publish {
	uint16_t channel;
	bool mandatory, immediate;
	struct amqp091_content content; /* as it came; props are not checked yet */
	size_t total;                   /* octets of all its frames */
};

/* amqp091_publish_take reads a whole message, basic.publish to last body frame, in one go if `in`
 * begins with one. False: it does not, or not all of it is there, or something about it is odd;
 * then the frames are to be looked at one by one, which finds out. */
bool amqp091_publish_take(struct slice in, size_t frame_max, struct amqp091_publish *out);

/* amqp091_equals is memcmp for what is short and nearly always equal. */
static inline bool amqp091_equals(const uint8_t *a, const uint8_t *b, size_t n)
{
	uint64_t x, y, differs = 0;
	if (n < sizeof x) {
		for (size_t i = 0; i < n; i++)
			differs |= a[i] ^ b[i];
		return differs == 0;
	}
	for (size_t i = 0; i + sizeof x < n; i += sizeof x) {
		memcpy(&x, a + i, sizeof x);
		memcpy(&y, b + i, sizeof y);
		differs |= x ^ y;
	}
	memcpy(&x, a + n - sizeof x, sizeof x); /* some of them twice */
	memcpy(&y, b + n - sizeof y, sizeof y);
	return (differs | (x ^ y)) == 0;
}

/* The heads of a publish that was taken: method frame and header frame, where they lie. Publishers
 * mostly say the same again. */
struct amqp091_heads {
	const uint8_t *at;
	uint32_t method_n, n; /* octets of the method frame, and of both */
	uint32_t body_max;    /* what the caller allows */
	uint16_t channel;
};

/* amqp091_publish_repeats: `in` begins with the same heads but for the size of the body, which is
 * there in one frame. False: or not, or something is odd; then it is to be taken like any other. */
static inline bool amqp091_publish_repeats(const struct amqp091_heads *h, struct slice in,
					   uint32_t *out_body_bytes)
{
	const uint32_t size_at = h->method_n + AMQP091_FRAME_HEAD + 4, rest_at = size_at + 8;
	must(rest_at < h->n);
	if (in.n < h->n + AMQP091_FRAME_OVERHEAD || !amqp091_equals(in.p, h->at, size_at) ||
	    !amqp091_equals(in.p + rest_at, h->at + rest_at, h->n - rest_at))
		return false;
	const uint64_t body_bytes = load_be64(in.p + size_at);
	const uint8_t *body = in.p + h->n;
	if (body_bytes == 0 || body_bytes > h->body_max ||
	    body_bytes > in.n - h->n - AMQP091_FRAME_OVERHEAD)
		return false;
	if (load_be32(body) >> 8 != (AMQP091_FRAME_BODY << 16 | h->channel) ||
	    load_be32(body + 3) != body_bytes ||
	    body[AMQP091_FRAME_HEAD + body_bytes] != AMQP091_FRAME_END)
		return false;
	*out_body_bytes = (uint32_t)body_bytes;
	return true;
}

/* amqp091_content_of_frames fills a content from whole frames that lie in one slice: a header
 * frame of class basic and the body frames that belong to it, nothing else.
 * ERR_MALFORMED: they are not that. */
MUST_USE enum err amqp091_content_of_frames(struct slice exchange, struct slice routing_key,
					    struct slice frames, struct amqp091_content *out);

/* ---- going out ---- */

/* amqp091_content_size: octets of header and body frames for a peer with this frame_max; 0 is no
 * bound. A header frame is never split, as that cannot be, whatever the peer's frame_max. The
 * _framed ones make the frames anew; ask for amqp091_content_size and _put. */
size_t amqp091_content_size_framed(const struct amqp091_content *c, size_t frame_max);
uint8_t *amqp091_content_put_framed(uint8_t *at, uint16_t channel, size_t frame_max,
				    const struct amqp091_content *c);

/* amqp091_content_as_it_came: the publisher's own frames will do. */
static inline bool amqp091_content_as_it_came(const struct amqp091_content *c, size_t frame_max)
{
	must(c->props.n >= 2);
	return c->frames.n > 0 && (frame_max == 0 || c->frame_largest <= frame_max);
}

/* amqp091_content_size: octets of the header frame and the body frames. */
static inline size_t amqp091_content_size(const struct amqp091_content *c, size_t frame_max)
{
	return amqp091_content_as_it_came(c, frame_max) ? c->frames.n
							: amqp091_content_size_framed(c, frame_max);
}

/* amqp091_copy is memcpy for what is mostly short: up to 64 octets without a call. */
static inline uint8_t *amqp091_copy(uint8_t *at, const uint8_t *p, size_t n)
{
	if (n > 64) {
		memcpy(at, p, n);
	} else if (n >= 16) {
		size_t half = n > 32 ? 16 : 0; /* 16, half, -16 - half, -16: they may overlap */
		memcpy(at, p, 16);
		memcpy(at + half, p + half, 16);
		memcpy(at + n - 16 - half, p + n - 16 - half, 16);
		memcpy(at + n - 16, p + n - 16, 16);
	} else if (n >= 8) {
		memcpy(at, p, 8);
		memcpy(at + n - 8, p + n - 8, 8);
	} else if (n >= 4) {
		memcpy(at, p, 4);
		memcpy(at + n - 4, p + n - 4, 4);
	} else if (n > 0) {
		at[0] = p[0];
		at[n / 2] = p[n / 2];
		at[n - 1] = p[n - 1];
	}
	return at + n;
}

/* amqp091_copy_str8 writes a short string with its length. */
static inline uint8_t *amqp091_copy_str8(uint8_t *at, struct slice s)
{
	must(s.n <= LIMIT_SHORTSTR);
	*at = (uint8_t)s.n;
	return amqp091_copy(at + 1, s.p, s.n);
}

/* amqp091_frames_rechannel sets the channel number of all frames in [at, end). */
static inline void amqp091_frames_rechannel(uint8_t *at, const uint8_t *end, uint16_t channel)
{
	while (at < end) {
		store_be16(at + 1, channel);
		at += load_be32(at + 3) + AMQP091_FRAME_OVERHEAD;
	}
	must(at == end);
}

/* amqp091_content_put writes header and body frames and returns the place after them. */
static inline uint8_t *amqp091_content_put(uint8_t *at, uint16_t channel, size_t frame_max,
					   const struct amqp091_content *c)
{
	if (!amqp091_content_as_it_came(c, frame_max))
		return amqp091_content_put_framed(at, channel, frame_max, c);
	uint8_t *end = amqp091_copy(at, c->frames.p, c->frames.n);
	if (load_be16(at + 1) != channel)
		amqp091_frames_rechannel(at, end, channel);
	return end;
}

/* amqp091_route_size: octets of exchange and routing key as two short strings. */
static inline size_t amqp091_route_size(const struct amqp091_content *c)
{
	return 2 + c->exchange.n + c->routing_key.n;
}

/* ---- basic.deliver ---- */

struct amqp091_delivery {
	uint16_t channel;
	bool redelivered;
	struct slice consumer_tag; /* at most 255 octets */
	uint64_t delivery_tag;
};

#define AMQP091_IDS_DELIVER (60u << 16 | 60)

/* Places in a delivery: the length of the consumer tag, and the tag itself. */
#define AMQP091_DELIVER_TAG_LEN_AT 11u
#define AMQP091_DELIVER_TAG_AT     12u

/* amqp091_deliver_head_size: octets of its method frame alone. */
static inline size_t amqp091_deliver_head_size(const struct amqp091_delivery *d,
					       const struct amqp091_content *c)
{
	return AMQP091_DELIVER_TAG_AT + d->consumer_tag.n + 8 + 1 + amqp091_route_size(c) + 1;
}

/* amqp091_deliver_head_put writes the method frame and returns the place after it. */
static inline uint8_t *amqp091_deliver_head_put(uint8_t *at, const struct amqp091_delivery *d,
						const struct amqp091_content *c)
{
	size_t frame = amqp091_deliver_head_size(d, c);
	at = amqp091_frame_head_put(at, AMQP091_FRAME_METHOD, d->channel,
				    frame - AMQP091_FRAME_OVERHEAD);
	store_be32(at, AMQP091_IDS_DELIVER);
	at = amqp091_copy_str8(at + 4, d->consumer_tag);
	store_be64(at, d->delivery_tag);
	at[8] = d->redelivered;
	at = amqp091_copy_str8(at + 9, c->exchange);
	at = amqp091_copy_str8(at, c->routing_key);
	*at = AMQP091_FRAME_END;
	return at + 1;
}

/* amqp091_deliver_size: octets of the whole delivery. */
static inline size_t amqp091_deliver_size(const struct amqp091_delivery *d, size_t frame_max,
					  const struct amqp091_content *c)
{
	return amqp091_deliver_head_size(d, c) + amqp091_content_size(c, frame_max);
}

/* amqp091_deliver_put writes the whole delivery and returns the place after it. */
static inline uint8_t *amqp091_deliver_put(uint8_t *at, const struct amqp091_delivery *d,
					   size_t frame_max, const struct amqp091_content *c)
{
	at = amqp091_deliver_head_put(at, d, c);
	return amqp091_content_put(at, d->channel, frame_max, c);
}

/* ---- fan-out: encode once, change the tags ---- */

/* amqp091_deliver_renumber gives another delivery tag to the delivery that begins at `at`. */
static inline void amqp091_deliver_renumber(uint8_t *at, uint64_t delivery_tag)
{
	must(load_be32(at + AMQP091_FRAME_HEAD) == AMQP091_IDS_DELIVER);
	store_be64(at + AMQP091_DELIVER_TAG_AT + at[AMQP091_DELIVER_TAG_LEN_AT], delivery_tag);
}

/* amqp091_deliver_retag addresses it to another consumer on the same channel number, whose tag
 * has the same length. */
static inline void amqp091_deliver_retag(uint8_t *at, struct slice consumer_tag,
					 uint64_t delivery_tag)
{
	must(consumer_tag.n == at[AMQP091_DELIVER_TAG_LEN_AT]);
	uint8_t *end = amqp091_copy(at + AMQP091_DELIVER_TAG_AT, consumer_tag.p, consumer_tag.n);
	store_be64(end, delivery_tag);
}

/* amqp091_run_retag does so for the `n` deliveries of a run that begin at run + starts[i]; their
 * delivery tags are first_tag, first_tag + 1, ... */
void amqp091_run_retag(uint8_t *run, const uint32_t *starts, size_t n, struct slice consumer_tag,
		       uint64_t first_tag);

/* ---- basic.get-ok and basic.return ---- */

struct amqp091_got {
	uint16_t channel;
	bool redelivered;
	uint64_t delivery_tag;
	uint32_t message_count; /* ready messages that are left */
};

/* amqp091_get_ok_size: octets of a basic.get-ok with its content. */
size_t amqp091_get_ok_size(size_t frame_max, const struct amqp091_content *c);
/* amqp091_get_ok_put writes it and returns the place after it. */
uint8_t *amqp091_get_ok_put(uint8_t *at, const struct amqp091_got *g, size_t frame_max,
			    const struct amqp091_content *c);

struct amqp091_returned {
	uint16_t channel, reply_code;
	struct slice reply_text; /* at most 255 octets */
};

/* amqp091_return_size: octets of a basic.return with its content. */
size_t amqp091_return_size(const struct amqp091_returned *r, size_t frame_max,
			   const struct amqp091_content *c);
/* amqp091_return_put writes it and returns the place after it. */
uint8_t *amqp091_return_put(uint8_t *at, const struct amqp091_returned *r, size_t frame_max,
			    const struct amqp091_content *c);

/* ---- large bodies: written from where they lie ---- */

/* amqp091_gather_own and amqp091_gather_parts bound what amqp091_deliver_gather needs. */
size_t amqp091_gather_own(const struct amqp091_delivery *d, size_t frame_max,
			  const struct amqp091_content *c);
size_t amqp091_gather_parts(size_t frame_max, const struct amqp091_content *c);

/* amqp091_deliver_gather makes the same octets as amqp091_deliver_put as a list of parts: heads
 * are written to `own`, which has room for amqp091_gather_own octets, bodies are borrowed from the
 * content. Fills out_parts, at most amqp091_gather_parts of them, and returns how many. */
size_t amqp091_deliver_gather(uint8_t *own, const struct amqp091_delivery *d, size_t frame_max,
			      const struct amqp091_content *c, struct slice *out_parts);

#endif
