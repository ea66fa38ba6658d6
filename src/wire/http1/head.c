#include "wire/http1/head.h"

#include "base/must.h"

#define HTTP1_LENGTH_DIGITS 15 /* of a content-length */

_Static_assert(LIMIT_HTTP_LINE_BYTES < LIMIT_HTTP_HEAD_BYTES, "a head has lines");
_Static_assert(HTTP1_LENGTH_DIGITS < 19, "a length fits");

/* ---- octets ---- */

/* A token's: letters, digits and !#$%&'*+-.^_`|~ (RFC 9110, 5.6.2). */
static bool is_token(uint8_t c)
{
	static const uint64_t set[4] = { UINT64_C(0x03ff6cfa00000000),
					 UINT64_C(0x57ffffffc7fffffe) };
	return (set[c >> 6] >> (c & 63) & 1) != 0;
}

/* A value's: what is seen, blanks, and the octets above ASCII. */
static bool is_value(uint8_t c)
{
	return (c >= ' ' && c != 0x7f) || c == '\t';
}

static bool is_target(uint8_t c)
{
	return c > ' ' && c < 0x7f && c != '#';
}

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t';
}

static bool are_all(struct slice s, bool (*is)(uint8_t))
{
	must(is != NULL);
	for (size_t i = 0; i < s.n; i++)
		if (!is(s.p[i]))
			return false;
	return s.n > 0;
}

static struct slice trimmed(struct slice s)
{
	must_if(s.n > 0, s.p != NULL);
	while (s.n > 0 && is_blank(s.p[0]))
		s = slice_from(s, 1);
	while (s.n > 0 && is_blank(s.p[s.n - 1]))
		s.n--;
	return s;
}

/* `word` is in lower case. */
static bool is_word(struct slice s, const char *word)
{
	size_t n = 0;
	must(word != NULL);
	for (; n < s.n && word[n]; n++) {
		uint8_t c = s.p[n];
		if ((c >= 'A' && c <= 'Z' ? c + 0x20 : c) != word[n])
			return false;
	}
	return n == s.n && !word[n];
}

/* ---- lines ---- */

size_t http1_head_end(struct slice in, size_t *io_seen)
{
	must(*io_seen <= in.n);
	size_t at = *io_seen > 3 ? *io_seen - 3 : 0;
	*io_seen = in.n;
	for (; in.n - at >= 4; at++) {
		at += slice_find(slice_sub(in, at, in.n - at - 3), '\r');
		must(at <= in.n);
		if (in.n - at >= 4 && slice_eq(slice_sub(in, at, 4), slice_str("\r\n\r\n")))
			return at + 4;
	}
	return 0;
}

/* line_take takes the next line without its end, which is CR LF; neither may be alone. */
static enum err line_take(struct slice *io_in, struct slice *out)
{
	size_t n = slice_find(*io_in, '\n');
	must(n <= io_in->n);
	if (n == io_in->n || n == 0 || io_in->p[n - 1] != '\r')
		return ERR_MALFORMED;
	*out = slice_sub(*io_in, 0, n - 1);
	*io_in = slice_from(*io_in, n + 1);
	if (slice_find(*out, '\r') < out->n)
		return ERR_MALFORMED;
	return out->n <= LIMIT_HTTP_LINE_BYTES ? ERR_OK : ERR_LIMIT;
}

static enum err version_read(struct slice s, uint32_t *out_minor)
{
	must(out_minor != NULL);
	bool is_http = s.n == 8 && slice_starts_with(s, slice_str("HTTP/")) && s.p[6] == '.';
	if (!is_http)
		return ERR_MALFORMED;
	if (s.p[5] != '1' || (s.p[7] != '0' && s.p[7] != '1'))
		return ERR_NOT_ALLOWED;
	*out_minor = s.p[7] - (uint32_t)'0';
	return ERR_OK;
}

static enum err request_line(struct slice line, struct http1_head *h)
{
	size_t n = slice_find(line, ' ');
	must(line.n <= LIMIT_HTTP_LINE_BYTES);
	if (n == line.n)
		return ERR_MALFORMED;
	h->method = slice_sub(line, 0, n);
	line = slice_from(line, n + 1);
	n = slice_find(line, ' ');
	if (n == line.n)
		return ERR_MALFORMED;
	h->target = slice_sub(line, 0, n);
	bool is_good = are_all(h->method, is_token) && are_all(h->target, is_target) &&
		       (h->target.p[0] == '/' || is_word(h->target, "*"));
	return is_good ? version_read(slice_from(line, n + 1), &h->minor) : ERR_MALFORMED;
}

