#include "session/no_local.h"

#include "base/must.h"

void no_local_init(struct no_local *n, const struct route_hit *of, struct mem *mem)
{
	must(of->route->n > 0);
	n->hit = *of;
	n->hit.route = &n->route;
	n->hit.varies = true;
	n->route = *of->route;
	n->bytes = n->route.n * sizeof *n->route.to;
	n->route.to = mem_get(mem, n->bytes, "route");
	must(n->route.to != NULL);
	memcpy(n->route.to, of->route->to, n->bytes);
}

void no_local_fini(struct no_local *n, struct mem *mem)
{
	must(n->bytes > 0);
	mem_put(mem, n->route.to, n->bytes);
}

void no_local_leave_out(struct no_local *n, uint64_t queue)
{
	struct route *r = &n->route;
	uint32_t at = 0;
	must(queue != 0);
	while (at < r->n && r->to[at].queue != queue)
		at++;
	if (at == r->n)
		return;
	r->n--;
	memmove(&r->to[at], &r->to[at + 1], (r->n - at) * sizeof *r->to);
}
