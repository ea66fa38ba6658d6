/* stomp for_tests -- what the tests of this room share: blocks of exactly the right size, so that
 * AddressSanitizer sees one octet too far, and a head that is read.
 */
#ifndef WIRE_STOMP_FOR_TESTS_H
#define WIRE_STOMP_FOR_TESTS_H

#include "base/must.h"
#include "base/slice.h"

#include <stdio.h>
#include <stdlib.h>

/* exact copies the first `n` octets of `s` into a heap block that ends with them. */
static inline struct slice exact(struct slice s, size_t n)
{
	must(n <= s.n);
	uint8_t *copy = malloc(n ? n : 1);
	must(copy != NULL);
	if (n > 0)
		memcpy(copy, s.p, n);
	return slice_of(n ? copy : copy + 1, n);
}

/* exact_free frees what exact has made. */
static inline void exact_free(struct slice s)
{
	free((void *)(uintptr_t)(s.n ? s.p : s.p - 1));
}

/* bytes_of borrows the octets of a string literal, zero octets inside it too. */
#define bytes_of(literal) slice_of(literal, sizeof(literal) - 1)

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
