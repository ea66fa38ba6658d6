/* headers -- the bindings of a headers exchange: found by what a message has.
 *
 * A binding's arguments (a field table) are pairs that a message must have: all of them, or any
 * (argument x-match). Each binding hangs where one look-up of a pair finds it: one that wants all
 * under its pair with the fewest others, one that wants any under each of its pairs; what has no
 * pair is looked at always.
 *
 *   by_key: hash of name and value, or of a name alone --> struct headers_place --> bindings
 *   root:   bindings without a pair
 *
 * So a message costs two look-ups for each of its headers, and whatever hangs there is compared
 * as a whole. Persistent, as pmap.h says.
 */
#ifndef CORE_HEADERS_H
#define CORE_HEADERS_H
#include "core/exchange_set.h"

struct catalog_view;
struct exchange;
struct route;
struct routing;

/* headers_bind hangs a binding in, headers_unbind takes one out that is there; `x` is in work. */
void headers_bind(struct exchange *x, struct pmap_edit *e, const struct catalog_view *v,
		  const struct binding *b);
void headers_unbind(struct exchange *x, struct pmap_edit *e, const struct catalog_view *v,
		    const struct binding *b);

/* headers_any gives one of the bindings, of which there are some. headers_drop retires all but the
 * bindings themselves. */
const struct binding *headers_any(const struct exchange *x);
void headers_drop(const struct exchange *x, struct pmap_edit *e);

/* headers_route adds the destinations of all bindings that the message's headers match. */
void headers_route(const struct catalog_view *v, const struct exchange *x, const struct routing *m,
		   struct route *r);

/* headers_free gives back the room in `r` where headers are kept while they are compared. */
void headers_free(struct route *r);

void headers_check(const struct exchange *x); /* must()s every invariant */
#endif
