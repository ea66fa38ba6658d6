/* amqp091 str8 -- short strings: at most 255 octets, UTF-8 in methods. */
#ifndef WIRE_AMQP091_STR8_H
#define WIRE_AMQP091_STR8_H

#include "base/limits.h"
#include "base/slice.h"
#include "base/utf8.h"

/* amqp091_is_ascii looks at 8 octets at a time, the last ones twice: nearly all names are ASCII,
 * and most are short. */
static inline bool amqp091_is_ascii(struct slice s)
{
	const uint64_t high = UINT64_C(0x8080808080808080);
	uint64_t seen, word;
	if (s.n < sizeof word) {
		seen = 0;
		for (size_t i = 0; i < s.n; i++)
			seen |= s.p[i];
		return (seen & high) == 0;
	}
	must(s.p != NULL);
	memcpy(&seen, s.p + s.n - sizeof seen, sizeof seen);
	for (size_t i = 0; i + sizeof word < s.n; i += sizeof word) {
		memcpy(&word, s.p + i, sizeof word);
		seen |= word;
	}
	return (seen & high) == 0;
}

/* amqp091_str8_is_valid: it is UTF-8. */
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
	must(n <= LIMIT_SHORTSTR);
	return slice_of(s.p, n);
}

#endif
