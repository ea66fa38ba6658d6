#include "wire/ws/frame.h"

#include "base/prng.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <setjmp.h>
#include <cmocka.h>

#define ROOM 70000u

/* A stream as clients write it. */
struct writer {
	uint8_t p[2 * ROOM];
	size_t n;
	struct prng random;
};

static void put_head(struct writer *w, uint8_t first, size_t n, const uint8_t mask[4])
{
	uint8_t head[WS_HEAD_MAX];
	size_t head_n = ws_head_put(head, WS_BINARY, n);
	head[0] = first;
	head[1] |= 0x80;
	memcpy(w->p + w->n, head, head_n);
	memcpy(w->p + w->n + head_n, mask, 4);
	w->n += head_n + 4;
}

/* put writes a masked frame; `first` is its first octet. */
static void put(struct writer *w, uint8_t first, struct slice payload)
{
	uint8_t mask[4];
	for (int i = 0; i < 4; i++)
		mask[i] = (uint8_t)prng_u64(&w->random);
	put_head(w, first, payload.n, mask);
	must(w->n + payload.n <= sizeof w->p);
	for (size_t i = 0; i < payload.n; i++)
		w->p[w->n++] = payload.p[i] ^ mask[i % 4];
}

/* What a reader makes of a stream. */
struct seen {
	uint8_t p[2 * ROOM];
	size_t n;
	uint32_t lasts_n, controls_n;
	uint8_t opcode;
	uint8_t control[WS_CONTROL_MAX];
	uint32_t control_n;
};

/* read_cut gives the stream to the reader in pieces of at most `piece` octets, each in a block of
 * its own size and in place. */
static enum ws_code read_cut(struct ws_reader *r, struct slice all, size_t piece, struct seen *out)
{
	out->n = out->lasts_n = out->controls_n = 0;
	while (all.n > 0) {
		size_t n = all.n < piece ? all.n : piece;
		uint8_t *block = malloc(n);
		must(block != NULL);
		memcpy(block, all.p, n);
		struct slice in = slice_of(block, n);
		uint8_t *at = block;
		enum ws_code code = WS_FINE;
		while (in.n > 0 && code == WS_FINE) {
			struct ws_step step;
			code = ws_read(r, in, at, &step);
			out->lasts_n += step.is_last;
			if (step.found == WS_FOUND_CONTROL) {
				out->controls_n++;
				out->opcode = r->opcode;
				out->control_n = r->control_n;
				memcpy(out->control, r->control, r->control_n);
			}
			at += step.n;
			in = slice_from(in, step.used);
		}
		memcpy(out->p + out->n, block, (size_t)(at - block));
		out->n += (size_t)(at - block);
		free(block);
		if (code != WS_FINE)
			return code;
		all = slice_from(all, n);
	}
	return WS_FINE;
}

static struct writer writer;
static struct seen seen;

static struct slice written(void)
{
	return slice_of(writer.p, writer.n);
}

static void begin(void)
{
	writer.n = 0;
	writer.random = prng_of(7);
}

static enum ws_code code_of(struct slice all)
{
	for (size_t piece = 1; piece <= all.n; piece++) {
		struct ws_reader r = { .message_bytes_max = 1000 };
		enum ws_code code = read_cut(&r, all, piece, &seen);
		struct ws_reader again = { .message_bytes_max = 1000 };
		must(read_cut(&again, all, 1, &seen) == code);
		if (piece == all.n)
			return code;
	}
	return WS_FINE;
}

static enum ws_code code_of_frame(uint8_t first, size_t n)
{
	static const uint8_t zeros[2000];
	begin();
	put(&writer, first, slice_of(zeros, n));
	return code_of(written());
}

static void payload_comes_out_however_it_is_cut(void **s)
{
	static const size_t sizes[] = { 0, 1, 3, 7, 8, 31, 32, 33, 125, 126, 1000, 65535, 65536 };
	static uint8_t payload[ROOM];
	(void)s;
	for (size_t i = 0; i < ROOM; i++)
		payload[i] = (uint8_t)(i * 7 + (i >> 8));
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		begin();
		put(&writer, 0x82, slice_of(payload, sizes[i]));
		for (size_t piece = 1; piece < 2 * ROOM;
		     piece = piece < 20 ? piece + 1 : piece * 3) {
			struct ws_reader r = { 0 };
			must(read_cut(&r, written(), piece, &seen) == WS_FINE);
			must(seen.n == sizes[i] && seen.lasts_n == 1);
			must(memcmp(seen.p, payload, seen.n) == 0);
		}
	}
}

