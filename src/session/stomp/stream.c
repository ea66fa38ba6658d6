#include "session/stomp/stomp.h"

#include "base/must.h"
#include "wire/stomp/stored.h"

/* Where in a stream it begins: first, last, next, a number, or timestamp=SECONDS as RabbitMQ has
 * it; offset=NUMBER likewise. */
static bool read_offset(const struct turn *t, struct stream_from *out)
{
	static const struct {
		const char *word;
		uint8_t where;
	} words[] = { { "next", STREAM_NEXT }, { "first", STREAM_FIRST }, { "last", STREAM_LAST } };
	struct slice in = t->head->at[STOMP_H_X_STREAM_OFFSET], offset = slice_str("offset=");
	struct slice since = slice_str("timestamp=");
	int64_t n;
	*out = (struct stream_from){ .where = STREAM_NEXT };
	must(t->frame->command == STOMP_SUBSCRIBE);
	if (!stomp_has(t->head, STOMP_H_X_STREAM_OFFSET))
		return true;
	for (size_t i = 0; i < 3; i++) {
		if (slice_eq(in, slice_str(words[i].word))) {
			out->where = words[i].where;
			return true;
		}
	}
	bool is_since = slice_starts_with(in, since);
	if (is_since)
		in = slice_from(in, since.n);
	else if (slice_starts_with(in, offset))
		in = slice_from(in, offset.n);
	if (!stomp_number(in, &n) || n < 0 || n > INT64_MAX / 1000)
		return false;
	out->where = is_since ? STREAM_SINCE : STREAM_OFFSET;
	out->value = (uint64_t)n * (is_since ? 1000 : 1);
	return true;
}

/* A stream is read with acknowledgements, a few messages at a time. */
enum err stomp_stream_from(struct turn *t, uint32_t prefetch, enum ack_mode ack,
			   struct stream_from *out)
{
	must(t->why.n == 0);
	if (prefetch == 0) {
		text_puts(&t->why, "a stream needs a prefetch-count");
		return ERR_PRECONDITION_FAILED;
	}
	if (ack == ACK_AUTO) {
		text_puts(&t->why, "automatic acknowledgement not supported by stream queues");
		return ERR_NOT_IMPLEMENTED;
	}
	if (read_offset(t, out))
		return ERR_OK;
	text_puts(&t->why, "invalid x-stream-offset");
	return ERR_PRECONDITION_FAILED;
}
