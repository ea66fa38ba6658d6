#include "wire/ws/frame.h"

#include "base/byteorder.h"
#include "base/must.h"
#include "base/utf8.h"

#define BIT_FINAL    0x80u
#define BITS_RSV     0x70u /* of extensions, of which packing alone may be agreed on */
#define BIT_MASK     0x80u
#define CLOSE_NONE   1005u
#define CHAR_MAX_LEN 4u /* octets of a character */

_Static_assert(sizeof((struct ws_reader *)0)->head == 14, "2, a length of 8, a mask of 4");
_Static_assert(sizeof((struct ws_reader *)0)->tail == CHAR_MAX_LEN, "one character");
_Static_assert(WS_CONTROL_MAX == 125, "a control frame has a short length");

const char *ws_code_words(enum ws_code code)
{
	switch (code) {
#define CODE(number, name, words, prose) \
	case WS_CODE_##name:             \
		return words;
#include "wire/ws/codes.def"
#undef CODE
	case WS_FINE: break;
	}
	must(code == WS_FINE);
	return "";
}

/* ---- heads ---- */

static bool is_control(uint8_t opcode)
{
	return (opcode & 8) != 0;
}

/* The octets that a head has, as far as the ones that are here say. */
static uint32_t head_need(const struct ws_reader *r)
{
	must(r->head_n <= sizeof r->head);
	if (r->head_n < 2)
		return 2;
	uint8_t n = r->head[1] & 0x7f;
	return 6 + (n == 126 ? 2u : n == 127 ? 8u : 0u);
}

/* length_of reads the length, which must not be written longer than it needs to be. */
static bool length_of(const struct ws_reader *r, uint64_t *out)
{
	uint8_t n = r->head[1] & 0x7f;
	must(r->head_n == head_need(r));
	*out = n;
	if (n == 126) {
		*out = load_be16(r->head + 2);
		return *out > 125;
	}
	if (n == 127) {
		*out = load_be64(r->head + 2);
		return *out > UINT16_MAX && *out <= INT64_MAX;
	}
	return true;
}

static enum ws_code begin_control(struct ws_reader *r)
{
	bool is_known = r->opcode == WS_CLOSE || r->opcode == WS_PING || r->opcode == WS_PONG;
	must(is_control(r->opcode));
	if (!is_known || !r->is_final || r->left > WS_CONTROL_MAX)
		return WS_CODE_PROTOCOL;
	r->control_n = 0;
	return WS_FINE;
}

static enum ws_code begin_data(struct ws_reader *r, bool is_packed)
{
	must(!is_control(r->opcode) && r->kind <= WS_BINARY);
	if (r->opcode == WS_CONTINUATION) {
		if (r->kind == 0 || is_packed)
			return WS_CODE_PROTOCOL;
	} else {
		if (r->kind != 0 || r->opcode > WS_BINARY)
			return WS_CODE_PROTOCOL;
		if (r->opcode == WS_TEXT && !r->is_text_good)
			return WS_CODE_KIND;
		r->kind = r->opcode;
		r->is_packed = is_packed;
		r->message_bytes = 0;
		r->tail_n = 0;
	}
	must_if(r->message_bytes_max, r->message_bytes <= r->message_bytes_max);
	if (r->message_bytes_max && r->left > r->message_bytes_max - r->message_bytes)
		return WS_CODE_TOO_BIG;
	r->message_bytes += r->left;
	return WS_FINE;
}

static enum ws_code begin_frame(struct ws_reader *r)
{
	uint8_t first = r->head[0];
	uint32_t n = r->head_n;
	must(!r->has_head && n >= 6);
	r->opcode = first & 15;
	r->is_final = (first & BIT_FINAL) != 0;
	bool is_packed = (first & BITS_RSV) == WS_PACKED;
	if (is_packed && (!r->is_packing_good || is_control(r->opcode)))
		return WS_CODE_PROTOCOL;
	if ((!is_packed && first & BITS_RSV) || !(r->head[1] & BIT_MASK) || !length_of(r, &r->left))
		return WS_CODE_PROTOCOL;
	r->mask = load_le32(r->head + n - 4);
	r->mask |= r->mask << 32;
	r->has_head = true;
	r->head_n = 0;
	return is_control(r->opcode) ? begin_control(r) : begin_data(r, is_packed);
}

/* So short a frame need not be waited for. */
static bool is_unmasked(const struct ws_reader *r)
{
	must(!r->has_head);
	return r->head_n >= 2 && !(r->head[1] & BIT_MASK);
}

/* take_head moves octets of a head out of `in`; false: it is not whole yet. */
static bool take_head(struct ws_reader *r, struct slice in, size_t *io_used)
{
	must(!r->has_head && *io_used <= in.n);
	while (r->head_n < head_need(r)) {
		if (*io_used == in.n)
			return false;
		r->head[r->head_n++] = in.p[(*io_used)++];
	}
	return true;
}

/* ---- payload ---- */

/* unmask goes forward, so `to` may lie before `from`: what is written has been read. */
static void unmask(struct ws_reader *r, uint8_t *to, const uint8_t *from, size_t n)
{
	uint64_t mask = r->mask;
	must((uint32_t)mask == mask >> 32 && n <= r->left);
	for (; n >= 32; n -= 32, from += 32, to += 32) {
		uint64_t a = load_le64(from), b = load_le64(from + 8);
		uint64_t c = load_le64(from + 16), d = load_le64(from + 24);
		store_le64(to, a ^ mask);
		store_le64(to + 8, b ^ mask);
		store_le64(to + 16, c ^ mask);
		store_le64(to + 24, d ^ mask);
	}
	for (; n >= 8; n -= 8, from += 8, to += 8)
		store_le64(to, load_le64(from) ^ mask);
	for (; n > 0; n--, from++, to++) {
		*to = (uint8_t)(*from ^ (mask & 0xff));
		mask = mask >> 8 | mask << 56;
	}
	r->mask = mask;
}

