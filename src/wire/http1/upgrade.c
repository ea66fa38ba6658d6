#include "wire/http1/upgrade.h"

#include "base/base64.h"
#include "base/must.h"

#define KEY_LEN   24u
#define KEY_BYTES 16u

_Static_assert(KEY_LEN == (KEY_BYTES + 2) / 3 * 4, "base64 of 16 octets");
_Static_assert(HTTP1_ACCEPT_LEN == (20 + 2) / 3 * 4, "base64 of a SHA-1");

enum http1_status http1_status_of(enum err e)
{
	must(e != ERR_OK);
	switch (e) {
	case ERR_LIMIT: return HTTP1_TOO_LARGE;
	case ERR_NOT_IMPLEMENTED: return HTTP1_NOT_IMPLEMENTED;
	case ERR_NOT_ALLOWED: return HTTP1_VERSION;
	default: return HTTP1_BAD_REQUEST;
	}
}

static bool is_key(struct slice s)
{
	uint8_t bytes[KEY_BYTES];
	size_t n = 0;
	return s.n == KEY_LEN && base64_get(s, bytes, sizeof bytes, &n) == ERR_OK && n == KEY_BYTES;
}

/* Field by field, so that who is near learns what is missing. */
enum http1_status http1_upgrade_read(const struct http1_head *h, struct http1_upgrade *out)
{
	uint32_t keys_n, versions_n, origins_n;
	must(h->method.n > 0 && h->target.n > 0);
	if (!slice_eq(h->method, slice_str("GET")))
		return HTTP1_METHOD_NOT_ALLOWED;
	if (h->minor == 0)
		return HTTP1_VERSION;
	if (h->body_bytes || h->is_chunked)
		return HTTP1_BAD_REQUEST;
	struct slice version = http1_field_of(h, "sec-websocket-version", &versions_n);
	if (!http1_list_has(h, "upgrade", "websocket") ||
	    !http1_list_has(h, "connection", "upgrade") || versions_n != 1 ||
	    !slice_eq(version, slice_str("13")))
		return HTTP1_UPGRADE_REQUIRED;
	out->key = http1_field_of(h, "sec-websocket-key", &keys_n);
	out->origin = http1_field_of(h, "origin", &origins_n);
	if (keys_n != 1 || !is_key(out->key) || origins_n > 1)
		return HTTP1_BAD_REQUEST;
	must(out->key.n == KEY_LEN);
	out->path = slice_sub(h->target, 0, slice_find(h->target, '?'));
	return HTTP1_SWITCHING;
}

static bool is_one_of(struct slice word, const char *words)
{
	struct slice rest = slice_str(words);
	must(word.n > 0);
	while (rest.n > 0) {
		size_t n = slice_find(rest, '|');
		if (slice_eq(slice_sub(rest, 0, n), word))
			return true;
		rest = slice_from(rest, n < rest.n ? n + 1 : n);
	}
	return false;
}

struct slice http1_protocol_choose(const struct http1_head *h, const char *ours, uint32_t *out_n)
{
	struct slice chosen = SLICE_EMPTY;
	must(h->fields_n <= LIMIT_HTTP_FIELDS && *ours);
	*out_n = 0;
	for (uint32_t i = 0; i < h->fields_n; i++) {
		struct slice word, list = h->fields[i].value;
		if (!http1_field_is(&h->fields[i], "sec-websocket-protocol"))
			continue;
		while ((word = http1_list_next(&list)).n > 0) {
			++*out_n;
			if (chosen.n == 0 && is_one_of(word, ours))
				chosen = word;
		}
	}
	return chosen;
}

static void put_field(struct text *t, const char *name, struct slice value)
{
	must(slice_find(value, '\n') == value.n);
	if (value.n == 0)
		return;
	text_putf(t, "%s: ", name);
	text_put_slice(t, value);
	text_puts(t, "\r\n");
}

void http1_upgrade_put(struct text *t, struct slice accept, struct slice protocol,
		       const struct http1_deflate *packing)
{
	must(accept.n == HTTP1_ACCEPT_LEN);
	text_puts(t, "HTTP/1.1 101 Switching Protocols\r\n"
		     "Upgrade: websocket\r\nConnection: Upgrade\r\n");
	put_field(t, "Sec-WebSocket-Accept", accept);
	put_field(t, "Sec-WebSocket-Protocol", protocol);
	http1_deflate_put(t, packing);
	text_puts(t, "\r\n");
	must(!text_is_full(t));
}

static const char *reason_of(enum http1_status status)
{
	static const struct {
		enum http1_status status;
		const char *reason;
	} rows[] = {
#define STATUS(code, name, reason, prose) { HTTP1_##name, reason },
#include "wire/http1/statuses.def"
#undef STATUS
	};
	size_t i = 0;
	while (rows[i].status != status) {
		i++;
		must(i < sizeof rows / sizeof *rows);
	}
	return rows[i].reason;
}

void http1_refusal_put(struct text *t, enum http1_status status)
{
	text_putf(t, "HTTP/1.1 %u %s\r\nConnection: close\r\nContent-Length: 0\r\n",
		  (unsigned)status, reason_of(status));
	if (status == HTTP1_UPGRADE_REQUIRED)
		text_puts(t, "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n");
	if (status == HTTP1_METHOD_NOT_ALLOWED)
		text_puts(t, "Allow: GET\r\n");
	text_puts(t, "\r\n");
	must(status >= 400 && !text_is_full(t));
}
