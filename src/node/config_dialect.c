#include "base/text.h"
#include "node/config_lists.h"
#include "node/config_value.h"

/* A listener may speak another dialect of its protocol. It may be named before it is there; that
 * there is one is looked at when everything has been read, so each remembers where it was said. */

static struct slice name_of(const struct config_dialect *d)
{
	return slice_str(d->name);
}

enum err config_dialect_set(struct config_dialects *d, const struct config_row *row,
			    struct config_source from, struct slice name, struct slice value,
			    struct text *why)
{
	int place = 0;
	struct slice end = slice_str(CONFIG_DIALECT_END);
	TRY(config_value_choice(value, row->unit, &place, why));
	if (name.n <= end.n || name.n - end.n > CONFIG_STRING_MAX) {
		text_putf(why, "names a listener, as in %s.NAME%s", row->key, CONFIG_DIALECT_END);
		return ERR_MALFORMED;
	}
	name = slice_sub(name, 0, name.n - end.n);
	const uint32_t i = config_place(d->at, sizeof *d->at, d->n, name);
	if (i == CONFIG_USERS_MAX) {
		text_putf(why, "there can be %d such listeners", CONFIG_USERS_MAX);
		return ERR_MALFORMED;
	}
	d->n += i == d->n;
	d->at[i].is_other = place > 0;
	d->at[i].line = from.line;
	config_name_put(d->at[i].name, sizeof d->at[i].name, name);
	config_name_put(d->at[i].source, sizeof d->at[i].source, slice_str(from.name));
	return ERR_OK;
}

bool config_has_dialect(const struct config_dialects *d, struct slice listener)
{
	const uint32_t i = config_place(d->at, sizeof *d->at, d->n, listener);
	return i < d->n && d->at[i].is_other;
}

bool config_dialects_same(const struct config_dialects *a, const struct config_dialects *b)
{
	bool is_same = a->n == b->n;
	for (uint32_t i = 0; is_same && i < a->n; i++)
		is_same = a->at[i].is_other == b->at[i].is_other &&
			  slice_eq(name_of(&a->at[i]), name_of(&b->at[i]));
	return is_same;
}

static bool is_among(const struct config_listeners *l, struct slice name)
{
	return config_place(l->at, sizeof *l->at, l->n, name) < l->n;
}

/* Those of WebSocket have one name together. */
static bool is_listening(const struct config *c, struct slice name)
{
	return is_among(&c->stomp, name) || is_among(&c->stomps, name) ||
	       (slice_eq(name, slice_str("web_stomp")) && c->web_stomp.n + c->web_stomps.n > 0);
}

enum err config_dialects_check(const struct config *c, struct text *why)
{
	const struct config_dialects *all = &c->stomp_dialects;
	for (uint32_t i = 0; i < all->n; i++) {
		const struct config_dialect *d = &all->at[i];
		if (is_listening(c, name_of(d)))
			continue;
		config_source_put(why, (struct config_source){ d->source, d->line });
		text_puts(why, ": stomp.listeners.");
		text_put_printable(why, name_of(d));
		text_puts(why,
			  CONFIG_DIALECT_END ": there is no listener of that name; open one as "
					     "stomp.listeners.tcp.");
		text_put_printable(why, name_of(d));
		return ERR_MALFORMED;
	}
	return ERR_OK;
}
