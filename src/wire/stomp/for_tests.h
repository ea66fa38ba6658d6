/* stomp for_tests -- what the tests of this room share: octets to compare. */
#ifndef WIRE_STOMP_FOR_TESTS_H
#define WIRE_STOMP_FOR_TESTS_H

#include "base/exact_for_tests.h"
#include "wire/stomp/put.h"

#include <stdio.h>
#include <stdlib.h>

/* same compares, and shows both where they differ. */
static inline void same(struct slice got, const char *want, size_t want_n, int line)
{
	if (slice_eq(got, slice_of(want, want_n)))
		return;
	fprintf(stderr, "line %d\n want %s\n got  %.*s\n", line, want, (int)got.n,
		(const char *)got.p);
	abort();
}
/* stomp_message_put writes a MESSAGE up to its body, with an id that has its tag already. */
static inline size_t stomp_message_put(uint8_t *at, const struct stomp_message *m)
{
	uint32_t tag_at[STOMP_FRONT_TAGS];
	size_t n = stomp_front_put(at, m, tag_at);
	return n + stomp_rest_put(at ? at + n : NULL, m);
}

#define SAME(got, literal) same(got, literal, sizeof(literal) - 1, __LINE__)

#endif
