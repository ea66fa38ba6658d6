#include "core/catalog_list.h"

#include "base/must.h"
#include "core/catalog_view.h"
#include "core/exchange.h"

const struct exchange *catalog_exchange_next(const struct catalog_view *v, struct catalog_walk *w)
{
	struct pmap_kind kind = catalog_exchange_kind(v->key);
	struct pmap_walk at;
	must(w->end == 0);
	if (w->is_over)
		return NULL;
	pmap_walk_from(&at, &v->exchanges, &kind, w->hash);
	const struct exchange *x = (const struct exchange *)pmap_walk_next(&at);
	uint64_t hash = x ? catalog_key_hash(v->key, x->vhost, x->name) : UINT64_MAX;
	w->is_over = hash == UINT64_MAX;
	w->hash = hash + 1;
	return x;
}

struct slice catalog_exchange_type(const struct exchange *x)
{
	must(x->type != 0);
	return slice_str(exchange_type_name(x->type));
}

static void give(const struct binding *b, struct slice to, struct bind *out)
{
	must(b->exchange != NULL);
	*out = (struct bind){
		.exchange = exchange_name_slice(b->exchange),
		.queue = to,
		.key = binding_key_slice(b),
		.arguments = binding_arguments(b),
		.vhost = b->exchange->vhost,
	};
}

static bool of_queues(const struct catalog_view *v, struct catalog_walk *w, struct bind *out)
{
	const struct queue_record *q = w->end ? catalog_queue_by_id(v, w->end) : NULL;
	struct pmap_walk at;
	must(!w->is_past_queues);
	for (;;) {
		if (q) {
			catalog_bound_walk(&at, v, q->id, w->hash);
			const struct binding *b = (const struct binding *)pmap_walk_next(&at);
			if (b) {
				struct binding_key key = binding_key_of(b);
				w->hash = binding_hash(&key) + 1;
				give(b, queue_record_name(q), out);
				return true;
			}
		}
		q = catalog_queue_after(v, w->end);
		w->hash = 0;
		if (!q)
			return false;
		w->end = q->id;
	}
}

bool catalog_binding_next(const struct catalog_view *v, struct catalog_walk *w, struct bind *out)
{
	struct pmap_walk at;
	if (!w->is_past_queues) {
		if (of_queues(v, w, out))
			return true;
		w->is_past_queues = true;
		w->hash = 0;
	}
	must(out != NULL);
	if (w->is_over)
		return false;
	pmap_walk_from(&at, &v->between, &catalog_between_kind, w->hash);
	const struct binding *b = (const struct binding *)pmap_walk_next(&at);
	if (!b)
		return false;
	struct binding_key key = binding_key_of(b);
	uint64_t hash = catalog_between_hash(&key);
	w->is_over = hash == UINT64_MAX;
	w->hash = hash + 1;
	must(key.to_x != NULL);
	give(b, exchange_name_slice(key.to_x), out);
	out->to_exchange = true;
	return true;
}

uint32_t catalog_bindings_of(const struct catalog_view *v, uint64_t queue)
{
	must(queue != 0);
	return catalog_bound_n(v, queue);
}