static void fragments_and_control_frames_may_mix(void **s)
{
	(void)s;
	begin();
	put(&writer, 0x02, slice_str("ab"));
	put(&writer, 0x89, slice_str("ping"));
	put(&writer, 0x00, SLICE_EMPTY);
	put(&writer, 0x80, slice_str("c"));
	put(&writer, 0x82, slice_str("d"));
	for (size_t piece = 1; piece <= writer.n; piece++) {
		struct ws_reader r = { 0 };
		must(read_cut(&r, written(), piece, &seen) == WS_FINE);
		must(slice_eq(slice_of(seen.p, seen.n), slice_str("abcd")) && seen.lasts_n == 2);
		must(seen.controls_n == 1 && seen.opcode == WS_PING);
		must(slice_eq(slice_of(seen.control, seen.control_n), slice_str("ping")));
	}
}

static void what_was_not_agreed_on_is_refused(void **s)
{
	(void)s;
	must(code_of_frame(0x82, 1000) == WS_FINE);
	must(code_of_frame(0x82, 1001) == WS_CODE_TOO_BIG);
	must(code_of_frame(0x81, 1) == WS_CODE_KIND);
	must(code_of_frame(0x80, 1) == WS_CODE_PROTOCOL); /* goes on with nothing */
	must(code_of_frame(0xC2, 1) == WS_CODE_PROTOCOL);
	must(code_of_frame(0xA2, 1) == WS_CODE_PROTOCOL);
	must(code_of_frame(0x92, 1) == WS_CODE_PROTOCOL);
	for (uint8_t opcode = 3; opcode < 16; opcode++)
		must((code_of_frame(0x80 | opcode, 0) == WS_FINE) == (opcode >= 8 && opcode <= 10));
	must(code_of_frame(0x89, 125) == WS_FINE && code_of_frame(0x89, 126) == WS_CODE_PROTOCOL);
	must(code_of_frame(0x09, 1) == WS_CODE_PROTOCOL);
	begin();
	put(&writer, 0x02, slice_str("a"));
	put(&writer, 0x82, slice_str("b"));
	must(code_of(written()) == WS_CODE_PROTOCOL);
}

static void lengths_are_written_as_short_as_they_are(void **s)
{
	(void)s;
	must(code_of(slice_of("\x82\x01x", 3)) == WS_CODE_PROTOCOL);
	must(code_of(slice_of("\x82\xfe\0\x7d\0\0\0\0", 8)) == WS_CODE_PROTOCOL);
	must(code_of(slice_of("\x82\xfe\0\x7e\0\0\0\0", 8)) == WS_FINE);
	must(code_of(slice_of("\x82\xff\0\0\0\0\0\0\xff\xff\0\0\0\0", 14)) == WS_CODE_PROTOCOL);
	must(code_of(slice_of("\x82\xff\0\0\0\0\0\1\0\0\0\0\0\0", 14)) == WS_CODE_TOO_BIG);
	must(code_of(slice_of("\x82\xff\x80\0\0\0\0\0\0\0\0\0\0\0", 14)) == WS_CODE_PROTOCOL);
}

static enum ws_code code_of_text(struct slice text)
{
	begin();
	for (size_t i = 0; i < text.n; i++)
		put(&writer, (uint8_t)((i ? 0 : 1) | (i + 1 == text.n ? 0x80 : 0)),
		    slice_sub(text, i, 1));
	struct ws_reader r = { .is_text_good = true }, again = r;
	enum ws_code code = read_cut(&r, written(), writer.n, &seen);
	must(read_cut(&again, written(), 1, &seen) == code);
	return code;
}

static void texts_are_utf8_across_fragments(void **s)
{
	(void)s;
	must(code_of_text(slice_str("plain")) == WS_FINE);
	must(code_of_text(slice_str("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80!")) == WS_FINE);
	must(code_of_text(slice_str("cut off \xe2\x82")) == WS_CODE_CONTENT);
	must(code_of_text(slice_str("\x80")) == WS_CODE_CONTENT);
	must(code_of_text(slice_str("\xe2(\xa1 more")) == WS_CODE_CONTENT);
	must(code_of_text(slice_str("\xed\xa0\x80")) == WS_CODE_CONTENT);
}