static enum err field_line(struct slice line, struct http1_head *h)
{
	size_t n = slice_find(line, ':');
	must(line.n > 0 && line.n <= LIMIT_HTTP_LINE_BYTES);
	if (n == line.n || !are_all(slice_sub(line, 0, n), is_token))
		return ERR_MALFORMED;
	struct slice value = trimmed(slice_from(line, n + 1));
	if (value.n > 0 && !are_all(value, is_value))
		return ERR_MALFORMED;
	must(h->fields_n <= LIMIT_HTTP_FIELDS);
	if (h->fields_n == LIMIT_HTTP_FIELDS)
		return ERR_LIMIT;
	h->fields[h->fields_n++] = (struct http1_field){ slice_sub(line, 0, n), value };
	return ERR_OK;
}

/* ---- what fields mean together ---- */

static bool is_host(uint8_t c)
{
	return is_target(c) && c != '/' && c != '?' && c != '@' && c != '\\';
}

static enum err host_check(const struct http1_head *h)
{
	uint32_t n;
	struct slice host = http1_field_of(h, "host", &n);
	must(h->minor <= 1 && n <= h->fields_n);
	if (n == 0 && h->minor == 0)
		return ERR_OK;
	return n == 1 && are_all(host, is_host) ? ERR_OK : ERR_MALFORMED;
}

static enum err length_read(struct slice s, uint64_t *out)
{
	uint64_t v = 0;
	must(out != NULL);
	if (s.n == 0 || s.n > HTTP1_LENGTH_DIGITS)
		return ERR_MALFORMED;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return ERR_MALFORMED;
		v = 10 * v + (uint64_t)(s.p[i] - '0');
	}
	*out = v;
	return ERR_OK;
}

static enum err body_read(struct http1_head *h)
{
	uint32_t lengths_n, codings_n;
	struct slice length = http1_field_of(h, "content-length", &lengths_n);
	struct slice coding = http1_field_of(h, "transfer-encoding", &codings_n);
	must(lengths_n + codings_n <= h->fields_n);
	if (lengths_n > 1 || codings_n > 1 || (lengths_n && codings_n) || (codings_n && !h->minor))
		return ERR_MALFORMED;
	if (codings_n && !is_word(coding, "chunked"))
		return ERR_NOT_IMPLEMENTED;
	h->is_chunked = codings_n > 0;
	return lengths_n ? length_read(length, &h->body_bytes) : ERR_OK;
}

enum err http1_head_read(struct slice in, struct http1_head *out)
{
	struct slice line, rest = in;
	must(out != NULL);
	out->fields_n = 0;
	out->body_bytes = 0;
	out->is_chunked = false;
	out->total = in.n;
	if (in.n > LIMIT_HTTP_HEAD_BYTES)
		return ERR_LIMIT;
	TRY(line_take(&rest, &line));
	TRY(request_line(line, out));
	for (;;) {
		TRY(line_take(&rest, &line));
		if (line.n == 0)
			break;
		TRY(field_line(line, out));
	}
	if (rest.n > 0)
		return ERR_MALFORMED;
	TRY(host_check(out));
	must(out->fields_n <= LIMIT_HTTP_FIELDS && out->total <= LIMIT_HTTP_HEAD_BYTES);
	return body_read(out);
}

/* ---- looking up ---- */

bool http1_field_is(const struct http1_field *f, const char *name)
{
	must(f != NULL && f->name.n > 0);
	return is_word(f->name, name);
}

struct slice http1_field_of(const struct http1_head *h, const char *name, uint32_t *out_n)
{
	struct slice first = SLICE_EMPTY;
	must(h->fields_n <= LIMIT_HTTP_FIELDS);
	*out_n = 0;
	for (uint32_t i = 0; i < h->fields_n; i++)
		if (http1_field_is(&h->fields[i], name) && (*out_n)++ == 0)
			first = h->fields[i].value;
	return first;
}

struct slice http1_list_next(struct slice *io_list)
{
	struct slice word = SLICE_EMPTY;
	must(io_list != NULL);
	while (io_list->n > 0 && word.n == 0) {
		size_t n = slice_find(*io_list, ',');
		word = trimmed(slice_sub(*io_list, 0, n));
		*io_list = slice_from(*io_list, n < io_list->n ? n + 1 : n);
	}
	return word;
}

bool http1_list_has(const struct http1_head *h, const char *name, const char *word)
{
	must(h->fields_n <= LIMIT_HTTP_FIELDS);
	for (uint32_t i = 0; i < h->fields_n; i++) {
		struct slice list = h->fields[i].value, one;
		if (!http1_field_is(&h->fields[i], name))
			continue;
		while ((one = http1_list_next(&list)).n > 0)
			if (is_word(one, word))
				return true;
	}
	return false;
}
