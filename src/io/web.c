#include "base/byteorder.h"
#include "base/must.h"
#include "io/web_own.h"

#include <stdlib.h>
#include <string.h>

#define UNPACKED_HEAD_BYTES 1048576u /* what a protocol says before a body, with room to spare */
#define REST_BYTES_MAX      (DEFLATE_HEAD_BYTES + DEFLATE_PACK_BYTES)

/* Unbounded messages are bounded when they are packed. */
static uint64_t unpacked_max(const struct config *c, uint64_t message_max)
{
	return message_max ? message_max : (uint64_t)c->message_bytes_max + UNPACKED_HEAD_BYTES;
}

struct web_rules web_rules_of(const struct config *c, enum web_kind kind)
{
	switch (kind) {
#define WEB(field, protocols, is_needed, is_text_good, sends_text, prose)                     \
	case WEB_##field: {                                                                   \
		uint64_t max = c->field##_bytes_max < 0 ? 0 : (uint64_t)c->field##_bytes_max; \
		return (struct web_rules){ slice_str(c->field##_path),                        \
					   protocols,                                         \
					   &c->field##_origins,                               \
					   max,                                               \
					   unpacked_max(c, max),                              \
					   is_needed,                                         \
					   is_text_good,                                      \
					   sends_text,                                        \
					   c->field##_packs };                                \
	}
#include "io/webs.def"
#undef WEB
	case WEB_NONE: break;
	}
	must(kind < WEB_KINDS_N);
	return (struct web_rules){ .path = SLICE_EMPTY };
}

struct web *web_new(const struct web_rules *rules)
{
	struct web *w = calloc(1, sizeof *w);
	if (!w)
		return NULL;
	w->rules = rules;
	w->why = "";
	w->reader.is_text_good = rules->is_text_good;
	w->reader.message_bytes_max = rules->message_bytes_max;
	return w;
}

void web_free(struct web *own)
{
	if (!own)
		return;
	free(own->head);
	free(own->rest);
	free(own->held.p);
	inflate_free(own->inflate);
	free(own);
}

/* ---- what we say ourselves ---------------------------------------------------------------- */

/* push hands on what has to leave before anything else. False: the socket is broken. */
static bool push(struct web *w, const struct duct *d, struct duct_room *room)
{
	if (!w->rest || w->is_broken)
		return !w->is_broken;
	struct slice part = slice_of(w->rest + w->rest_at, w->rest_n - w->rest_at);
	ssize_t sent = duct_write_below(d, room, &part, 1);
	w->is_broken = sent < 0;
	if (sent < 0)
		return false;
	w->rest_at += (size_t)sent;
	if (w->rest_at == w->rest_n) {
		free(w->rest);
		w->rest = NULL;
	}
	return true;
}

bool web_keep(struct web *w, struct slice s)
{
	must(!w->rest && s.n > 0 && s.n <= REST_BYTES_MAX);
	w->rest = malloc(s.n);
	w->is_broken = !w->rest;
	if (!w->rest)
		return false;
	memcpy(w->rest, s.p, s.n);
	w->rest_at = 0;
	w->rest_n = s.n;
	return true;
}

/* say sends octets of ours, between frames. */
bool web_say(struct web *w, const struct duct *d, struct duct_room *room, struct slice s)
{
	return web_keep(w, s) && push(w, d, room);
}

static bool say_control(struct web *w, const struct duct *d, struct duct_room *room,
			enum ws_opcode opcode, struct slice payload)
{
	uint8_t out[WS_HEAD_MAX + WS_CONTROL_MAX];
	size_t n = ws_head_put(out, opcode, payload.n);
	if (payload.n)
		memcpy(out + n, payload.p, payload.n);
	return web_say(w, d, room, slice_of(out, n + payload.n));
}

/* The latest ping alone is answered (RFC 6455, 5.5.3). */
bool web_say_due(struct web *w, const struct duct *d, struct duct_room *room)
{
	uint8_t code[2];
	if (w->rest || w->frame_left > 0)
		return true;
	if (w->has_close) {
		w->has_close = false;
		store_be16(code, w->close_code);
		return say_control(w, d, room, WS_CLOSE,
				   slice_of(code, w->close_code == 1005 ? 0 : 2));
	}
	if (!w->has_pong || w->is_ended)
		return true;
	w->has_pong = false;
	return say_control(w, d, room, WS_PONG, slice_of(w->pong, w->pong_n));
}

/* Never within a frame, and only once. */
void web_say_close(struct web *w, const struct duct *d, struct duct_room *room, uint16_t code)
{
	if (w->is_ended)
		return;
	w->has_close = w->is_open && !w->is_broken && w->frame_left == 0;
	w->is_ended = true;
	w->close_code = code;
	(void)web_say_due(w, d, room);
}

bool web_flush(struct web *w, struct duct *d, struct duct_room *room)
{
	return push(w, d, room) && web_say_due(w, d, room);
}

/* ---- the rest ----------------------------------------------------------------------------- */

bool web_has_rest(const struct web *w)
{
	return w->rest != NULL;
}

bool web_has_more(const struct web *w)
{
	bool is_early = w->head && w->head_at < w->head_n;
	return w->is_open && (is_early || w->held.p || w->is_ended);
}

bool web_is_dry(const struct web *w)
{
	return w->is_dry && !w->held.p;
}

void web_end(struct web *w, struct duct *d, struct duct_room *room)
{
	web_say_close(w, d, room, WS_CODE_NORMAL);
}

bool web_is_open(const struct web *w)
{
	return w->is_open;
}

bool web_is_foreign(const struct web *w)
{
	return w->is_foreign;
}

const char *web_why(const struct web *w)
{
	return w->why;
}
