/* amqp091 frame -- where one frame ends and the next begins.
 *
 *      0      1         3             7                  7 + size
 *      | type | channel |    size     |  payload ...     | 0xCE |
 *
 * A frame is read when all of it lies in contiguous bytes; until then the answer is ERR_MORE and
 * amqp091_frame_need says how many bytes that takes. Nothing is kept between calls. Pure; a
 * payload borrows from the input.
 */
#ifndef WIRE_AMQP091_FRAME_H
#define WIRE_AMQP091_FRAME_H

#include "base/byteorder.h"
#include "base/err.h"
#include "base/must.h"
#include "base/slice.h"

enum amqp091_frame_type {
	AMQP091_FRAME_METHOD = 1,
	AMQP091_FRAME_HEADER = 2,
	AMQP091_FRAME_BODY = 3,
	AMQP091_FRAME_HEARTBEAT = 8,
};

#define AMQP091_FRAME_HEAD     7u    /* octets before the payload */
#define AMQP091_FRAME_OVERHEAD 8u    /* and with the end octet behind it */
#define AMQP091_FRAME_END      0xCEu /* the end octet */

struct amqp091_frame {
	uint8_t type; /* any octet until amqp091_frame_check has passed */
	uint16_t channel;
	struct slice payload;
	size_t total; /* the frame's octets, head and end included */
};

/* ---- the first eight octets ---- */

enum amqp091_greeting {
#define GREETING(name, octets, prose) AMQP091_GREETING_##name,
#include "wire/amqp091/greetings.def"
#undef GREETING
	AMQP091_GREETING_UNKNOWN, /* no AMQP at all, or a version that nobody speaks */
};

#define AMQP091_GREETING_LEN 8u

/* amqp091_greeting_octets: what we send to a peer whose greeting we do not take. */
extern const uint8_t amqp091_greeting_octets[AMQP091_GREETING_LEN];

/* amqp091_greeting_read says which greeting `in` begins with; UNKNOWN as soon as it can be none.
 * ERR_MORE: fewer than 8 octets, good so far. */
MUST_USE enum err amqp091_greeting_read(struct slice in, enum amqp091_greeting *out);

/* ---- frames ---- */

/* amqp091_frame_need: the least number of bytes with which another look at `in` makes sense:
 * a frame's head, or the whole frame once its head is there. */
static inline size_t amqp091_frame_need(struct slice in)
{
	if (in.n < AMQP091_FRAME_HEAD)
		return AMQP091_FRAME_HEAD;
	return (size_t)load_be32(in.p + 3) + AMQP091_FRAME_OVERHEAD;
}

/* amqp091_frame_fits: RabbitMQ forgives payloads up to frame_max, 8 more than the specification
 * does, for clients that forget the overhead; so do we. 0 is no bound. */
static inline bool amqp091_frame_fits(size_t payload_n, size_t frame_max)
{
	return frame_max == 0 || payload_n <= frame_max;
}

/* amqp091_frame_read reads the frame at the start of `in`.
 * ERR_MORE: not all there. ERR_FRAME_ERROR: too large (said as soon as the head is there), or the
 * end octet is wrong; amqp091_fault_of_frame tells. */
MUST_USE static inline enum err amqp091_frame_read(struct slice in, size_t frame_max,
						   struct amqp091_frame *out)
{
	must(out != NULL);
	if (in.n < AMQP091_FRAME_HEAD)
		return ERR_MORE;
	size_t size = load_be32(in.p + 3);
	if (!amqp091_frame_fits(size, frame_max))
		return ERR_FRAME_ERROR;
	if (in.n - AMQP091_FRAME_HEAD <= size)
		return ERR_MORE;
	if (in.p[AMQP091_FRAME_HEAD + size] != AMQP091_FRAME_END)
		return ERR_FRAME_ERROR;

	out->type = in.p[0];
	out->channel = load_be16(in.p + 1);
	out->payload = slice_of(in.p + AMQP091_FRAME_HEAD, size);
	out->total = size + AMQP091_FRAME_OVERHEAD;
	return ERR_OK;
}

/* amqp091_frame_check looks at type, channel and payload together.
 * ERR_FRAME_ERROR: an unknown type, or a payload too short for a method or a content header, or a
 * heartbeat with one. ERR_UNEXPECTED_FRAME: a heartbeat above channel 0, content on channel 0. */
MUST_USE enum err amqp091_frame_check(const struct amqp091_frame *f);

/* ---- writing ---- */

/* amqp091_frame_head_put writes the first 7 octets of a frame and returns the place after them. */
static inline uint8_t *amqp091_frame_head_put(uint8_t *at, uint8_t type, uint16_t channel,
					      size_t payload_n)
{
	must(payload_n <= UINT32_MAX);
	at[0] = type;
	store_be16(at + 1, channel);
	store_be32(at + 3, (uint32_t)payload_n);
	return at + AMQP091_FRAME_HEAD;
}

/* amqp091_heartbeat_octets: a whole heartbeat frame. */
extern const uint8_t amqp091_heartbeat_octets[AMQP091_FRAME_OVERHEAD];

/* ---- content headers ---- */

#define AMQP091_HEADER_FIXED 12u /* class, weight and body size before the property flags */

struct amqp091_header {
	uint16_t class_id;
	uint64_t body_bytes;
	struct slice props; /* flags and list, at least 2 octets, not looked at yet */
};

/* amqp091_header_decode splits the payload of a header frame.
 * ERR_MALFORMED: too short, or a weight other than 0. */
MUST_USE enum err amqp091_header_decode(struct slice payload, struct amqp091_header *out);

#endif
