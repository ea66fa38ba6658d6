/* config_value -- how a value of each type is written in a file.
 *
 * Pure. A reader that fails appends the reason to `why`, as it follows "KEY: ", and leaves *out
 * untouched; the error is always ERR_MALFORMED.
 */
#ifndef NODE_CONFIG_VALUE_H
#define NODE_CONFIG_VALUE_H
#include "node/config.h"

/* config_value_bool reads true or false. */
MUST_USE enum err config_value_bool(struct slice value, bool *out, struct text *why);

struct config_bounds {
	int64_t min, max;
	const char *unit;
};

/* config_value_int reads a whole number within bounds. */
MUST_USE enum err config_value_int(struct slice value, struct config_bounds bounds, int64_t *out,
				   struct text *why);

/* config_value_bound reads likewise, or the word infinity, which gives -1. */
MUST_USE enum err config_value_bound(struct slice value, struct config_bounds bounds, int64_t *out,
				     struct text *why);

/* config_value_bytes reads a whole number with a unit or none, in either case: k, ki, kib, m, ...
 * p are powers of 1024; kb, mb, ... pb powers of 1000. */
MUST_USE enum err config_value_bytes(struct slice value, struct config_bounds bounds, int64_t *out,
				     struct text *why);

/* config_value_ratio reads a number such as 0.4 or 1 within bounds. */
MUST_USE enum err config_value_ratio(struct slice value, struct config_bounds bounds, double *out,
				     struct text *why);

/* config_value_choice reads one of `words`, separated by |, and gives its place. */
MUST_USE enum err config_value_choice(struct slice value, const char *words, int *out,
				      struct text *why);

/* config_value_listener reads [address:]port into all of *out but its name. The address is of IPv4
 * or IPv6, in brackets or not. */
MUST_USE enum err config_value_listener(struct slice value, struct config_listener *out,
					struct text *why);

/* config_value_host reads an address into the host of *out. */
MUST_USE enum err config_value_host(struct slice value, struct config_listener *out,
				    struct text *why);

/* config_value_string copies at least `bounds.min` and at most bounds.max bytes, and a zero, into
 * `out`, which has room for CONFIG_STRING_MAX of them. */
MUST_USE enum err config_value_string(struct slice value, struct config_bounds bounds, char *out,
				      struct text *why);
#endif
