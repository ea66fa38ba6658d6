/* near -- the nearest of some names, for "did you mean". */
#ifndef BASE_NEAR_H
#define BASE_NEAR_H

#include "base/slice.h"

/* near_distance counts the single characters to insert, delete or change, or neighbours to swap,
 * that make `a` into `b`; more than `max` is given as max + 1. Names above 64 bytes are far away
 * from everything but themselves. */
size_t near_distance(struct slice a, struct slice b, size_t max);

/* near_name gives the first of the nearest of `names`, or NULL when all are further away than a
 * third of `want`'s length. */
const char *near_name(struct slice want, const char *const *names, size_t n);

#endif
