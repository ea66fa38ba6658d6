/* amqp091 for_tests -- what the tests of this room share: blocks of exactly the right size, so
 * that AddressSanitizer sees one byte too far, and lines of text to compare.
 */
#ifndef WIRE_AMQP091_FOR_TESTS_H
#define WIRE_AMQP091_FOR_TESTS_H

#include "base/must.h"
#include "base/prng.h"
#include "base/slice.h"
#include "base/text.h"
#include "wire/amqp091/props.h"

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

/* say_text compares with one expected line. */
static inline void say_text(const struct text *got, const char *want, int line)
{
	if (strcmp(got->p, want) != 0) {
		fprintf(stderr, "line %d\n want %s\n got  %s\n", line, want, got->p);
		abort();
	}
}

/* say_props compares properties, as frames are printed, with one expected line. */
static inline void say_props(struct slice props, const char *want, int line)
{
	char buf[4096];
	struct text t = text_of(buf, sizeof buf);
	struct amqp091_props p;
	must(amqp091_props_decode(props, &p) == ERR_OK);
	amqp091_props_print(&p, &t);
	say_text(&t, want, line);
}

/* random_octets fills `n` octets at `p` and borrows them. */
static inline struct slice random_octets(struct prng *r, uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)prng_u64(r);
	return slice_of(p, n);
}

#endif
