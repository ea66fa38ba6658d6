/* grant -- what a user may do: one regular expression for each action.
 *
 * Of a virtual host: names of queues and exchanges. Of an exchange in it: routing keys (configure
 * is not asked). Bytes in the catalog (core/fact.h): three times a u16 length and the expression,
 * little-endian. Pure; slices borrow.
 */
#ifndef AUTH_GRANT_H
#define AUTH_GRANT_H
#include "base/err.h"
#include "base/slice.h"

enum auth_action {
#define ACTION(name, verb, prose) AUTH_##name,
#include "auth/action.def"
#undef ACTION
	AUTH_ACTION_N
};

struct grant {
	struct slice pattern[AUTH_ACTION_N];
};

#define GRANT_BYTES_MAX 32768u

/* grant_put writes it and gives its length; 0: it does not fit. */
uint32_t grant_put(const struct grant *g, uint8_t *buf, uint32_t cap);

/* grant_get reads it. ERR_MALFORMED: it is none. */
MUST_USE enum err grant_get(struct slice from, struct grant *out);
#endif
