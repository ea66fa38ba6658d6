/* ws frame -- WebSocket frames (RFC 6455, 5): a stream of masked frames into a stream of bytes.
 *
 *       0                  1                  2..
 *      | FIN RSV1-3 opcode | MASK length 7/16/64 | mask 4 | payload ...
 *
 * A client's frames are read where they lie, however they are cut: a reader keeps what it must know
 * of a frame between calls, never its payload, so a frame may be as long as it likes. Messages are
 * not put together: what is in them goes on as it comes. Only control frames are kept whole, they
 * have 125 octets at most. Pure.
 */
#ifndef WIRE_WS_FRAME_H
#define WIRE_WS_FRAME_H

#include "base/slice.h"

#define WS_HEAD_MAX    10u   /* of a frame that we write: without a mask */
#define WS_CONTROL_MAX 125u  /* payload of ping, pong, close */
#define WS_PACKED      0x40u /* in the first octet of a message: it is packed (RFC 7692) */

enum ws_opcode {
	WS_CONTINUATION = 0,
	WS_TEXT = 1,
	WS_BINARY = 2,
	WS_CLOSE = 8,
	WS_PING = 9,
	WS_PONG = 10
};

enum ws_code {
	WS_FINE = 0,
#define CODE(number, name, words, prose) WS_CODE_##name = (number),
#include "wire/ws/codes.def"
#undef CODE
};

/* ws_code_words says a code to people. */
const char *ws_code_words(enum ws_code code);

struct ws_reader {
	/* what is allowed, set by the owner; zero is the strictest */
	uint64_t message_bytes_max; /* 0: no bound */
	bool is_text_good;
	bool is_packing_good; /* a message may be packed */

	/* the frame under way */
	uint64_t left;  /* of its payload */
	uint64_t mask;  /* twice the four octets, turned to the next octet */
	uint8_t opcode; /* its own */
	bool is_final, has_head;
	uint8_t head[14];
	uint32_t head_n;
	uint8_t control[WS_CONTROL_MAX];
	uint32_t control_n;

	/* the message under way */
	uint8_t kind;   /* WS_TEXT, WS_BINARY; 0: none */
	bool is_packed; /* its octets are; texts are not checked then */
	uint64_t message_bytes;
	uint8_t tail[4]; /* of a text: a character that is not whole yet */
	uint32_t tail_n;
};

/* What one step has found. */
enum ws_found {
	WS_FOUND_NOTHING, /* all is read; more bytes are needed */
	WS_FOUND_DATA,    /* some payload of a message; none at its end, perhaps */
	WS_FOUND_CONTROL  /* a whole control frame: opcode, control, control_n */
};
struct ws_step {
	enum ws_found found;
	size_t used;    /* octets of the input that are done with */
	size_t n;       /* DATA: octets written */
	bool is_last;   /* DATA: the message ends here */
	bool is_packed; /* DATA: of a packed message, as it came */
};

/* ws_read takes the next step in `in`. Payload of messages is written to `to`, unmasked: there must
 * be room for in.n octets, where `in` is or before it in one block. A code other than WS_FINE:
 * the peer is to be told it, and nothing more is to be read. */
enum ws_code ws_read(struct ws_reader *r, struct slice in, uint8_t *to, struct ws_step *out);

/* ws_text checks the next octets of a text message, which ws_read does with those that are not
 * packed; `is_last`: it must end with a whole character.
 * False: it is not UTF-8. */
bool ws_text(struct ws_reader *r, struct slice s, bool is_last);

/* ws_close_code is the code that a close frame carries, which is to be sent back: its own, 1005
 * when it has none, WS_CODE_PROTOCOL when it may not be. */
uint16_t ws_close_code(const struct ws_reader *r);

/* ws_head_put writes the head of a whole, unmasked frame with `n` octets of payload; gives its
 * length. */
size_t ws_head_put(uint8_t out[WS_HEAD_MAX], enum ws_opcode opcode, uint64_t n);

/* ws_whole_chars is how much of `s` is whole characters of UTF-8, when all but a character cut off
 * at its end is; *out_is_text is false when it is not. */
size_t ws_whole_chars(struct slice s, bool *out_is_text);

#endif
