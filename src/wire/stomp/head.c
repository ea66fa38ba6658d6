#include "wire/stomp/head.h"

#include "base/must.h"

const char *const stomp_header_words[STOMP_H_N] = {
#define HEADER(name, text, in_send, property, prose) [STOMP_H_##name] = text,
#include "wire/stomp/headers.def"
#undef HEADER
};

/* Length and first octet tell nearly all of them apart. */
static const uint16_t keys[STOMP_H_N] = {
#define HEADER(name, text, in_send, property, prose) \
	[STOMP_H_##name] = (uint16_t)((sizeof(text) - 1) << 8 | (uint8_t)(text)[0]),
#include "wire/stomp/headers.def"
#undef HEADER
};

enum stomp_header stomp_header_of(struct slice name)
{
	must(name.p != NULL || name.n == 0);
	if (name.n == 0 || name.n > UINT8_MAX)
		return STOMP_H_N;
	uint16_t key = (uint16_t)(name.n << 8 | name.p[0]);
	for (uint32_t i = 0; i < STOMP_H_N; i++)
		if (keys[i] == key && memcmp(stomp_header_words[i], name.p, name.n) == 0)
			return (enum stomp_header)i;
	return STOMP_H_N;
}

bool stomp_header_is_ours(enum stomp_header h)
{
	enum { KEPT, OURS };
	static const uint8_t in_send_of[STOMP_H_N + 1] = {
#define HEADER(name, text, in_send, property, prose) [STOMP_H_##name] = in_send,
#include "wire/stomp/headers.def"
#undef HEADER
	};
	must(h <= STOMP_H_N);
	return in_send_of[h] == OURS;
}

static int unescaped(uint8_t c)
{
	switch (c) {
	case 'n': return '\n';
	case 'r': return '\r';
	case 'c': return ':';
	case '\\': return '\\';
	default: return -1;
	}
}

bool stomp_unescape(struct slice raw, enum stomp_version version, struct wr *scratch,
		    struct slice *out)
{
	bool is_right = true;
	must(version <= STOMP_1_2);
	if (version == STOMP_1_0 || slice_find(raw, '\\') == raw.n) {
		*out = raw;
		return true;
	}
	uint8_t *room = wr_reserve(scratch, raw.n);
	must(room != NULL);
	size_t n = 0;
	for (size_t i = 0; i < raw.n; i++) {
		const bool is_escape = raw.p[i] == '\\';
		const int c = is_escape && i + 1 < raw.n ? unescaped(raw.p[i + 1]) : -1;
		is_right = is_right && (!is_escape || c >= 0);
		room[n++] = c >= 0 ? (uint8_t)c : raw.p[i];
		i += c >= 0;
	}
	*out = slice_of(room, n);
	return is_right;
}

struct slice stomp_trim(struct slice value, enum stomp_version version)
{
	must(value.p != NULL || value.n == 0);
	while (version == STOMP_1_0 && value.n && value.p[0] == ' ')
		value = slice_from(value, 1);
	return value;
}

enum err stomp_head_read(struct slice head, enum stomp_version version, enum stomp_escapes escapes,
			 struct wr *scratch, struct stomp_head *out)
{
	struct slice name, value;
	*out = (struct stomp_head){ .has = { false } };
	const enum stomp_version as = escapes == STOMP_ESCAPES_NONE ? STOMP_1_0 : version;
	must(wr_left(scratch) >= head.n || slice_find(head, '\\') == head.n);
	while (stomp_line(&head, &name, &value)) {
		bool is_right = stomp_unescape(name, as, scratch, &name);
		is_right &= stomp_unescape(value, as, scratch, &value);
		if (!is_right && escapes != STOMP_ESCAPES_OR_NOT)
			return ERR_MALFORMED;
		enum stomp_header h = stomp_header_of(name);
		if (h == STOMP_H_N || stomp_has(out, h))
			continue;
		out->has[h] = true;
		out->at[h] = stomp_trim(value, version);
	}
	return ERR_OK;
}

bool stomp_head_find(struct slice head, const char *name, struct slice *out_raw)
{
	struct slice word;
	must(name[0] != '\0');
	while (stomp_line(&head, &word, out_raw))
		if (slice_eq(word, slice_str(name)))
			return true;
	return false;
}
