/* http1 head -- the head of an HTTP/1.1 request (RFC 9112): request line and fields, strictly.
 *
 *     GET /ws HTTP/1.1 CRLF  Name: value CRLF ...  CRLF
 *
 * There is no lenient mode: what two readers might understand in two ways is refused, because
 * the one before us (a proxy) may have understood it in the other. A head is read when all of it
 * lies in contiguous bytes. Pure; all slices borrow from the input.
 */
#ifndef WIRE_HTTP1_HEAD_H
#define WIRE_HTTP1_HEAD_H

#include "base/err.h"
#include "base/limits.h"
#include "base/slice.h"

struct http1_field {
	struct slice name, value; /* value without the blanks around it */
};

struct http1_head {
	struct slice method;
	struct slice target; /* begins with a slash, or is an asterisk */
	struct http1_field fields[LIMIT_HTTP_FIELDS];
	uint32_t fields_n;
	uint32_t minor;      /* of HTTP/1.x: 0 or 1 */
	uint64_t body_bytes; /* content-length, 0 without one */
	bool is_chunked;     /* the body is; body_bytes is 0 */
	size_t total;        /* octets of the head, with the empty line */
};

/* http1_head_end finds the end of a head in bytes of which the first *io_seen have been looked at
 * before (0 at first), so that a head that comes in drops is looked at once. Gives its length, or
 * 0 while it is not whole. */
size_t http1_head_end(struct slice in, size_t *io_seen);

/* http1_head_read reads the head that `in` is: all of it, no more, as http1_head_end finds it.
 * ERR_MALFORMED: it is no good request: a bare line feed, a folded line, a blank before a colon,
 * octets that do not belong, no host or two, a content-length that is no number, or twice, or
 * beside a transfer-encoding. ERR_LIMIT: a line or the number of fields is too large.
 * ERR_NOT_IMPLEMENTED: a transfer-encoding other than chunked. ERR_NOT_ALLOWED: another version of
 * HTTP than 1.0 and 1.1. */
MUST_USE enum err http1_head_read(struct slice in, struct http1_head *out);

/* http1_field_is: this field is called `name` (lower case). */
bool http1_field_is(const struct http1_field *f, const char *name);

/* http1_field_of gives the value of the first field called `name` (lower case), and how many there
 * are in *out_n; empty: none. */
struct slice http1_field_of(const struct http1_head *h, const char *name, uint32_t *out_n);

/* http1_list_next gives the next word of a list with commas, without the blanks around it, and
 * moves on; empty at the end. Empty words are passed over. */
struct slice http1_list_next(struct slice *io_list);

/* http1_list_has: some field called `name` has `word` in its list; both lower case. */
bool http1_list_has(const struct http1_head *h, const char *name, const char *word);

#endif
