#include "migrate/rights.h"

#define DEPTH_MAX 100u /* of groups in an expression; the engine has 250 */

bool rights_add(struct rights *r, struct hoard *h, const struct right *rule)
{
	struct right *own = hoard_get(h, sizeof *own);
	if (!own)
		return false;
	*own = *rule;
	own->next = NULL;
	if (!r->end)
		r->end = &r->first;
	*r->end = own;
	r->end = &own->next;
	return true;
}

static void put_one(const struct right *r, enum rights_for what, struct page *to)
{
	if (r->is_exact)
		filter_put_exact(&r->filter, to);
	else if (r->is_allowed || what != RIGHTS_READING)
		filter_put_within(&r->filter, to);
	else
		filter_put_touching(&r->filter, to);
}

/* Those of one kind that follow each other; gives the first of the other. */
static const struct right *put_run(const struct right *r, enum rights_for what, struct page *to)
{
	const bool kind = r->is_allowed;
	for (const char *between = ""; r && r->is_allowed == kind; r = r->next) {
		page_puts(to, between);
		put_one(r, what, to);
		between = "|";
	}
	return r;
}

bool rights_put(const struct rights *r, enum rights_for what, struct page *to)
{
	const struct right *at = r->first;
	bool is_allowed = false;
	uint32_t depth = 0;
	while (at && depth < DEPTH_MAX) {
		is_allowed = at->is_allowed;
		page_puts(to, is_allowed ? "(?:" : "(?!(?:");
		at = put_run(at, what, to);
		if (!is_allowed)
			page_puts(to, ")\\z)(?:");
		else if (at || r->is_else_allowed)
			page_puts(to, "|");
		depth++;
	}
	if (r->is_else_allowed) /* which has never meant the broker's own topics */
		page_puts(to, "(?!\\$CONTROL).*");
	else if (!is_allowed)
		page_puts(to, "(?!)");
	for (uint32_t i = 0; i < depth; i++)
		page_puts(to, ")");
	return !at;
}
