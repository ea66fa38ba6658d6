/* web -- one connection's WebSocket, the server's end: a byte source over TCP or TLS.
 *
 *     HTTP head -> web_greet -> 101 -> frames <-> bytes of the session
 *
 * Messages are not the session's business: what clients send in them is one stream of bytes, and
 * what a session writes in one go leaves as one message. Payload is unmasked where it was read;
 * beyond what one control frame holds nothing is kept. Who agrees on packing (permessage-deflate,
 * RFC 7692) costs more: while a packed message is under way what unpacks it, and at most
 * DEFLATE_RAW_BYTES that are not unpacked yet; and what was packed and its socket has not taken.
 * On its socket's thread only.
 */
#ifndef IO_WEB_H
#define IO_WEB_H
#include "base/slice.h"
#include "node/config.h"

#include <sys/types.h>

struct duct;
struct duct_room;
struct web;

enum web_kind {
#define WEB(field, protocols, is_needed, is_text_good, sends_text, prose) WEB_##field,
#include "io/webs.def"
#undef WEB
	WEB_KINDS_N,
	WEB_NONE = WEB_KINDS_N
};

/* What the settings say of one protocol's WebSockets; borrows from them. */
struct web_rules {
	struct slice path;
	const char *protocols; /* sub-protocols, separated by | */
	const struct config_texts *origins;
	uint64_t message_bytes_max;  /* 0: no bound */
	uint64_t unpacked_bytes_max; /* of a packed message */
	bool is_needed, is_text_good, sends_text, is_packing;
};
struct web_rules web_rules_of(const struct config *c, enum web_kind kind);

/* web_new: NULL: no memory. `rules` are there as long as it is. */
struct web *web_new(const struct web_rules *rules);
void web_free(struct web *own);

/* web_greet goes on with the opening handshake. ERR_OK: it is a WebSocket. ERR_MORE: when more has
 * come, again. ERR_CLOSED: the peer is gone. ERR_MALFORMED: it is refused, and has been told;
 * web_why says why. */
MUST_USE enum err web_greet(struct web *w, struct duct *d, struct duct_room *room);

/* The layer, see duct.h. After EPROTO, and after 0 as the end, the peer has been told. */
ssize_t web_read(struct web *w, struct duct *d, struct duct_room *room, uint8_t *to, uint32_t n);
ssize_t web_write(struct web *w, struct duct *d, struct duct_room *room, const struct slice *parts,
		  uint32_t parts_n);
bool web_flush(struct web *w, struct duct *d, struct duct_room *room);
bool web_has_rest(const struct web *w);
bool web_has_more(const struct web *w);
bool web_is_dry(const struct web *w);
void web_end(struct web *w, struct duct *d, struct duct_room *room);

/* web_is_open: the handshake is done. */
bool web_is_open(const struct web *w);

/* web_is_foreign: a browser connects for a page from elsewhere, which nobody has allowed. It may be
 * on this machine: who wrote the page is not. */
bool web_is_foreign(const struct web *w);

/* web_why: what went wrong, for people; "" nothing. */
const char *web_why(const struct web *w);
#endif
