/* header_for_tests -- a message for fuzzers of selectors: each octet of it is one of the headers
 * n = 7, t = "blue", b = true, r = 2.5.
 *
 * Only for tests.
 */
#ifndef CORE_HEADER_FOR_TESTS_H
#define CORE_HEADER_FOR_TESTS_H
#include "base/rd.h"
#include "msg/header.h"

static inline struct rd header_begin_for_tests(struct slice props)
{
	return rd_of(props);
}

static inline bool header_next_for_tests(struct rd *r, struct header *out)
{
	const double real = 2.5;
	uint8_t which = rd_u8(r);
	if (!rd_ok(r))
		return false;
	*out = (struct header){ .name = slice_of(&"ntbr"[which], 1) };
	switch (which) {
	case 0: out->class = HEADER_INT, out->number = 7; break;
	case 1: out->class = HEADER_TEXT, out->octets = slice_str("blue"); break;
	case 2: out->class = HEADER_BOOL, out->number = 1; break;
	default: out->class = HEADER_REAL, memcpy(&out->number, &real, sizeof real);
	}
	return true;
}
#endif
