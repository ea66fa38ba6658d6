#include "base/must.h"
#include "io/web_own.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define STEPS_MAX 64 /* frames without payload before others get their share */

static ssize_t broken(struct web *w, const struct duct *d, struct duct_room *room,
		      enum ws_code code)
{
	w->why = ws_code_words(code);
	web_say_close(w, d, room, (uint16_t)code);
	errno = EPROTO;
	return -1;
}

/* control acts on a whole control frame. False: it was the end. */
static bool control(struct web *w, const struct duct *d, struct duct_room *room)
{
	const struct ws_reader *r = &w->reader;
	if (r->opcode == WS_PING) {
		w->has_pong = true;
		w->pong_n = r->control_n;
		memcpy(w->pong, r->control, r->control_n);
		(void)web_say_due(w, d, room);
	} else if (r->opcode == WS_CLOSE) {
		web_say_close(w, d, room, ws_close_code(r));
	}
	return r->opcode != WS_CLOSE;
}

/* ---- as it comes -------------------------------------------------------------------------- */

/* unframe turns `n` octets at `to` into payload in their place; gives how many, 0 if there are
 * none, -1 with errno EPROTO, or EPIPE at the end. */
static ssize_t unframe(struct web *w, const struct duct *d, struct duct_room *room, uint8_t *to,
		       size_t n)
{
	struct slice in = slice_of(to, n);
	uint8_t *at = to;
	while (in.n > 0) {
		struct ws_step step;
		enum ws_code code = ws_read(&w->reader, in, at, &step);
		if (code != WS_FINE)
			return broken(w, d, room, code);
		at += step.n;
		in = slice_from(in, step.used);
		if (step.found == WS_FOUND_CONTROL && !control(w, d, room))
			in = SLICE_EMPTY;
	}
	errno = EPIPE;
	return at == to && w->is_ended ? -1 : at - to;
}

/* ---- packed, perhaps ---------------------------------------------------------------------- */

/* What a message is, its first piece says: its first frame's. */
static enum ws_code begin_message(struct web *w, struct duct_room *room)
{
	w->inflate = inflate_begin(&room->deflate);
	w->unpacked_n = 0;
	w->is_text = w->reader.opcode == WS_TEXT;
	return w->inflate ? WS_FINE : WS_CODE_NO_MEMORY;
}

/* next_piece takes the next step in the raw octets. */
static enum ws_code next_piece(struct web *w, const struct duct *d, struct duct_room *room,
			       struct web_raw *raw)
{
	struct ws_step step;
	uint8_t *p = raw->p + raw->at;
	enum ws_code code = ws_read(&w->reader, slice_of(p, raw->end - raw->at), p, &step);
	if (code != WS_FINE)
		return code;
	raw->piece_at = raw->at;
	raw->piece_n = step.n;
	raw->at += step.used;
	raw->is_last = step.is_last;
	raw->is_more = step.found == WS_FOUND_DATA;
	if (step.found == WS_FOUND_CONTROL && !control(w, d, room))
		raw->at = raw->end;
	return step.is_packed && !w->inflate ? begin_message(w, room) : WS_FINE;
}

static size_t copy_piece(struct web_raw *raw, uint8_t *to, size_t cap)
{
	size_t n = raw->piece_n < cap ? raw->piece_n : cap;
	memcpy(to, raw->p + raw->piece_at, n);
	raw->piece_at += n;
	raw->piece_n -= n;
	raw->is_more = raw->piece_n > 0;
	return n;
}

static enum ws_code unpack_piece(struct web *w, struct duct_room *room, struct web_raw *raw,
				 uint8_t *to, size_t cap, size_t *out_n)
{
	struct slice in = slice_of(raw->p + raw->piece_at, raw->piece_n);
	enum inflate_found found = inflate_step(w->inflate, &in, raw->is_last, to, cap, out_n);
	raw->piece_at += raw->piece_n - in.n;
	raw->piece_n = in.n;
	raw->is_more = found == INFLATE_FULL;
	w->unpacked_n += *out_n;
	if (found == INFLATE_BAD)
		return WS_CODE_CONTENT;
	if (w->unpacked_n > w->rules->unpacked_bytes_max)
		return WS_CODE_TOO_BIG;
	bool is_over = found == INFLATE_DONE;
	if (w->is_text && !ws_text(&w->reader, slice_of(to, *out_n), is_over))
		return WS_CODE_CONTENT;
	if (is_over) {
		inflate_end(&room->deflate, w->inflate);
		w->inflate = NULL;
	}
	return WS_FINE;
}

