/* stomp for_tests -- what the tests of this room share: octets to compare. */
#ifndef WIRE_STOMP_FOR_TESTS_H
#define WIRE_STOMP_FOR_TESTS_H

#include "base/exact_for_tests.h"

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
#define SAME(got, literal) same(got, literal, sizeof(literal) - 1, __LINE__)

#endif
