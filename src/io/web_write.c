#include "base/must.h"
#include "io/web_own.h"

#include <errno.h>
#include <string.h>

static uint64_t bytes_of(const struct slice *parts, uint32_t parts_n)
{
	uint64_t n = 0;
	for (uint32_t i = 0; i < parts_n; i++)
		n += parts[i].n;
	return n;
}

/* cut keeps the first `n` octets of the parts; gives how many parts that are. */
static uint32_t cut(struct slice *to, const struct slice *parts, uint64_t n)
{
	uint32_t i = 0;
	for (; n > 0; n -= to[i].n, i++)
		to[i] = parts[i].n > n ? slice_sub(parts[i], 0, (size_t)n) : parts[i];
	return i;
}

/* A frame that was begun is ended first. */
static ssize_t go_on(struct web *w, const struct duct *d, struct duct_room *room,
		     const struct slice *parts, uint32_t parts_n)
{
	struct slice left[DUCT_PARTS_MAX];
	uint64_t n = bytes_of(parts, parts_n);
	n = n < w->frame_left ? n : w->frame_left;
	ssize_t sent = duct_write_below(d, room, left, cut(left, parts, n));
	if (sent > 0)
		w->frame_left -= (uint64_t)sent;
	(void)web_say_due(w, d, room); /* broken: the next call finds out */
	return sent;
}

/* A message of text ends with a whole character; what is no text goes as binary. */
static enum ws_opcode opcode_of(const struct web *w, const struct slice *parts, uint32_t parts_n,
				uint64_t *io_n)
{
	struct ws_reader r = { .tail_n = 0 };
	if (!w->rules->sends_text)
		return WS_BINARY;
	for (uint32_t i = 0; i < parts_n; i++)
		if (!ws_text(&r, parts[i], false))
			return WS_BINARY;
	if (r.tail_n == *io_n)
		return WS_BINARY;
	*io_n -= r.tail_n;
	return WS_TEXT;
}

static ssize_t begin(struct web *w, const struct duct *d, struct duct_room *room,
		     const struct slice *parts, uint32_t parts_n)
{
	struct slice out[DUCT_PARTS_MAX];
	uint8_t head[WS_HEAD_MAX];
	uint64_t n = bytes_of(parts, parts_n);
	must(parts_n < DUCT_PARTS_MAX);
	enum ws_opcode opcode = opcode_of(w, parts, parts_n, &n);
	size_t head_n = ws_head_put(head, opcode, n);
	out[0] = slice_of(head, head_n);
	ssize_t sent = duct_write_below(d, room, out, 1 + cut(out + 1, parts, n));
	if (sent <= 0)
		return sent;
	if ((size_t)sent < head_n && !web_keep(w, slice_from(out[0], (size_t)sent)))
		return -1;
	uint64_t taken = (size_t)sent < head_n ? 0 : (uint64_t)sent - head_n;
	w->frame_left = n - taken;
	return (ssize_t)taken;
}

/* begin_packed packs a message, or its first part, and lets it go in one frame: what its socket
 * does not take is kept. False: it is to go as it is. */
static bool begin_packed(struct web *w, const struct duct *d, struct duct_room *room,
			 const struct slice *parts, uint32_t parts_n, ssize_t *out_sent)
{
	struct slice part[DUCT_PARTS_MAX], packed;
	uint8_t head[WS_HEAD_MAX];
	uint64_t n = bytes_of(parts, parts_n);
	n = n < DEFLATE_PACK_BYTES ? n : DEFLATE_PACK_BYTES;
	parts_n = cut(part, parts, n);
	enum ws_opcode opcode = opcode_of(w, part, parts_n, &n);
	if (n < DEFLATE_PACK_FROM)
		return false;
	parts_n = cut(part, parts, n);
	if (!deflate_pack(&room->deflate, w->pack_bits, part, parts_n, &packed))
		return false;
	size_t head_n = ws_head_put(head, opcode, packed.n);
	head[0] |= WS_PACKED;
	packed = deflate_put_before(packed, slice_of(head, head_n));
	*out_sent = web_say(w, d, room, packed) ? (ssize_t)n : -1;
	return true;
}

ssize_t web_write(struct web *w, struct duct *d, struct duct_room *room, const struct slice *parts,
		  uint32_t parts_n)
{
	if (w->is_broken || w->is_ended || !w->is_open || !web_flush(w, d, room)) {
		errno = EPIPE;
		return -1;
	}
	if (w->rest)
		return 0;
	if (w->frame_left > 0)
		return go_on(w, d, room, parts, parts_n);
	ssize_t sent;
	if (w->pack_bits && begin_packed(w, d, room, parts, parts_n, &sent))
		return sent;
	return begin(w, d, room, parts, parts_n);
}
