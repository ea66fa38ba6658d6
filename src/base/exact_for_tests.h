/* exact_for_tests -- blocks of exactly the right size, so that AddressSanitizer sees one byte too
 * far.
 *
 *	struct slice part = exact(in, n);
 *	... codec_read(part) ...
 *	exact_free(part);
 */
#ifndef BASE_EXACT_FOR_TESTS_H
#define BASE_EXACT_FOR_TESTS_H

#include "base/must.h"
#include "base/slice.h"

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

#endif
