/* amqp091 str8 -- short strings: at most 255 octets, UTF-8 in methods. */
#ifndef WIRE_AMQP091_STR8_H
#define WIRE_AMQP091_STR8_H

#include "base/limits.h"
#include "base/slice.h"
#include "base/utf8.h"

/* amqp091_is_ascii looks at 8 octets at a time: nearly all names are ASCII, and most are short. */
static inline bool amqp091_is_ascii(struct slice s)
{
	uint64_t seen = 0, word;
	size_t i = 0;
	for (; s.n - i >= sizeof word; i += sizeof word) {
		memcpy(&word, s.p + i, sizeof word);
		seen |= word;
	}
	for (; i < s.n; i++)
		seen |= s.p[i];
	return (seen & UINT64_C(0x8080808080808080)) == 0;
}

static inline bool amqp091_str8_is_valid(struct slice s)
{
	return amqp091_is_ascii(s) || utf8_is_valid(s);
}

/* amqp091_str8_clip is as much of `s` as a short string holds, without half a character. */
static inline struct slice amqp091_str8_clip(struct slice s)
{
	if (s.n <= LIMIT_SHORTSTR)
		return s;
	size_t n = LIMIT_SHORTSTR;
	while (n > 0 && (s.p[n] & 0xC0) == 0x80)
		n--;
	return slice_of(s.p, n);
}

#endif
