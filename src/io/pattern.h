/* pattern -- port/pattern.h with PCRE2: what has been compiled is kept, each match is bounded.
 *
 * One loop owns a struct pattern_cache; the heap is the library's.
 */
#ifndef IO_PATTERN_H
#define IO_PATTERN_H
#include "port/pattern.h"

struct pattern_cache;

/* pattern_new makes an empty cache; NULL: no memory. pattern_free frees it, and NULL is nothing.
 * pattern_port is what the node is given. */
struct pattern_cache *pattern_new(void);
void pattern_free(struct pattern_cache *own_c);
struct patterns *pattern_port(struct pattern_cache *c);

/* pattern_check says whether an expression is one. ERR_MALFORMED: `why` says what is wrong. */
MUST_USE enum err pattern_check(struct slice expr, struct text *why);
#endif
