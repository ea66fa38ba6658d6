/* web_own -- what the parts of web share: the struct, and what they say between frames.
 *
 * Private to web.c, web_greet.c, web_read.c and web_write.c. On the socket's thread only.
 */
#ifndef IO_WEB_OWN_H
#define IO_WEB_OWN_H
#include "base/must.h"
#include "io/deflate.h"
#include "io/duct.h"
#include "io/web.h"
#include "wire/ws/frame.h"

#define WEB_ANSWER_BYTES 1024u /* to the opening handshake */

/* Octets that were read where messages may be packed: of a frame, [piece_at, piece_at + piece_n),
 * unmasked; and behind it, [at, end), as they came. */
struct web_raw {
	uint8_t *p; /* NULL: there are none */
	size_t piece_at, piece_n, at, end;
	bool is_last; /* the message ends with the piece */
	bool is_more; /* there is a piece, or what unpacks has more than it had room for */
};

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
	uint16_t close_code;     /* has_close: to be said */
	uint8_t pack_bits;       /* the window of what is packed; 0: nothing is, either way */
	struct inflate *inflate; /* of a packed message under way */
	uint64_t unpacked_n;     /* of its octets */
	struct web_raw held;     /* in a block of its own: there was no room for what it becomes */
	bool is_text;            /* it is one */
	bool has_pong, has_close, is_open, is_ended, is_dry, is_broken, is_foreign;
	const char *why;
};

/* web_say sends octets of ours, between frames. False: the socket is broken. */
bool web_say(struct web *w, const struct duct *d, struct duct_room *room, struct slice s);

/* web_say_due says what is owed, the end or the answer to the latest ping, when nothing else is
 * under way. False: likewise. */
bool web_say_due(struct web *w, const struct duct *d, struct duct_room *room);

/* web_say_close ends it, once, as soon as nothing else is under way. */
void web_say_close(struct web *w, const struct duct *d, struct duct_room *room, uint16_t code);

/* web_keep keeps what is below has not taken. False: there is no memory, it is broken. */
bool web_keep(struct web *w, struct slice s);
#endif
