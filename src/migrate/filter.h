/* filter -- a topic filter of MQTT as a regular expression over keys.
 *
 * A key has dots where a topic has slashes, and the key of a filter has * and # where the filter
 * has + and # (docs/migrate.md). So one expression can judge both: the topic of a message, and the
 * filter that somebody subscribes to. Pure; expressions have no anchors at their ends.
 */
#ifndef MIGRATE_FILTER_H
#define MIGRATE_FILTER_H
#include "migrate/page.h"

/* For whom a filter is written: %c and %u stand for the client's id and the user's name. */
struct filter_of {
	struct slice text;
	struct slice user;  /* what %u is; the client's id becomes {client_id} */
	bool has_variables; /* else %c and %u are letters */
	bool is_for_all;    /* a wildcard in front takes topics that begin with $, too */
};

/* filter_is_good: may it be one? # and + are alone in their level, # is the last. */
bool filter_is_good(struct slice text);

/* filter_has: has it the variable (%c or %u)? */
bool filter_has(struct slice text, const char *variable);

/* filter_put_exact writes what fits the filter itself, letter for letter. */
void filter_put_exact(const struct filter_of *f, struct page *to);

/* filter_put_within writes what fits a topic that the filter takes, and a filter all of whose
 * topics it takes. */
void filter_put_within(const struct filter_of *f, struct page *to);

/* filter_put_touching writes what fits a topic that the filter takes, and a filter that has one
 * topic with it in common. */
void filter_put_touching(const struct filter_of *f, struct page *to);
#endif
