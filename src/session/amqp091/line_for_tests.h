/* line_for_tests -- one line of text to the frames it stands for, as the codec's printer writes it.
 *
 *	ch 1 queue.declare queue='q' durable arguments={x-foo=5, x-bar='text'}
 *	ch 1 basic.publish exchange='' routing_key='q' + 'hello' delivery_mode=2
 *	ch 1 header class=60 body=5 content_type='text/plain'
 *	ch 1 body 'hello'              ch 1 body 100000 'ab'     (repeated up to so many octets)
 *	heartbeat                      raw 'AMQP\x00\x00\x09\x01'
 *
 * In tables a number is a signedint; another type goes before it, by its octet: (l)5, (t)1, (V).
 * Only for tests: what cannot be read fails a must.
 */
#ifndef SESSION_AMQP091_LINE_FOR_TESTS_H
#define SESSION_AMQP091_LINE_FOR_TESTS_H
#include "session/octets_for_tests.h"
#include "wire/amqp091/frame.h"
#include "wire/amqp091/method.h"
#include "wire/amqp091/props.h"
#include "wire/amqp091/table.h"

#include <stdio.h>
#include <stdlib.h>

struct line {
	const char *p; /* what is left to read */
	const char *all;
	uint8_t *room; /* strings and tables on their way into a frame */
	size_t room_n, room_cap;
};

static inline void line_fail(const struct line *l, const char *what)
{
	fprintf(stderr, "line: %s\n  at: %s\n  %s\n", l->all, l->p, what);
	abort();
}

static inline void line_spaces(struct line *l)
{
	while (*l->p == ' ')
		l->p++;
}

/* line_word takes `word` if it comes next. */
static inline bool line_word(struct line *l, const char *word)
{
	size_t n = strlen(word);
	if (strncmp(l->p, word, n) != 0)
		return false;
	char end = l->p[n];
	if (word[n - 1] != '=' && end != ' ' && end != '\0')
		return false;
	l->p += n;
	return true;
}

static inline uint64_t line_u64(struct line *l)
{
	uint64_t v = 0;
	if (*l->p < '0' || *l->p > '9')
		line_fail(l, "a number was expected");
	while (*l->p >= '0' && *l->p <= '9')
		v = v * 10 + (uint64_t)(*l->p++ - '0');
	return v;
}

static inline uint8_t line_hex(char c)
{
	return (uint8_t)(c <= '9' ? c - '0' : (c | 32) - 'a' + 10);
}

static inline uint8_t *line_room(struct line *l, size_t n)
{
	must(l->room_cap - l->room_n >= n);
	uint8_t *at = l->room + l->room_n;
	l->room_n += n;
	return at;
}

/* A string ends at a quote before a space, a comma, a closing bracket or the end. */
static inline bool line_is_end(const char *p)
{
	return *p == '\'' && strchr(" ,]}", p[1]) != NULL;
}

static inline struct slice line_string(struct line *l)
{
	if (*l->p++ != '\'')
		line_fail(l, "a string was expected");
	uint8_t *from = l->room + l->room_n;
	size_t n = 0;
	for (; !line_is_end(l->p); n++) {
		if (*l->p == '\0')
			line_fail(l, "the string does not end");
		uint8_t c = (uint8_t)*l->p++;
		if (c == '\\' && *l->p == 'x') {
			c = (uint8_t)(line_hex(l->p[1]) << 4 | line_hex(l->p[2]));
			l->p += 3;
		} else if (c == '\\') {
			c = (uint8_t)*l->p++;
		}
		*line_room(l, 1) = c;
	}
	l->p++;
	return slice_of(from, n);
}

/* ---- tables ------------------------------------------------------------------------------- */

static inline void line_value(struct line *l, struct wr *w);

static inline void line_table(struct line *l, struct wr *w)
{
	for (l->p++, line_spaces(l); *l->p != '}'; line_spaces(l)) {
		size_t n = strcspn(l->p, "=");
		amqp091_put_name(w, slice_of(l->p, n));
		l->p += n + 1;
		line_value(l, w);
		l->p += *l->p == ',';
	}
	l->p++;
}

static inline void line_array(struct line *l, struct wr *w)
{
	for (l->p++, line_spaces(l); *l->p != ']'; line_spaces(l)) {
		line_value(l, w);
		l->p += *l->p == ',';
	}
	l->p++;
}

