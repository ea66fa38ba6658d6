#include "wire/amqp091/frame.h"

#include "base/limits.h"
#include "base/must.h"

_Static_assert(AMQP091_FRAME_OVERHEAD == LIMIT_FRAME_OVERHEAD, "one truth");

const uint8_t amqp091_greeting_octets[AMQP091_GREETING_LEN] = { 'A', 'M', 'Q', 'P', 0, 0, 9, 1 };

const uint8_t amqp091_heartbeat_octets[AMQP091_FRAME_OVERHEAD] = {
	AMQP091_FRAME_HEARTBEAT, 0, 0, 0, 0, 0, 0, AMQP091_FRAME_END,
};

enum err amqp091_greeting_read(struct slice in, enum amqp091_greeting *out)
{
	static const char *const rows[] = {
#define GREETING(name, octets, prose) [AMQP091_GREETING_##name] = octets,
#include "wire/amqp091/greetings.def"
#undef GREETING
	};
	must(out != NULL);

	struct slice seen = { in.p, in.n < AMQP091_GREETING_LEN ? in.n : AMQP091_GREETING_LEN };
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		if (!slice_starts_with(slice_of(rows[i], AMQP091_GREETING_LEN), seen))
			continue;
		if (seen.n < AMQP091_GREETING_LEN)
			return ERR_MORE;
		*out = (enum amqp091_greeting)i;
		return ERR_OK;
	}
	*out = AMQP091_GREETING_UNKNOWN;
	return ERR_OK;
}

enum err amqp091_frame_check(const struct amqp091_frame *f)
{
	must(f != NULL);
	switch (f->type) {
	case AMQP091_FRAME_METHOD: return f->payload.n < 4 ? ERR_FRAME_ERROR : ERR_OK;
	case AMQP091_FRAME_HEADER:
		if (f->payload.n < AMQP091_HEADER_FIXED)
			return ERR_FRAME_ERROR;
		return f->channel == 0 ? ERR_UNEXPECTED_FRAME : ERR_OK;
	case AMQP091_FRAME_BODY: return f->channel == 0 ? ERR_UNEXPECTED_FRAME : ERR_OK;
	case AMQP091_FRAME_HEARTBEAT:
		if (f->payload.n > 0)
			return ERR_FRAME_ERROR;
		return f->channel == 0 ? ERR_OK : ERR_UNEXPECTED_FRAME;
	default: return ERR_FRAME_ERROR;
	}
}

enum err amqp091_header_decode(struct slice payload, struct amqp091_header *out)
{
	must(out != NULL);
	if (payload.n < AMQP091_HEADER_FIXED + 2 || load_be16(payload.p + 2) != 0)
		return ERR_MALFORMED;
	out->class_id = load_be16(payload.p);
	out->body_bytes = load_be64(payload.p + 4);
	out->props = slice_from(payload, AMQP091_HEADER_FIXED);
	return ERR_OK;
}
