/* exchange -- an exchange with its bindings, by type: how they are kept, and how they are found.
 *
 * An exchange of a view is never changed: exchange_edit gives the one to work on (pmap.h says who
 * may). Bindings are owned by the catalog; here they only hang.
 */
#ifndef CORE_EXCHANGE_H
#define CORE_EXCHANGE_H
#include "core/catalog.h"
#include "core/exchange_set.h"

struct route;
struct routing;

/* exchange_varies: messages of one key may go different ways through it. */
bool exchange_varies(const struct exchange *x);

/* exchange_new makes one without bindings. The type in `d` is a known one. */
struct exchange *exchange_new(struct pmap_edit *e, const struct catalog_view *v, uint64_t id,
			      const struct declare_exchange *d);

/* exchange_edit gives the exchange for the version in work: itself, or a copy and the old one is
 * retired. */
struct exchange *exchange_edit(struct pmap_edit *e, const struct exchange *own_x);

/* exchange_bind hangs a new binding in; exchange_unbind takes it out, it must be there. Of `v` only
 * what all versions share is looked at. */
void exchange_bind(struct exchange *x, struct pmap_edit *e, const struct catalog_view *v,
		   const struct binding *b);
void exchange_unbind(struct exchange *x, struct pmap_edit *e, const struct catalog_view *v,
		     const struct binding *b);

/* exchange_any gives one of the bindings; NULL: there are none. */
const struct binding *exchange_any(const struct exchange *x);

/* exchange_drop retires the exchange and all it holds but the bindings themselves. */
void exchange_drop(struct pmap_edit *e, const struct exchange *own_x);

/* exchange_route adds to `r` where the bindings lead that match the message. */
void exchange_route(const struct catalog_view *v, const struct exchange *x, const struct routing *m,
		    struct route *r);

/* exchange_check must()s every invariant. */
void exchange_check(const struct exchange *x, struct hash_key key);
#endif
