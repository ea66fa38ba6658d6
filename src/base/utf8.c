#include "base/utf8.h"

#include "base/byteorder.h"

#define HIGH_BITS UINT64_C(0x8080808080808080)

/* follows: the byte at `at` is there and lies in lo .. hi. */
static bool follows(struct slice s, size_t at, uint8_t lo, uint8_t hi)
{
	return at < s.n && s.p[at] >= lo && s.p[at] <= hi;
}

size_t utf8_step(struct slice s)
{
	must(s.n > 0);
	uint8_t c = s.p[0];
	if (c < 0x80)
		return 1;
	if (c < 0xC2) /* a continuation, or an over-long form of ASCII */
		return 0;
	if (c < 0xE0)
		return follows(s, 1, 0x80, 0xBF) ? 2 : 0;
	if (c < 0xF0) {
		uint8_t lo = c == 0xE0 ? 0xA0 : 0x80; /* below: over-long */
		uint8_t hi = c == 0xED ? 0x9F : 0xBF; /* above: surrogates */
		return follows(s, 1, lo, hi) && follows(s, 2, 0x80, 0xBF) ? 3 : 0;
	}
	if (c > 0xF4)
		return 0;
	uint8_t lo = c == 0xF0 ? 0x90 : 0x80; /* below: over-long */
	uint8_t hi = c == 0xF4 ? 0x8F : 0xBF; /* above: beyond U+10FFFF */
	bool good = follows(s, 1, lo, hi) && follows(s, 2, 0x80, 0xBF) && follows(s, 3, 0x80, 0xBF);
	return good ? 4 : 0;
}

bool utf8_is_valid(struct slice s)
{
	for (size_t at = 0; at < s.n;) {
		if (s.n - at >= 8 && !(load_le64(s.p + at) & HIGH_BITS)) {
			at += 8;
			continue;
		}
		size_t step = utf8_step(slice_of(s.p + at, s.n - at));
		if (step == 0)
			return false;
		at += step;
	}
	return true;
}
