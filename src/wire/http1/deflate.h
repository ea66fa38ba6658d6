/* http1 deflate -- what two ends of a WebSocket agree on about packed messages: permessage-deflate
 * of RFC 7692, 7.1.
 *
 *     Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits, ...
 *
 * The first offer that makes sense is taken, on one condition: that neither end takes what a
 * message has taught it into the next. A client must be able to do without; so no connection has
 * memory of its own for it. Pure.
 */
#ifndef WIRE_HTTP1_DEFLATE_H
#define WIRE_HTTP1_DEFLATE_H

#include "base/text.h"
#include "wire/http1/head.h"

#define HTTP1_DEFLATE_BITS_MAX 15u

struct http1_deflate {
	bool is_agreed;
	bool has_server_bits; /* the client has asked for them */
	uint8_t server_bits;  /* the window of what we pack */
};

/* http1_deflate_choose looks through the offers in a request. One is passed over that has a word
 * twice, or one that is not known, or a value that may not be; and one that wants a window of less
 * than `bits_min` bits of us. */
struct http1_deflate http1_deflate_choose(const struct http1_head *h, uint8_t bits_min);

/* http1_deflate_put writes the field of the answer; nothing when nothing was agreed on. */
void http1_deflate_put(struct text *t, const struct http1_deflate *d);

#endif