static uint16_t close_of(struct slice payload)
{
	struct ws_reader r = { .opcode = WS_CLOSE, .control_n = (uint32_t)payload.n };
	if (payload.n)
		memcpy(r.control, payload.p, payload.n);
	return ws_close_code(&r);
}

static void a_close_is_answered_with_its_code(void **s)
{
	(void)s;
	must(close_of(SLICE_EMPTY) == 1005 && close_of(slice_str("x")) == WS_CODE_PROTOCOL);
	must(close_of(slice_of("\x03\xe8", 2)) == 1000 &&
	     close_of(slice_of("\x0b\xb8", 2)) == 3000);
	must(close_of(slice_of("\x03\xed", 2)) == WS_CODE_PROTOCOL); /* 1005 */
	must(close_of(slice_of("\x03\xe7", 2)) == WS_CODE_PROTOCOL);
	must(close_of(slice_of("\x07\xd0", 2)) == WS_CODE_PROTOCOL); /* 2000 */
	must(code_of_frame(0x88, 0) == WS_FINE);
	begin();
	put(&writer, 0x88, slice_of("\x03\xe8\xff", 3));
	must(code_of(written()) == WS_CODE_CONTENT);
	must(*ws_code_words(WS_FINE) == '\0' && *ws_code_words(WS_CODE_KIND) != '\0');
}

static void texts_are_cut_between_characters(void **s)
{
	(void)s;
	static const char text[] = "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80";
	static const size_t whole[] = { 0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10 };
	bool is_text = false;
	for (size_t n = 0; n <= 10; n++)
		must(ws_whole_chars(slice_of(text, n), &is_text) == whole[n] && is_text);
	(void)ws_whole_chars(slice_str("\xff"), &is_text);
	must(!is_text);
}

/* packed_octets reads a stream as one that may hold packed messages; gives how many octets were of
 * such, and how many of others. */
static enum ws_code packed_octets(struct slice in, size_t *out_packed, size_t *out_other)
{
	struct ws_reader r = { .is_text_good = true, .is_packing_good = true };
	static uint8_t to[ROOM];
	enum ws_code code = WS_FINE;
	*out_packed = *out_other = 0;
	memcpy(to, in.p, in.n);
	in.p = to;
	while (in.n > 0 && code == WS_FINE) {
		struct ws_step step;
		code = ws_read(&r, in, (uint8_t *)(uintptr_t)in.p, &step);
		*(step.is_packed ? out_packed : out_other) += step.n;
		in = slice_from(in, step.used);
	}
	return code;
}

static void packed_messages_are_told_from_others(void **s)
{
	size_t packed, other;
	(void)s;
	begin();
	put(&writer, 0x41, slice_str("\xff\xfe")); /* a text, packed: it is not looked at */
	put(&writer, 0x89, slice_str("ping"));
	put(&writer, 0x80, slice_str("rest"));
	put(&writer, 0x82, slice_str("as it is"));
	must(packed_octets(written(), &packed, &other) == WS_FINE && packed == 6 && other == 8);
	begin();
	put(&writer, 0x81, slice_str("\xff"));
	must(packed_octets(written(), &packed, &other) == WS_CODE_CONTENT);
	static const uint8_t bad[] = { 0xc9, 0xc8, 0xa2, 0x92, 0xe2, 0xd2, 0xc3 };
	for (size_t i = 0; i < sizeof bad; i++) {
		begin();
		put(&writer, bad[i], slice_str("x"));
		must(packed_octets(written(), &packed, &other) == WS_CODE_PROTOCOL);
	}
	begin(); /* only the first frame of a message says it */
	put(&writer, 0x42, slice_str("x"));
	put(&writer, 0xc0, slice_str("y"));
	must(packed_octets(written(), &packed, &other) == WS_CODE_PROTOCOL && packed == 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(payload_comes_out_however_it_is_cut),
		cmocka_unit_test(fragments_and_control_frames_may_mix),
		cmocka_unit_test(what_was_not_agreed_on_is_refused),
		cmocka_unit_test(lengths_are_written_as_short_as_they_are),
		cmocka_unit_test(texts_are_utf8_across_fragments),
		cmocka_unit_test(a_close_is_answered_with_its_code),
		cmocka_unit_test(texts_are_cut_between_characters),
		cmocka_unit_test(packed_messages_are_told_from_others),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
