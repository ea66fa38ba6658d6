/* slice -- borrowed bytes: where they are and how many. Never freed through a slice.
 *
 * An empty slice may have any `p`, also NULL. Whoever keeps a slice says how long the bytes live.
 */
#ifndef BASE_SLICE_H
#define BASE_SLICE_H

#include "base/must.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct slice {
	const uint8_t *p;
	size_t n;
};

#define SLICE_EMPTY ((struct slice){ NULL, 0 })

static inline struct slice slice_of(const void *p, size_t n)
{
	return (struct slice){ p, n };
}

/* slice_str borrows the bytes of a C string without its final zero; free for a literal. */
static inline struct slice slice_str(const char *z)
{
	return (struct slice){ (const uint8_t *)z, strlen(z) };
}

static inline bool slice_is_empty(struct slice s)
{
	return s.n == 0;
}

static inline bool slice_eq(struct slice a, struct slice b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/* slice_cmp orders by bytes, a prefix before what it begins: < 0, 0 or > 0. */
static inline int slice_cmp(struct slice a, struct slice b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int order = n ? memcmp(a.p, b.p, n) : 0;
	return order ? order : (a.n > b.n) - (a.n < b.n);
}

static inline bool slice_starts_with(struct slice s, struct slice prefix)
{
	return s.n >= prefix.n && slice_eq(slice_of(s.p, prefix.n), prefix);
}

/* slice_sub is the `n` bytes from `at` on, which must be inside. */
static inline struct slice slice_sub(struct slice s, size_t at, size_t n)
{
	must(at <= s.n && n <= s.n - at);
	return n ? slice_of(s.p + at, n) : SLICE_EMPTY;
}

/* slice_from is everything from `at` on. */
static inline struct slice slice_from(struct slice s, size_t at)
{
	must(at <= s.n);
	return slice_sub(s, at, s.n - at);
}

/* slice_find is the place of the first byte `c`, or s.n when there is none. */
static inline size_t slice_find(struct slice s, uint8_t c)
{
	const uint8_t *hit = s.n ? memchr(s.p, c, s.n) : NULL;
	return hit ? (size_t)(hit - s.p) : s.n;
}

/* slice_cut takes what is before the first byte `c` off the front, and drops that byte; all that is
 * left when there is none. */
static inline struct slice slice_cut(struct slice *io_rest, uint8_t c)
{
	size_t n = slice_find(*io_rest, c);
	struct slice front = slice_sub(*io_rest, 0, n);
	*io_rest = slice_from(*io_rest, n < io_rest->n ? n + 1 : n);
	return front;
}

#endif
