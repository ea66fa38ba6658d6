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
	must(t->frame->command == STOMP_SUBSCRIBE && out->where == STREAM_NEXT);
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

/* Values with commas between them, as RabbitMQ has it. False: they are too many. */
static bool read_values(const struct turn *t, struct slice raw, struct stream_filter *out)
{
	const enum stomp_version version = (enum stomp_version)t->s->version;
	uint8_t *room = raw.n ? mem_get(t->w->mem, raw.n, "filter of a stream") : NULL;
	struct wr scratch = wr_of(room, raw.n);
	struct slice rest;
	bool is_good = true;
	must(room != NULL || raw.n == 0);
	(void)stomp_unescape(raw, version, &scratch, &rest); /* it was looked at before */
	rest = stomp_trim(rest, version);
	for (bool is_last = false; is_good && !is_last;) {
		is_last = slice_find(rest, ',') == rest.n;
		is_good = stream_filter_add(out, slice_cut(&rest, ','));
	}
	if (room)
		mem_put(t->w->mem, room, raw.n);
	return is_good;
}

static bool read_filter(const struct turn *t, struct stream_filter *out)
{
	const enum stomp_version version = (enum stomp_version)t->s->version;
	struct slice raw;
	must(out->from.tags_n == 0);
	if (stomp_head_find(t->frame->head, "x-stream-match-unfiltered", &raw))
		out->from.has_unfiltered = slice_eq(stomp_trim(raw, version), slice_str("true"));
	return !stomp_head_find(t->frame->head, "x-stream-filter", &raw) ||
	       read_values(t, raw, out);
}

static enum err refuse(struct turn *t, enum err e, const char *words, const struct queue_record *q,
		       const char *after)
{
	must(t->why.n == 0);
	text_puts(&t->why, words);
	text_puts(&t->why, "queue '");
	text_put_slice(&t->why, queue_record_name(q));
	text_puts(&t->why, "' in vhost '");
	text_put_slice(&t->why, access_vhost_name(&t->s->access));
	text_puts(&t->why, after);
	return e;
}

/* A stream is read with acknowledgements, a few messages at a time. */
enum err stomp_stream_from(struct turn *t, const struct queue_record *q, uint32_t prefetch,
			   enum ack_mode ack, struct stream_filter *out)
{
	must(q->flags & QUEUE_APPENDS);
	*out = (struct stream_filter){ .from = { .where = STREAM_NEXT } };
	if (prefetch == 0)
		return refuse(t, ERR_PRECONDITION_FAILED,
			      "consumer prefetch count is not set for '", q, "''");
	if (ack == ACK_AUTO)
		return refuse(t, ERR_NOT_IMPLEMENTED,
			      "automatic acknowledgement not supported by stream queues ", q, "'");
	if (!read_offset(t, &out->from))
		return refuse(t, ERR_PRECONDITION_FAILED, "invalid arg 'x-stream-offset' for ", q,
			      "'");
	if (!read_filter(t, out))
		return refuse(t, ERR_PRECONDITION_FAILED,
			      "more than 255 values of 'x-stream-filter' for ", q, "'");
	return ERR_OK;
}
