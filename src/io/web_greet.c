#include "base/base64.h"
#include "base/limits.h"
#include "io/web_own.h"
#include "wire/http1/deflate.h"
#include "wire/http1/upgrade.h"

#include <errno.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

#define HEAD_BYTES_FIRST 2048u

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

static enum err refuse(struct web *w, const struct duct *d, struct duct_room *room,
		       enum http1_status status)
{
	char answer[WEB_ANSWER_BYTES];
	struct text t = text_of(answer, sizeof answer);
	http1_refusal_put(&t, status);
	w->why = refusal_of(status);
	(void)web_say(w, d, room, text_slice(&t));
	w->is_ended = true;
	return ERR_MALFORMED;
}

static enum err answer(struct web *w, const struct duct *d, struct duct_room *room)
{
	struct http1_head head;
	struct http1_upgrade up;
	char accept[HTTP1_ACCEPT_LEN], words[WEB_ANSWER_BYTES];
	struct slice protocol = SLICE_EMPTY;
	struct http1_deflate packing = { .is_agreed = false };
	struct text t = text_of(words, sizeof words);
	enum err e = http1_head_read(slice_of(w->head, w->head_at), &head);
	if (e != ERR_OK)
		return refuse(w, d, room, http1_status_of(e));
	enum http1_status status = judge(w, &head, &up, &protocol);
	if (status != HTTP1_SWITCHING)
		return refuse(w, d, room, status);
	put_accept(accept, up.key);
	if (w->rules->is_packing)
		packing = http1_deflate_choose(&head, DEFLATE_BITS_MIN);
	w->pack_bits = packing.is_agreed ? packing.server_bits : 0;
	w->reader.is_packing_good = packing.is_agreed;
	http1_upgrade_put(&t, slice_of(accept, sizeof accept), protocol, &packing);
	w->is_open = true;
	return web_say(w, d, room, text_slice(&t)) ? ERR_OK : ERR_CLOSED;
}

enum err web_greet(struct web *w, struct duct *d, struct duct_room *room)
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
