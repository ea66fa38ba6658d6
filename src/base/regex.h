/* regex -- the few signs of regular expressions that simulations and tests need: ^ $ . * and
 * letters.
 *
 * The broker itself asks a real library (port/pattern.h); this plays it where no library may be.
 * Pure.
 */
#ifndef BASE_REGEX_H
#define BASE_REGEX_H
#include "base/slice.h"

/* regex_find: does `expr` fit somewhere in `s`? A backslash takes the sign behind it as it is. */
bool regex_find(struct slice expr, struct slice s);
#endif
