/* utf8 -- is this UTF-8? Strict: no over-long forms, no surrogates, nothing above U+10FFFF. */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include "base/slice.h"

/* utf8_is_valid: every byte belongs to a valid character. Eight bytes of ASCII at a time. */
bool utf8_is_valid(struct slice s);

/* utf8_step gives the length (1 to 4) of the valid character that `s` begins with; 0: not valid
 * or cut off. `s` is not empty. */
size_t utf8_step(struct slice s);

#endif