/* unpack makes octets for the session, as many as there is room for; its answer is unframe's. */
static ssize_t unpack(struct web *w, const struct duct *d, struct duct_room *room,
		      struct web_raw *raw, uint8_t *to, size_t cap)
{
	size_t n = 0;
	while (n < cap && (raw->is_more || raw->at < raw->end)) {
		size_t made = 0;
		enum ws_code code = WS_FINE;
		if (!raw->is_more)
			code = next_piece(w, d, room, raw);
		else if (w->inflate)
			code = unpack_piece(w, room, raw, to + n, cap - n, &made);
		else
			made = copy_piece(raw, to + n, cap - n);
		if (code != WS_FINE)
			return broken(w, d, room, code);
		n += made;
	}
	errno = EPIPE;
	return n == 0 && w->is_ended ? -1 : (ssize_t)n;
}

/* hold keeps what there was no room for. False: there is no memory. */
static bool hold(struct web *w, const struct web_raw *raw)
{
	size_t left = raw->end - raw->at;
	bool is_held = raw == &w->held, is_over = !raw->is_more && left == 0;
	if (is_over && is_held) {
		free(w->held.p);
		w->held = (struct web_raw){ .p = NULL };
	}
	if (is_over || is_held)
		return true;
	uint8_t *p = malloc(raw->piece_n + left + 1);
	if (!p)
		return false;
	memcpy(p, raw->p + raw->piece_at, raw->piece_n);
	memcpy(p + raw->piece_n, raw->p + raw->at, left);
	w->held = (struct web_raw){ .p = p,
				    .piece_n = raw->piece_n,
				    .at = raw->piece_n,
				    .end = raw->piece_n + left,
				    .is_last = raw->is_last,
				    .is_more = raw->is_more };
	return true;
}

/* ---- reading ------------------------------------------------------------------------------ */

/* What came with the head comes first. */
static ssize_t read_early(struct web *w, uint8_t *to, size_t n)
{
	size_t left = w->head_n - w->head_at, part = left < n ? left : n;
	memcpy(to, w->head + w->head_at, part);
	w->head_at += part;
	return (ssize_t)part;
}

/* read_below gives what came with the head, then what comes; -1 with errno, EPIPE at the end. */
static ssize_t read_below(struct web *w, const struct duct *d, struct duct_room *room, uint8_t *to,
			  size_t n)
{
	bool is_early = w->head && w->head_at < w->head_n;
	if (w->head && !is_early) {
		free(w->head);
		w->head = NULL;
	}
	ssize_t got = is_early ? read_early(w, to, n) : duct_read_below(d, room, to, (uint32_t)n);
	w->is_dry = !is_early && got < (ssize_t)n;
	if (got != 0)
		return got;
	errno = EPIPE;
	return -1;
}

static ssize_t read_packed(struct web *w, const struct duct *d, struct duct_room *room, uint8_t *to,
			   size_t n)
{
	struct web_raw fresh = { .p = NULL }, *raw = &w->held;
	if (!w->held.p) {
		raw = &fresh;
		fresh.p = deflate_raw(&room->deflate);
		ssize_t got = fresh.p ? read_below(w, d, room, fresh.p, DEFLATE_RAW_BYTES) : -1;
		if (got < 0)
			return -1;
		fresh.end = (size_t)got;
	}
	ssize_t made = unpack(w, d, room, raw, to, n);
	return made >= 0 && !hold(w, raw) ? -1 : made;
}

static ssize_t read_plain(struct web *w, const struct duct *d, struct duct_room *room, uint8_t *to,
			  size_t n)
{
	ssize_t got = read_below(w, d, room, to, n);
	return got < 0 ? -1 : unframe(w, d, room, to, (size_t)got);
}

ssize_t web_read(struct web *w, struct duct *d, struct duct_room *room, uint8_t *to, uint32_t n)
{
	must(w->is_open);
	for (int i = 0; i < STEPS_MAX && !w->is_ended; i++) {
		ssize_t got = w->pack_bits ? read_packed(w, d, room, to, n)
					   : read_plain(w, d, room, to, n);
		if (got < 0)
			return errno == EPIPE ? 0 : -1;
		if (got > 0)
			return got;
	}
	errno = EBUSY;
	return w->is_ended ? 0 : -1;
}
