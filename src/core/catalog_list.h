/* catalog_list -- all exchanges and all bindings of a view, one after the other.
 *
 * For who writes them down: a walk goes on in whatever view there is then, so what comes or goes
 * meanwhile is seen or not. Pure.
 */
#ifndef CORE_CATALOG_LIST_H
#define CORE_CATALOG_LIST_H
#include "core/catalog.h"

/* Zero to begin with. */
struct catalog_walk {
	uint64_t end;  /* queue in hand */
	uint64_t hash; /* of what comes next, at least */
	bool is_past_queues, is_over;
};

/* catalog_exchange_next gives the next exchange; NULL: there are no more. */
const struct exchange *catalog_exchange_next(const struct catalog_view *v, struct catalog_walk *w);

/* catalog_exchange_type says of which type it is. */
struct slice catalog_exchange_type(const struct exchange *x);

/* catalog_binding_next gives the next binding, with slices into the view; false: no more. */
bool catalog_binding_next(const struct catalog_view *v, struct catalog_walk *w, struct bind *out);

/* catalog_bindings_of says how many a queue has. */
uint32_t catalog_bindings_of(const struct catalog_view *v, uint64_t queue);
#endif
