/* amqp091 for_tests -- what the tests of this room share: lines of text to compare, and
 * random octets.
 */
#ifndef WIRE_AMQP091_FOR_TESTS_H
#define WIRE_AMQP091_FOR_TESTS_H

#include "base/exact_for_tests.h"
#include "base/prng.h"
#include "base/text.h"
#include "wire/amqp091/props.h"

#include <stdio.h>
#include <stdlib.h>

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
