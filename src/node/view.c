/* Catalog versions: one writer publishes, every loop notes once a turn what it has seen. Both write
 * first and look then (sequentially consistent): one of the two sees the other.
 *
 * A loop that polls is offline: it holds no version. What the catalog has answered is held until
 * no loop can still act on an older version, so what one connection has been told, all find. */
#include "node/loop.h"

#include "base/ablate.h"
#include "base/must.h"
#include "core/fact.h"

static uint64_t seen_by_all(const struct node *n, uint64_t own)
{
	uint64_t least = own;
	for (uint32_t i = 0; i < n->loops_n; i++) {
		uint64_t seen = atomic_load(&n->loops[i].seen);
		if (i != n->shard[0]->loop->index && seen < least)
			least = seen;
	}
	return least;
}

bool view_is_waited_for(const struct loop *l)
{
	const struct node *n = l->node;
	return !ABLATED(last_look) && n->shard[0]->loop == l && n->held &&
	       n->held->version <= seen_by_all(n, atomic_load(&n->version));
}

/* Moves what catalog_apply has told into the queue of what waits for `version`. */
static void hold(struct loop *l, struct shard *s, uint64_t version)
{
	struct node *n = l->node;
	for (uint32_t to = 0; to < n->loops_n; to++) {
		struct batch *b = post_take(&s->held, to);
		while (b) {
			struct batch *next = b->next;
			for (struct run *r = batch_first(b); r; r = batch_next(b, r)) {
				size_t bytes = offsetof(struct held_run, run) + r->len;
				struct held_run *h = mem_get(&l->memory.mem, bytes, "held");
				must(h != NULL);
				h->next = NULL;
				h->version = version;
				h->loop = to;
				memcpy(&h->run, r, r->len);
				*n->held_tail = h;
				n->held_tail = &h->next;
			}
			post_give_back(&s->held, b);
			b = next;
		}
	}
}

static void publish(struct loop *l, struct shard *s)
{
	struct node *n = l->node;
	const struct catalog_view *before = atomic_load(&n->view), *v = catalog_view(s->catalog);
	bool is_for_all = before && catalog_facts_version(before) != catalog_facts_version(v);
	atomic_store(&n->view, v);
	atomic_store(&n->version, catalog_version(v));
	for (uint32_t i = 0; i < n->loops_n; i++)
		if (is_for_all || atomic_load(&n->loops[i].waits_for_view))
			loop_wake(l, i); /* somebody on it may have lost his user, in his sleep */
	hold(l, s, catalog_version(v));
	s->is_applied = false;
}

bool view_release(struct loop *l)
{
	struct shard *s = &l->shards[0];
	struct node *n = l->node;
	if (!s->catalog)
		return false;
	if (s->is_applied)
		publish(l, s);
	if (!n->held && l->collected == atomic_load_explicit(&n->version, memory_order_relaxed))
		return false;
	uint64_t seen = seen_by_all(n, atomic_load(&n->version));
	bool is_any = false;
	while (n->held && n->held->version <= seen) {
		struct held_run *h = n->held;
		n->held = h->next;
		if (!n->held)
			n->held_tail = &n->held;
		const struct run *r = &h->run;
		post_run(&l->post, h->loop, r, r + 1, r->row_bytes, r->n, run_tail(r));
		mem_put(&l->memory.mem, h, offsetof(struct held_run, run) + r->len);
		is_any = true;
	}
	if (seen > l->collected) {
		exchange_tally_end(&l->exchanges); /* this loop is not asked what it has seen */
		catalog_collect(s->catalog, seen);
		l->collected = seen;
	}
	return is_any;
}

void view_see(struct loop *l)
{
	struct node *n = l->node;
	uint64_t version = atomic_load(&n->version);
	bool is_new = version != l->seen_version;
	exchange_tally_end(&l->exchanges);
	l->seen_version = version;
	atomic_store(&l->seen, version);
	const struct catalog_view *v = atomic_load(&n->view);
	if (is_new && v && catalog_facts_version(v) != l->seen_facts) {
		l->seen_facts = catalog_facts_version(v);
		conns_alarm(l); /* some may have lost their user, or their virtual host */
	}
	if (is_new && l->world.watchers_n > 0)
		conns_see(l);
	if (is_new && n->shard[0]->loop != l)
		loop_wake(l, n->shard[0]->loop->index);
}
