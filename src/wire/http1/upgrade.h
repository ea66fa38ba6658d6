/* http1 upgrade -- a request that wants to become a WebSocket, and our answer (RFC 6455, 4.2).
 *
 * Pure; slices borrow from the request. The accept key is a hash, which the caller works out.
 */
#ifndef WIRE_HTTP1_UPGRADE_H
#define WIRE_HTTP1_UPGRADE_H

#include "base/text.h"
#include "wire/http1/deflate.h"
#include "wire/http1/head.h"

enum http1_status {
	HTTP1_SWITCHING = 101,
#define STATUS(code, name, reason, prose) HTTP1_##name = (code),
#include "wire/http1/statuses.def"
#undef STATUS
};

#define HTTP1_ACCEPT_LEN 28u
#define HTTP1_WS_GUID    "258EAFA5-E914-47DA-95CA-C5AB0DC85B11" /* hashed behind the key */

struct http1_upgrade {
	struct slice path;   /* of the target, without the query */
	struct slice key;    /* 24 characters */
	struct slice origin; /* of the page that it comes from; empty: no browser's */
};

/* http1_status_of is the answer to a head that could not be read. */
enum http1_status http1_status_of(enum err e);

/* http1_upgrade_read looks at a request. Anything but HTTP1_SWITCHING is the answer to it. */
MUST_USE enum http1_status http1_upgrade_read(const struct http1_head *h,
					      struct http1_upgrade *out);

/* http1_protocol_choose gives the first sub-protocol that the client offers and that is among
 * `ours`, words separated by |. Empty: none is; *out_n says how many it offers. */
struct slice http1_protocol_choose(const struct http1_head *h, const char *ours, uint32_t *out_n);

/* http1_upgrade_put writes the answer that makes it a WebSocket, without an empty `protocol`, and
 * with what was agreed on about packing, if anything was. */
void http1_upgrade_put(struct text *t, struct slice accept, struct slice protocol,
		       const struct http1_deflate *packing);

/* http1_refusal_put writes an answer that ends the connection. */
void http1_refusal_put(struct text *t, enum http1_status status);

#endif
