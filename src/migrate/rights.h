/* rights -- who may do what with which topics, in the order in which it is asked: one regular
 * expression over keys (filter.h).
 *
 * The first rule that a topic meets decides. A filter that somebody reads from is allowed if all of
 * its topics are, by one rule, and no rule before it forbids one of them: what withholds single
 * messages there, refuses the subscription here.
 */
#ifndef MIGRATE_RIGHTS_H
#define MIGRATE_RIGHTS_H
#include "migrate/filter.h"

struct right {
	struct right *next;
	struct filter_of filter;
	bool is_allowed;
	bool is_exact; /* the filter itself is meant, letter for letter */
};

struct rights {
	struct right *first, **end; /* NULL: none yet */
	bool is_else_allowed;       /* what meets no rule */
};

/* What the expression judges: topics of messages; filters, by their topics; filters, as such. */
enum rights_for { RIGHTS_TOPICS, RIGHTS_READING, RIGHTS_FILTERS };

/* rights_add puts a rule behind the others. False: no memory. */
bool rights_add(struct rights *r, struct hoard *h, const struct right *rule);

/* rights_put writes the expression without anchors. False: it would be too deep for one. */
bool rights_put(const struct rights *r, enum rights_for what, struct page *to);
#endif