/* How many octets a character has that begins with `c`; 1 for what begins none. */
static size_t char_len(uint8_t c)
{
	return c < 0xc2 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : c < 0xf5 ? 4 : 1;
}

/* It is in a character, not at its beginning. */
static bool follows(uint8_t c)
{
	return (c & 0xc0) == 0x80;
}

bool ws_text(struct ws_reader *r, struct slice s, bool is_last)
{
	must(r->tail_n < CHAR_MAX_LEN);
	while (r->tail_n > 0 && s.n > 0) {
		r->tail[r->tail_n++] = s.p[0];
		s = slice_from(s, 1);
		bool is_whole = r->tail_n == char_len(r->tail[0]);
		bool is_good = is_whole ? utf8_step(slice_of(r->tail, r->tail_n)) > 0
					: follows(r->tail[r->tail_n - 1]);
		if (!is_good)
			return false;
		r->tail_n = is_whole ? 0 : r->tail_n;
	}
	bool is_text = true;
	size_t whole = ws_whole_chars(s, &is_text);
	if (s.n > whole && is_text) {
		r->tail_n = (uint32_t)(s.n - whole);
		memcpy(r->tail, s.p + whole, r->tail_n);
	}
	must(r->tail_n < CHAR_MAX_LEN);
	return is_text && !(is_last && r->tail_n > 0);
}

static enum ws_code take_data(struct ws_reader *r, struct slice in, uint8_t *to,
			      struct ws_step *out)
{
	must(r->kind != 0 && in.n <= r->left && (in.n == 0 || to <= in.p));
	out->found = WS_FOUND_DATA;
	out->n = in.n;
	out->is_last = r->is_final && r->left == in.n;
	out->is_packed = r->is_packed;
	unmask(r, to, in.p, in.n);
	r->left -= in.n;
	r->has_head = r->left > 0;
	bool is_text = r->kind == WS_TEXT && !r->is_packed;
	if (is_text && !ws_text(r, slice_of(to, in.n), out->is_last))
		return WS_CODE_CONTENT;
	if (out->is_last)
		r->kind = 0;
	return WS_FINE;
}

static enum ws_code take_control(struct ws_reader *r, struct slice in, struct ws_step *out)
{
	must(in.n <= r->left && r->left <= WS_CONTROL_MAX - r->control_n);
	unmask(r, r->control + r->control_n, in.p, in.n);
	r->control_n += (uint32_t)in.n;
	r->left -= in.n;
	r->has_head = r->left > 0;
	if (!r->has_head)
		out->found = WS_FOUND_CONTROL;
	if (r->has_head || r->opcode != WS_CLOSE || r->control_n <= 2)
		return WS_FINE;
	bool is_text = utf8_is_valid(slice_of(r->control + 2, r->control_n - 2));
	return is_text ? WS_FINE : WS_CODE_CONTENT;
}

enum ws_code ws_read(struct ws_reader *r, struct slice in, uint8_t *to, struct ws_step *out)
{
	*out = (struct ws_step){ .found = WS_FOUND_NOTHING };
	if (!r->has_head) {
		if (!take_head(r, in, &out->used))
			return is_unmasked(r) ? WS_CODE_PROTOCOL : WS_FINE;
		enum ws_code code = begin_frame(r);
		if (code != WS_FINE)
			return code;
	}
	must(r->has_head && out->used <= in.n);
	struct slice rest = slice_from(in, out->used);
	if (rest.n > r->left)
		rest.n = (size_t)r->left;
	if (rest.n == 0 && r->left > 0)
		return WS_FINE;
	out->used += rest.n;
	return is_control(r->opcode) ? take_control(r, rest, out) : take_data(r, rest, to, out);
}

/* ---- closing ---- */

/* What may be said: 7.4.2, and what is registered since. */
static bool is_close_code(uint16_t code)
{
	return (code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006) ||
	       (code >= 3000 && code <= 4999);
}

uint16_t ws_close_code(const struct ws_reader *r)
{
	must(r->opcode == WS_CLOSE && r->control_n <= WS_CONTROL_MAX);
	if (r->control_n == 0)
		return CLOSE_NONE;
	uint16_t code = r->control_n == 1 ? 0 : load_be16(r->control);
	return is_close_code(code) ? code : WS_CODE_PROTOCOL;
}

/* ---- writing ---- */

size_t ws_head_put(uint8_t out[WS_HEAD_MAX], enum ws_opcode opcode, uint64_t n)
{
	must(n <= INT64_MAX && (!is_control((uint8_t)opcode) || n <= WS_CONTROL_MAX));
	out[0] = (uint8_t)(BIT_FINAL | opcode);
	if (n <= 125) {
		out[1] = (uint8_t)n;
		return 2;
	}
	if (n <= UINT16_MAX) {
		out[1] = 126;
		store_be16(out + 2, (uint16_t)n);
		return 4;
	}
	out[1] = 127;
	store_be64(out + 2, n);
	return 10;
}

/* The last character may be cut off; what is before it must be whole. */
size_t ws_whole_chars(struct slice s, bool *out_is_text)
{
	size_t whole = s.n;
	for (size_t back = 1; back <= 3 && back <= s.n; back++) {
		uint8_t c = s.p[s.n - back];
		if (follows(c))
			continue;
		if (char_len(c) > back)
			whole = s.n - back;
		break;
	}
	must(whole <= s.n && s.n - whole < CHAR_MAX_LEN);
	*out_is_text = utf8_is_valid(slice_sub(s, 0, whole));
	return whole;
}
