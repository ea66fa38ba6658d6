#include "core/jms.h"

#include "base/must.h"
#include "core/catalog_view.h"
#include "core/jms_selector.h"

static bool is_wanted(const struct catalog_view *v, const struct binding *b,
		      const struct routing *m)
{
	struct header h;
	must(v->arguments != NULL);
	return header_find(v->arguments, binding_arguments(b), slice_str(JMS_SELECTOR), &h) &&
	       h.class == HEADER_TEXT && jms_selector_matches(h.octets, m->headers, m->props);
}

void jms_route(const struct catalog_view *v, const struct exchange *x, const struct routing *m,
	       struct route *r)
{
	struct pmap_walk w;
	must(x->kind == EXCHANGE_JMS_TOPIC);
	if (!x->root || !v->arguments)
		return;
	exchange_set_walk(&w, x->root);
	for (uintptr_t at; (at = pmap_walk_next(&w));)
		if (is_wanted(v, (const struct binding *)at, m))
			route_add(r, at);
}
