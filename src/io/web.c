#include "io/web.h"

#include "base/base64.h"
#include "base/byteorder.h"
#include "base/limits.h"
#include "base/must.h"
#include "io/duct.h"
#include "wire/http1/upgrade.h"
#include "wire/ws/frame.h"

#include <errno.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

#define HEAD_BYTES_FIRST 2048u
#define ANSWER_BYTES     1024u
#define STEPS_MAX        64 /* frames without payload before others get their share */
#define REST_BYTES_MAX   ANSWER_BYTES

struct web {
	const struct web_rules *rules;
	struct ws_reader reader;
	uint8_t *head; /* [head_at, head_n): read and not looked at; NULL: nothing */
	size_t head_at, head_n, head_cap, head_seen;
	uint8_t *rest; /* [rest_at, rest_n): ours, not taken by what is below; NULL: nothing */
	size_t rest_at, rest_n;
	uint64_t frame_left; /* of the frame that is announced: the session's bytes come */
	uint8_t pong[WS_CONTROL_MAX];
	uint32_t pong_n;
	bool has_pong, is_open, is_ended, is_dry, is_broken, is_foreign;
	const char *why;
};

struct web_rules web_rules_of(const struct config *c, enum web_kind kind)
{
	switch (kind) {
#define WEB(field, protocols, is_needed, is_text_good, sends_text, prose)            \
	case WEB_##field:                                                            \
		return (struct web_rules){ slice_str(c->field##_path),               \
					   protocols,                                \
					   &c->field##_origins,                      \
					   c->field##_bytes_max < 0                  \
						   ? 0                               \
						   : (uint64_t)c->field##_bytes_max, \
					   is_needed,                                \
					   is_text_good,                             \
					   sends_text };
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
	free(own);
}

/* ---- what we say ourselves ---------------------------------------------------------------- */

/* push hands on what has to leave before anything else. False: the socket is broken. */
static bool push(struct web *w, const struct duct *d, struct tls_room *room)
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

static bool keep_rest(struct web *w, struct slice s)
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
static bool say(struct web *w, const struct duct *d, struct tls_room *room, struct slice s)
{
	return keep_rest(w, s) && push(w, d, room);
}

static bool say_control(struct web *w, const struct duct *d, struct tls_room *room,
			enum ws_opcode opcode, struct slice payload)
{
	uint8_t out[WS_HEAD_MAX + WS_CONTROL_MAX];
	size_t n = ws_head_put(out, opcode, payload.n);
	if (payload.n)
		memcpy(out + n, payload.p, payload.n);
	return say(w, d, room, slice_of(out, n + payload.n));
}

/* Only between frames, and only once. */
static void say_close(struct web *w, const struct duct *d, struct tls_room *room, uint16_t code)
{
	uint8_t payload[2];
	bool is_possible = w->is_open && !w->is_ended && !w->is_broken && !w->rest &&
			   w->frame_left == 0;
	w->is_ended = true;
	if (!is_possible)
		return;
	store_be16(payload, code);
	(void)say_control(w, d, room, WS_CLOSE, slice_of(payload, code == 1005 ? 0 : 2));
}

/* The latest ping is answered, when nothing else is under way (RFC 6455, 5.5.3). */
static bool say_pong(struct web *w, const struct duct *d, struct tls_room *room)
{
	if (!w->has_pong || w->rest || w->frame_left > 0 || w->is_ended)
		return true;
	w->has_pong = false;
	return say_control(w, d, room, WS_PONG, slice_of(w->pong, w->pong_n));
}

bool web_flush(struct web *w, struct duct *d, struct tls_room *room)
{
	return push(w, d, room) && say_pong(w, d, room);
}

/* ---- the opening handshake ---------------------------------------------------------------- */

static bool head_grow(struct web *w)
{
	if (w->head_n < w->head_cap)
		return true;
	size_t cap = w->head_cap ? LIMIT_HTTP_HEAD_BYTES : HEAD_BYTES_FIRST;
	if (cap == w->head_cap)
		return false;
	uint8_t *head = realloc(w->head, cap);
	if (!head)
		return false;
	w->head = head;
	w->head_cap = cap;
	return true;
}

static bool is_listed(const struct config_texts *allowed, struct slice origin)
{
	for (uint32_t i = 0; i < allowed->n; i++)
		if (slice_eq(slice_str(allowed->at[i]), origin))
			return true;
	return false;
}

/* http://localhost:8080 and its like: a page that this machine serves. */
static bool is_of_this_machine(struct slice origin)
{
	static const char *const hosts[] = { "localhost", "127.0.0.1", "[::1]" };
	size_t scheme = slice_find(origin, ':');
	if (origin.n - scheme < 3)
		return false;
	struct slice rest = slice_from(origin, scheme + 3);
	for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
		struct slice host = slice_str(hosts[i]);
		if (slice_starts_with(rest, host) && (rest.n == host.n || rest.p[host.n] == ':'))
			return true;
	}
	return false;
}

static enum http1_status judge(struct web *w, const struct http1_head *h, struct http1_upgrade *up,
			       struct slice *out_protocol)
{
	uint32_t offered_n;
	enum http1_status status = http1_upgrade_read(h, up);
	if (status != HTTP1_SWITCHING)
		return status;
	if (!slice_eq(up->path, w->rules->path))
		return HTTP1_NOT_FOUND;
	bool is_page = up->origin.n > 0, is_known = is_listed(w->rules->origins, up->origin);
	if (is_page && !is_known && w->rules->origins->n > 0)
		return HTTP1_FORBIDDEN;
	w->is_foreign = is_page && !is_known && !is_of_this_machine(up->origin);
	*out_protocol = http1_protocol_choose(h, w->rules->protocols, &offered_n);
	bool is_chosen = out_protocol->n > 0 || (offered_n == 0 && !w->rules->is_needed);
	return is_chosen ? HTTP1_SWITCHING : HTTP1_BAD_REQUEST;
}

static void put_accept(char out[HTTP1_ACCEPT_LEN], struct slice key)
{
	uint8_t text[64], hash[SHA_DIGEST_LENGTH];
	struct slice guid = slice_str(HTTP1_WS_GUID);
	must(key.n + guid.n <= sizeof text && base64_len(sizeof hash) == HTTP1_ACCEPT_LEN);
	memcpy(text, key.p, key.n);
	memcpy(text + key.n, guid.p, guid.n);
	SHA1(text, key.n + guid.n, hash);
	base64_put(out, slice_of(hash, sizeof hash));
}

static const char *refusal_of(enum http1_status status)
{
	switch (status) {
	case HTTP1_NOT_FOUND: return "another path was asked for than ws_path";
	case HTTP1_FORBIDDEN: return "the page's origin is not allowed";
	case HTTP1_BAD_REQUEST:
		return "the request is malformed, or offers no sub-protocol of ours";
	default: return "no WebSocket was asked for";
	}
}

static enum err refuse(struct web *w, const struct duct *d, struct tls_room *room,
		       enum http1_status status)
{
	char answer[ANSWER_BYTES];
	struct text t = text_of(answer, sizeof answer);
	http1_refusal_put(&t, status);
	w->why = refusal_of(status);
	(void)say(w, d, room, text_slice(&t));
	w->is_ended = true;
	return ERR_MALFORMED;
}

static enum err answer(struct web *w, const struct duct *d, struct tls_room *room)
{
	struct http1_head head;
	struct http1_upgrade up;
	char accept[HTTP1_ACCEPT_LEN], words[ANSWER_BYTES];
	struct slice protocol = SLICE_EMPTY;
	struct text t = text_of(words, sizeof words);
	enum err e = http1_head_read(slice_of(w->head, w->head_at), &head);
	if (e != ERR_OK)
		return refuse(w, d, room, http1_status_of(e));
	enum http1_status status = judge(w, &head, &up, &protocol);
	if (status != HTTP1_SWITCHING)
		return refuse(w, d, room, status);
	put_accept(accept, up.key);
	http1_upgrade_put(&t, slice_of(accept, sizeof accept), protocol);
	w->is_open = true;
	return say(w, d, room, text_slice(&t)) ? ERR_OK : ERR_CLOSED;
}

enum err web_greet(struct web *w, struct duct *d, struct tls_room *room)
{
	must(!w->is_open && !w->is_ended);
	while (head_grow(w)) {
		size_t space = w->head_cap - w->head_n;
		ssize_t n = duct_read_below(d, room, w->head + w->head_n, (uint32_t)space);
		if (n < 0 && errno == EAGAIN)
			return ERR_MORE;
		if (n <= 0)
			return ERR_CLOSED;
		w->head_n += (size_t)n;
		w->head_at = http1_head_end(slice_of(w->head, w->head_n), &w->head_seen);
		if (w->head_at > 0)
			return answer(w, d, room);
	}
	return refuse(w, d, room, HTTP1_TOO_LARGE);
}

/* ---- reading ------------------------------------------------------------------------------ */

static ssize_t broken(struct web *w, const struct duct *d, struct tls_room *room, enum ws_code code)
{
	w->why = ws_code_words(code);
	say_close(w, d, room, (uint16_t)code);
	errno = EPROTO;
	return -1;
}

/* control acts on a whole control frame. False: it was the end. */
static bool control(struct web *w, const struct duct *d, struct tls_room *room)
{
	const struct ws_reader *r = &w->reader;
	if (r->opcode == WS_PING) {
		w->has_pong = true;
		w->pong_n = r->control_n;
		memcpy(w->pong, r->control, r->control_n);
		(void)say_pong(w, d, room);
	} else if (r->opcode == WS_CLOSE) {
		say_close(w, d, room, ws_close_code(r));
	}
	return r->opcode != WS_CLOSE;
}

/* unframe turns `n` octets at `to` into payload in their place; gives how many, 0 if there are
 * none, -1 with errno EPROTO, or EPIPE at the end. */
static ssize_t unframe(struct web *w, const struct duct *d, struct tls_room *room, uint8_t *to,
		       size_t n)
{
	struct slice in = slice_of(to, n);
	uint8_t *at = to;
	while (in.n > 0) {
		struct ws_step step;
		enum ws_code code = ws_read(&w->reader, in, at, &step);
		if (code != WS_FINE)
			return broken(w, d, room, code);
		if (step.found == WS_FOUND_CONTROL && !control(w, d, room)) {
			errno = EPIPE;
			return -1;
		}
		at += step.n;
		in = slice_from(in, step.used);
	}
	return at - to;
}

/* What came with the head comes first. */
static ssize_t read_early(struct web *w, uint8_t *to, uint32_t n)
{
	size_t left = w->head_n - w->head_at, part = left < n ? left : n;
	memcpy(to, w->head + w->head_at, part);
	w->head_at += part;
	if (w->head_at == w->head_n) {
		free(w->head);
		w->head = NULL;
	}
	return (ssize_t)part;
}

ssize_t web_read(struct web *w, struct duct *d, struct tls_room *room, uint8_t *to, uint32_t n)
{
	must(w->is_open);
	for (int i = 0; i < STEPS_MAX && !w->is_ended; i++) {
		bool is_early = web_has_more(w);
		if (w->head && !is_early) {
			free(w->head);
			w->head = NULL;
		}
		ssize_t got = is_early ? read_early(w, to, n) : duct_read_below(d, room, to, n);
		if (got <= 0)
			return got;
		w->is_dry = !is_early && (size_t)got < n;
		got = unframe(w, d, room, to, (size_t)got);
		if (got < 0)
			return errno == EPIPE ? 0 : -1;
		if (got > 0)
			return got;
	}
	errno = EBUSY;
	return w->is_ended ? 0 : -1;
}

/* ---- writing ------------------------------------------------------------------------------ */

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
static ssize_t go_on(struct web *w, const struct duct *d, struct tls_room *room,
		     const struct slice *parts, uint32_t parts_n)
{
	struct slice left[DUCT_PARTS_MAX];
	uint64_t n = bytes_of(parts, parts_n);
	n = n < w->frame_left ? n : w->frame_left;
	ssize_t sent = duct_write_below(d, room, left, cut(left, parts, n));
	if (sent > 0)
		w->frame_left -= (uint64_t)sent;
	(void)say_pong(w, d, room); /* broken: the next call finds out */
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

static ssize_t begin(struct web *w, const struct duct *d, struct tls_room *room,
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
	if ((size_t)sent < head_n && !keep_rest(w, slice_from(out[0], (size_t)sent)))
		return -1;
	uint64_t taken = (size_t)sent < head_n ? 0 : (uint64_t)sent - head_n;
	w->frame_left = n - taken;
	return (ssize_t)taken;
}

ssize_t web_write(struct web *w, struct duct *d, struct tls_room *room, const struct slice *parts,
		  uint32_t parts_n)
{
	if (w->is_broken || w->is_ended || !w->is_open || !web_flush(w, d, room)) {
		errno = EPIPE;
		return -1;
	}
	if (w->rest)
		return 0;
	return w->frame_left > 0 ? go_on(w, d, room, parts, parts_n)
				 : begin(w, d, room, parts, parts_n);
}

/* ---- the rest ----------------------------------------------------------------------------- */

bool web_has_rest(const struct web *w)
{
	return w->rest != NULL;
}

bool web_has_more(const struct web *w)
{
	return w->is_open && w->head && w->head_at < w->head_n;
}

bool web_is_dry(const struct web *w)
{
	return w->is_dry;
}

void web_end(struct web *w, struct duct *d, struct tls_room *room)
{
	say_close(w, d, room, WS_CODE_NORMAL);
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
