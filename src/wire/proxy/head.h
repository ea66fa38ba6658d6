/* proxy head -- the header of the PROXY protocol, versions 1 and 2: who has connected to a proxy.
 *
 *     1:  PROXY TCP4 192.0.2.1 198.51.100.1 56324 443 CRLF       at most 107 octets
 *     2:  | signature 12 | version, command | family | length 2 | addresses | TLVs |
 *
 * It comes first, once, and what is behind it belongs to others: a reader gets the octets that are
 * here, and says how many of them are the header's. Pure; nothing is kept between calls.
 */
#ifndef WIRE_PROXY_HEAD_H
#define WIRE_PROXY_HEAD_H

#include "base/err.h"
#include "base/slice.h"

#include <stdbool.h>

enum proxy_family { PROXY_NONE, PROXY_IP4, PROXY_IP6 };

struct proxy_head {
	size_t total; /* octets of the header */
	enum proxy_family
		family;     /* NONE: the proxy itself has connected, or does not say who has */
	uint8_t source[16]; /* the client's address, in network order: 4 of IP4, 16 of IP6 */
	uint16_t source_port;
};

/* proxy_head_read reads the header that `in` begins with.
 * ERR_MORE: all of `in` is the header's, and it goes on. ERR_MALFORMED: it is none. ERR_LIMIT: it
 * is longer than LIMIT_PROXY_HEAD_BYTES. */
MUST_USE enum err proxy_head_read(struct slice in, struct proxy_head *out);

#endif