static inline struct amqp091_value line_number(struct line *l, char type)
{
	struct amqp091_value v = { .type = (enum amqp091_type)type };
	bool is_negative = *l->p == '-';
	l->p += is_negative;
	if (type == 'V')
		return v;
	int64_t n = (int64_t)line_u64(l) * (is_negative ? -1 : 1);
	switch (type) {
	case 't': v.boolean = n != 0; break;
	case 'T': v.time = (uint64_t)n; break;
	case 'f':
	case 'd': v.real = (double)n; break;
	default: v.i = n;
	}
	return v;
}

static inline void line_value(struct line *l, struct wr *w)
{
	struct amqp091_value v = { .type = AMQP091_TYPE_BOOL };
	size_t mark;
	char type = 'I';
	if (l->p[0] == '(') {
		type = l->p[1];
		l->p += 3;
	}
	switch (*l->p) {
	case '{':
		mark = amqp091_put_open(w, AMQP091_TYPE_TABLE);
		line_table(l, w);
		amqp091_put_close(w, mark);
		return;
	case '[':
		mark = amqp091_put_open(w, AMQP091_TYPE_ARRAY);
		line_array(l, w);
		amqp091_put_close(w, mark);
		return;
	case '\'':
		v.type = type == 'x' ? AMQP091_TYPE_BINARY : AMQP091_TYPE_LONGSTR;
		v.octets = line_string(l);
		break;
	case 't':
	case 'f':
		v.boolean = *l->p == 't';
		l->p += v.boolean ? 4 : 5;
		break;
	default: v = line_number(l, type);
	}
	amqp091_put_value(w, &v);
}

/* ---- fields ------------------------------------------------------------------------------- */

static inline void line_u8_to(struct line *l, uint8_t *out)
{
	*out = (uint8_t)line_u64(l);
}
static inline void line_u16_to(struct line *l, uint16_t *out)
{
	*out = (uint16_t)line_u64(l);
}
static inline void line_u32_to(struct line *l, uint32_t *out)
{
	*out = (uint32_t)line_u64(l);
}
static inline void line_u64_to(struct line *l, uint64_t *out)
{
	*out = line_u64(l);
}
static inline void line_str8_to(struct line *l, struct slice *out)
{
	*out = line_string(l);
}
static inline void line_str32_to(struct line *l, struct slice *out)
{
	*out = line_string(l);
}
static inline void line_secret_to(struct line *l, struct slice *out)
{
	*out = line_string(l);
}
static inline void line_table_to(struct line *l, struct slice *out)
{
	uint8_t buf[8192];
	struct wr w = wr_of(buf, sizeof buf);
	line_table(l, &w);
	must(wr_ok(&w));
	*out = slice_of(memcpy(line_room(l, w.n), buf, w.n), w.n);
}

