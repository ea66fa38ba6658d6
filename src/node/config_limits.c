#include "base/text.h"
#include "node/config_lists.h"
#include "node/config_value.h"

/* Limits of virtual hosts that are made later: which ones, and how many of what. */

/* The limits of that name, or a place for them; NULL: there is none. */
static struct config_limits_one *place_of(struct config_limits *l, struct slice name)
{
	const uint32_t i = config_place(l->at, sizeof *l->at, l->n, name);
	return i < CONFIG_LIMITS_MAX ? &l->at[i] : NULL;
}

/* The first of a name: all virtual hosts, and no limit. */
static void begin(struct config_limits_one *one, struct slice name)
{
	config_name_put(one->name, sizeof one->name, name);
	memcpy(one->pattern, ".*", 3);
	one->connections = one->queues = -1;
}

enum err config_limits_set(struct config_limits *l, const struct config_row *row, struct slice name,
			   struct slice value, struct text *why)
{
	const struct config_bounds counts = { 1, INT64_MAX, "" };
	const struct config_bounds pattern = { 1, CONFIG_STRING_MAX, "" };
	size_t n = slice_find(name, '.');
	struct slice what = n < name.n ? slice_from(name, n + 1) : SLICE_EMPTY;
	struct config_limits_one *one = place_of(l, slice_sub(name, 0, n)), made;
	if (n == 0 || n > CONFIG_NAME_MAX || what.n == 0) {
		text_putf(why, "goes on with a name, as in %s.1.max_queues", row->key);
		return ERR_MALFORMED;
	}
	if (!one) {
		text_putf(why, "there can be %d of them", CONFIG_LIMITS_MAX);
		return ERR_MALFORMED;
	}
	made = *one;
	if (one == &l->at[l->n])
		begin(&made, slice_sub(name, 0, n));
	if (slice_eq(what, slice_str("pattern"))) {
		TRY(config_value_string(value, pattern, made.pattern, why));
	} else if (slice_eq(what, slice_str("max_connections"))) {
		TRY(config_value_int(value, counts, &made.connections, why));
	} else if (slice_eq(what, slice_str("max_queues"))) {
		TRY(config_value_int(value, counts, &made.queues, why));
	} else {
		text_puts(why, "has pattern, max_connections and max_queues");
		return ERR_MALFORMED;
	}
	l->n += one == &l->at[l->n];
	*one = made;
	return ERR_OK;
}