#define FIELD(type, name)                       \
	if (!took && line_word(l, #name "=")) { \
		line_##type##_to(l, &v->name);  \
		took = true;                    \
	}
#define RESERVED(type, name) FIELD(type, name)
#define BITS(bits)           bits
#define BIT(place, name)                  \
	if (!took && line_word(l, #name)) \
		took = v->name = true;
#define NO_FIELDS
#define METHOD(c, m_, noun, verb, by, kind_, content, fields, prose)                               \
	static inline void line_##noun##_##verb(struct line *l, struct amqp091_##noun##_##verb *v) \
	{                                                                                          \
		for (line_spaces(l); *l->p && *l->p != '+'; line_spaces(l)) {                      \
			bool took = false;                                                         \
			(void)v;                                                                   \
			fields if (!took) line_fail(l, "no such field of " #noun "." #verb);       \
		}                                                                                  \
	}
#include "wire/amqp091/methods.def"
#undef METHOD
#undef FIELD
#undef RESERVED
#undef BITS
#undef BIT
#undef NO_FIELDS

static inline void line_props(struct line *l, struct amqp091_props *v)
{
	for (line_spaces(l); *l->p; line_spaces(l)) {
		bool took = false;
#define PROP(bit, type, name, prose)            \
	if (!took && line_word(l, #name "=")) { \
		line_##type##_to(l, &v->name);  \
		v->flags |= AMQP091_HAS_##name; \
		took = true;                    \
	}
#include "wire/amqp091/props.def"
#undef PROP
		if (!took)
			line_fail(l, "no such property");
	}
}

/* ---- frames ------------------------------------------------------------------------------- */

static inline void octets_frame(struct octets *o, uint8_t type, uint16_t channel,
				struct slice payload)
{
	uint8_t *at = octets_more(o, payload.n + AMQP091_FRAME_OVERHEAD);
	at = amqp091_frame_head_put(at, type, channel, payload.n);
	if (payload.n)
		memcpy(at, payload.p, payload.n);
	at[payload.n] = AMQP091_FRAME_END;
}

static inline void line_header(struct line *l, uint16_t channel, uint16_t class_id, uint64_t body,
			       struct octets *out)
{
	struct amqp091_props props = { 0 };
	uint8_t buf[8192];
	line_props(l, &props);
	store_be16(buf, class_id);
	store_be16(buf + 2, 0);
	store_be64(buf + 4, body);
	uint8_t *end = amqp091_props_put(buf + AMQP091_HEADER_FIXED, &props);
	octets_frame(out, AMQP091_FRAME_HEADER, channel, slice_of(buf, (size_t)(end - buf)));
}

/* 'text', or N 'text': repeated up to N octets. The caller frees. */
static inline struct slice line_body(struct line *l)
{
	size_t n = SIZE_MAX;
	line_spaces(l);
	if (*l->p != '\'') {
		n = line_u64(l);
		line_spaces(l);
	}
	struct slice text = line_string(l);
	n = n == SIZE_MAX ? text.n : n;
	uint8_t *all = malloc(n + 1);
	must(all != NULL);
	for (size_t i = 0; i < n; i++)
		all[i] = text.p[i % text.n];
	return slice_of(all, n);
}

/* Body frames of at most `frame_max` octets. */
static inline void line_bodies(struct octets *out, uint16_t channel, struct slice body,
			       size_t frame_max)
{
	for (size_t at = 0, n; at < body.n; at += n) {
		n = body.n - at < frame_max - 8 ? body.n - at : frame_max - 8;
		octets_frame(out, AMQP091_FRAME_BODY, channel, slice_sub(body, at, n));
	}
}

static inline void line_method(struct line *l, uint16_t channel, size_t frame_max,
			       struct octets *out)
{
	struct amqp091_method m = { .kind = AMQP091_METHOD_N };
	for (int i = 0; i < AMQP091_METHOD_N && m.kind == AMQP091_METHOD_N; i++)
		if (line_word(l, amqp091_method_info[i].name))
			m.kind = (enum amqp091_method_kind)i;
	switch (m.kind) {
#define METHOD(c, m_, noun, verb, by, kind_, content, fields, prose) \
	case AMQP091_##noun##_##verb:                                \
		line_##noun##_##verb(l, &m.noun##_##verb);           \
		break;
#include "wire/amqp091/methods.def"
#undef METHOD
	case AMQP091_METHOD_N: line_fail(l, "no such method");
	}
	size_t n = amqp091_method_size(&m);
	(void)amqp091_method_put(octets_more(out, n), channel, &m);
	if (*l->p++ != '+')
		return;
	struct slice body = line_body(l);
	line_header(l, channel, 60, body.n, out);
	line_bodies(out, channel, body, frame_max);
	free((void *)(uintptr_t)body.p);
}

/* line_frames appends what the line stands for. */
static inline void line_frames(const char *text, size_t frame_max, struct octets *out)
{
	uint8_t room[16384];
	struct line l = { text, text, room, 0, sizeof room };
	if (line_word(&l, "raw")) {
		line_spaces(&l);
		struct slice s = line_string(&l);
		octets_put(out, s.p, s.n);
		return;
	}
	if (line_word(&l, "heartbeat")) {
		octets_put(out, amqp091_heartbeat_octets, AMQP091_FRAME_OVERHEAD);
		return;
	}
	if (strncmp(l.p, "ch ", 3) != 0)
		line_fail(&l, "a channel was expected");
	l.p += 3;
	uint16_t channel = (uint16_t)line_u64(&l);
	line_spaces(&l);
	if (line_word(&l, "heartbeat")) {
		octets_frame(out, AMQP091_FRAME_HEARTBEAT, channel, SLICE_EMPTY);
	} else if (line_word(&l, "header")) {
		line_spaces(&l);
		if (!line_word(&l, "class="))
			line_fail(&l, "class= was expected");
		uint16_t class_id = (uint16_t)line_u64(&l);
		line_spaces(&l);
		if (!line_word(&l, "body="))
			line_fail(&l, "body= was expected");
		uint64_t body = line_u64(&l);
		line_header(&l, channel, class_id, body, out);
	} else if (line_word(&l, "body")) {
		struct slice body = line_body(&l);
		octets_frame(out, AMQP091_FRAME_BODY, channel, body);
		free((void *)(uintptr_t)body.p);
	} else {
		line_method(&l, channel, frame_max, out);
	}
}
#endif
