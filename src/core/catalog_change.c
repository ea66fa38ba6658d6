#include "core/catalog_state.h"

#include "base/must.h"
#include "core/exchange.h"
#include "core/policy.h"
#include "core/queue_record.h"

#define BUCKET_FULL 256u /* bindings in a bucket, on average, before there are more */

void catalog_change_begin(struct catalog *c)
{
	must(c->work == NULL);
	c->edit.version++;
	c->work = pmap_alloc(&c->edit, sizeof *c->work, "catalog view");
	*c->work = *c->decided;
	c->work->version = c->edit.version;
}

void catalog_change_end(struct catalog *c)
{
	must(c->work != NULL && c->work->version == c->edit.version);
	pmap_retire(&c->edit, c->decided, sizeof *c->decided, c->decided->version);
	c->decided = c->work;
	c->work = NULL;
}

/* Exchanges. */

void catalog_add_exchange(struct catalog *c, uint64_t id, const struct declare_exchange *d)
{
	struct catalog_view *v = c->work;
	struct exchange *x = exchange_new(&c->edit, v, id, d);
	x->by_policy = policy_alternate(v, c->patterns, x);
	struct catalog_key key = { x->name, x->vhost };
	struct pmap_kind kind = catalog_exchange_kind(v->key);
	must(pmap_put(&v->exchanges, &c->edit, &kind, catalog_key_hash(v->key, x->vhost, x->name),
		      &key, (uintptr_t)x) == 0);
	if (id < EXCHANGE_ID_VOLATILE) {
		(void)pmap_put(&v->exchange_names, &c->edit, &catalog_exchange_name_kind, id, &id,
			       (uintptr_t)x->fixed);
		catalog_dirty_exchange(c, id);
	}
}

void catalog_swap_exchange(struct catalog *c, const struct exchange_name *name,
			   const struct exchange *old, const struct exchange *to)
{
	struct catalog_view *v = c->work;
	uint64_t hash = catalog_key_hash(v->key, name->vhost, exchange_name_slice(name));
	must(old != NULL);
	if (old != to)
		pmap_swap(&v->exchanges, &c->edit, hash, (uintptr_t)old, (uintptr_t)to);
}

/* Queues and their bindings. */

void catalog_add_queue(struct catalog *c, uint64_t id, const struct declare_queue *d)
{
	struct catalog_view *v = c->work;
	const struct queue_record *q = queue_record_new(&c->edit, id, d);
	must(id != 0 && (d->owner == 0 || !(d->flags & QUEUE_DURABLE)));
	struct catalog_key key = { queue_record_name(q), q->vhost };
	struct pmap_kind kind = catalog_queue_kind(v->key);
	uintptr_t object = (uintptr_t)q;
	must(pmap_put(&v->queues, &c->edit, &kind,
		      catalog_key_hash(v->key, q->vhost, queue_record_name(q)), &key, object) == 0);
	must(pmap_put(&v->queue_ids, &c->edit, &catalog_queue_id_kind, id, &id, object) == 0);
	if (q->owner)
		(void)pmap_put(&v->owned, &c->edit, &catalog_owned_kind, catalog_owned_hash(q), q,
			       object);
	if (q->flags & QUEUE_DURABLE)
		catalog_dirty_bucket(c, id, 0, 0);
	catalog_count_queue(c, q->vhost, 1);
}

/* Another record takes the place of the one that is there. */
static void alter_queue(struct catalog *c, const struct queue_record *q,
			const struct declare_queue *d)
{
	struct catalog_view *v = c->work;
	const struct slice name = queue_record_name(q);
	const struct declare_queue other = {
		.name = name,
		.arguments = d->arguments,
		.rules = d->rules,
		.owner = q->owner,
		.vhost = q->vhost,
		.shard = q->shard,
		.flags = q->flags,
	};
	uintptr_t old = (uintptr_t)q, to = (uintptr_t)queue_record_new(&c->edit, q->id, &other);
	must(q->flags & QUEUE_DURABLE && q->owner == 0);
	pmap_swap(&v->queues, &c->edit, catalog_key_hash(v->key, q->vhost, name), old, to);
	pmap_swap(&v->queue_ids, &c->edit, q->id, old, to);
	catalog_dirty_bucket(c, q->id, 0, 0);
	queue_record_retire(&c->edit, q);
}

static void mark_binding(struct catalog *c, const struct binding *b, uint32_t level)
{
	struct binding_key key = binding_key_of(b);
	if (binding_is_durable(b))
		catalog_dirty_bucket(c, b->to, level, catalog_bucket(binding_hash(&key), level));
}

static void put_in_bound(struct catalog *c, struct bound *to, const struct binding *b)
{
	struct binding_key key = binding_key_of(b);
	must(to->birth == c->edit.version && to->queue == b->to);
	must(pmap_put(&to->bindings, &c->edit, &binding_kind, binding_hash(&key), &key,
		      (uintptr_t)b) == 0);
}

static struct bound *bound_edit(struct catalog *c, uintptr_t object, uint64_t queue)
{
	struct bound *old = object & BOUND ? (struct bound *)(object - BOUND) : NULL;
	if (old && old->birth == c->edit.version)
		return old;
	struct bound *to = pmap_alloc(&c->edit, sizeof *to, "catalog bound");
	if (old)
		*to = *old;
	else
		*to = (struct bound){ .queue = queue, .bindings = PMAP_HASHED };
	to->birth = c->edit.version;
	must(to->queue == queue);
	if (old)
		pmap_retire(&c->edit, old, sizeof *old, old->birth);
	else
		put_in_bound(c, to, (const struct binding *)object);
	return to;
}

static uintptr_t bound_add(struct catalog *c, uintptr_t object, const struct binding *b)
{
	uint32_t level = object & BOUND ? ((struct bound *)(object - BOUND))->level : 0;
	mark_binding(c, b, level);
	if (object == 0)
		return (uintptr_t)b;
	struct bound *to = bound_edit(c, object, b->to);
	put_in_bound(c, to, b);
	if (level < BOUND_LEVEL_MAX && to->bindings.n > BUCKET_FULL << (4 * level)) {
		to->level = level + 1;
		if (catalog_queue_by_id(c->work, b->to)->flags & QUEUE_DURABLE) {
			catalog_dirty_level(c, b->to, level);
			catalog_dirty_level(c, b->to, level + 1);
		}
	}
	return (uintptr_t)to + BOUND;
}

static uintptr_t bound_del(struct catalog *c, uintptr_t object, const struct binding *b)
{
	if (!(object & BOUND)) {
		must(object == (uintptr_t)b);
		mark_binding(c, b, 0);
		return 0;
	}
	struct bound *to = bound_edit(c, object, b->to);
	struct binding_key key = binding_key_of(b);
	mark_binding(c, b, to->level);
	must(pmap_del(&to->bindings, &c->edit, &binding_kind, binding_hash(&key), &key) ==
	     (uintptr_t)b);
	if (to->bindings.n > 1)
		return (uintptr_t)to + BOUND;
	uintptr_t left = pmap_first(&to->bindings);
	if (to->level && b->flags & QUEUE_DURABLE) {
		catalog_dirty_level(c, b->to, to->level);
		catalog_dirty_level(c, b->to, 0);
	}
	pmap_clear(&to->bindings, &c->edit);
	pmap_retire(&c->edit, to, sizeof *to, to->birth);
	return left;
}

static void swap_bound(struct catalog *c, uint64_t queue, uintptr_t old, uintptr_t to)
{
	struct pmap *m = &c->work->bound;
	must(old != 0 || to != 0);
	if (old == 0)
		(void)pmap_put(m, &c->edit, &catalog_bound_kind, queue, &queue, to);
	else if (old != to)
		pmap_swap(m, &c->edit, queue, old, to);
}

static void between_mark(struct catalog *c, const struct binding_key *key)
{
	uint32_t level = c->work->between_level;
	must(key->to_x != NULL);
	catalog_dirty_bucket(c, BETWEEN, level, catalog_bucket(binding_hash(key), level));
}

static void between_level(struct catalog *c, uint32_t level)
{
	must(level != c->work->between_level);
	catalog_dirty_level(c, BETWEEN, c->work->between_level);
	catalog_dirty_level(c, BETWEEN, level);
	c->work->between_level = level;
}

static void between_add(struct catalog *c, const struct binding *b)
{
	struct catalog_view *v = c->work;
	struct binding_key key = binding_key_of(b);
	uintptr_t object = (uintptr_t)b;
	must(pmap_put(&v->between, &c->edit, &catalog_between_kind, catalog_between_hash(&key),
		      &key, object) == 0);
	if (!binding_is_durable(b))
		return;
	must(pmap_put(&v->between_logged, &c->edit, &binding_kind, binding_hash(&key), &key,
		      object) == 0);
	between_mark(c, &key);
	if (v->between_level < BOUND_LEVEL_MAX &&
	    v->between_logged.n > BUCKET_FULL << (4 * v->between_level))
		between_level(c, v->between_level + 1);
}

static void between_del(struct catalog *c, const struct binding *b)
{
	struct catalog_view *v = c->work;
	struct binding_key key = binding_key_of(b);
	uintptr_t object = (uintptr_t)b;
	must(pmap_del(&v->between, &c->edit, &catalog_between_kind, catalog_between_hash(&key),
		      &key) == object);
	if (!binding_is_durable(b))
		return;
	must(pmap_del(&v->between_logged, &c->edit, &binding_kind, binding_hash(&key), &key) ==
	     object);
	between_mark(c, &key);
	if (v->between_level > 0 && v->between_logged.n <= 1)
		between_level(c, 0);
}

/* What routing must know of where a binding leads. */
static struct binding *make_binding(struct catalog *c, const struct ends *e, const struct bind *b)
{
	struct binding_key key = catalog_ends_key(e, b);
	bool is_durable = e->to && e->to->flags & EXCHANGE_DURABLE;
	must(catalog_ends_both(e));
	if (e->to)
		return binding_new(&c->edit, &key, 0, is_durable ? QUEUE_DURABLE : 0);
	return binding_new(&c->edit, &key, e->queue->shard, e->queue->flags);
}

void catalog_add_binding(struct catalog *c, const struct ends *e, const struct bind *d)
{
	struct catalog_view *v = c->work;
	const struct exchange *x = e->x;
	const struct exchange_name *name = x->fixed;
	const struct binding *b = make_binding(c, e, d);
	uintptr_t old = 0;
	if (e->to) {
		between_add(c, b);
	} else {
		old = pmap_find(&v->bound, &catalog_bound_kind, b->to, &b->to);
		swap_bound(c, b->to, old, bound_add(c, old, b));
	}
	struct exchange *to = exchange_edit(&c->edit, x);
	exchange_bind(to, &c->edit, v, b);
	catalog_swap_exchange(c, name, x, to);
	v->bindings_n++;
	must(to->bindings_n > 0);
}

static void del_binding(struct catalog *c, const struct binding *own_b)
{
	struct catalog_view *v = c->work;
	const struct exchange_name *name = own_b->exchange;
	const struct exchange *x = catalog_exchange(v, name->vhost, exchange_name_slice(name));
	must(x != NULL && x->fixed == name && v->bindings_n > 0);
	if (own_b->to & BINDING_TO_EXCHANGE) {
		between_del(c, own_b);
	} else {
		uintptr_t old = pmap_find(&v->bound, &catalog_bound_kind, own_b->to, &own_b->to);
		swap_bound(c, own_b->to, old, bound_del(c, old, own_b));
	}
	struct exchange *to = exchange_edit(&c->edit, x);
	exchange_unbind(to, &c->edit, v, own_b);
	catalog_swap_exchange(c, name, x, to);
	v->bindings_n--;
	binding_retire(&c->edit, own_b);
}

/* A binding that leads to the exchange; NULL: none does. */
static const struct binding *any_to(const struct catalog_view *v, const struct exchange_name *to)
{
	struct pmap_walk w;
	must(to != NULL);
	catalog_between_walk(&w, v, to);
	return catalog_between_next(&w, to);
}

void catalog_del_exchange(struct catalog *c, const struct exchange *x)
{
	struct catalog_view *v = c->work;
	const struct exchange_name *name = x->fixed;
	for (const struct binding *b; (b = any_to(v, name));)
		del_binding(c, b);
	x = catalog_exchange(v, name->vhost, exchange_name_slice(name));
	for (const struct binding *b; (b = exchange_any(x));) {
		del_binding(c, b);
		x = catalog_exchange(v, name->vhost, exchange_name_slice(name));
	}
	must(x->bindings_n == 0);
	catalog_swap_exchange(c, name, x, NULL);
	if (x->id < EXCHANGE_ID_VOLATILE) {
		pmap_swap(&v->exchange_names, &c->edit, x->id, (uintptr_t)name, 0);
		catalog_dirty_exchange(c, x->id);
	}
	exchange_drop(&c->edit, x);
}

static void del_queue(struct catalog *c, const struct queue_record *q)
{
	struct catalog_view *v = c->work;
	struct pmap_walk w;
	for (const struct binding *b;;) {
		catalog_bound_walk(&w, v, q->id, 0);
		b = (const struct binding *)pmap_walk_next(&w);
		if (!b)
			break;
		del_binding(c, b);
	}
	uintptr_t object = (uintptr_t)q;
	uint64_t hash = catalog_key_hash(v->key, q->vhost, queue_record_name(q));
	pmap_swap(&v->queues, &c->edit, hash, object, 0);
	pmap_swap(&v->queue_ids, &c->edit, q->id, object, 0);
	if (q->owner)
		pmap_swap(&v->owned, &c->edit, catalog_owned_hash(q), object, 0);
	if (q->flags & QUEUE_DURABLE)
		catalog_dirty_bucket(c, q->id, 0, 0);
	catalog_count_queue(c, q->vhost, -1);
	must(q->version <= c->edit.version);
	queue_record_retire(&c->edit, q);
}

/* Outcomes. */

static uint64_t next_exchange_id(struct catalog *c, bool is_durable)
{
	must(c->work->exchange_next >= EXCHANGE_ID_VOLATILE);
	if (!is_durable)
		return c->work->exchange_next++;
	catalog_dirty_counters(c);
	return c->work->exchange_logged++;
}

static void exchange_declared(struct catalog *c, const struct run *o)
{
	struct declare_exchange d;
	must(declare_exchange_get(run_tail(o), &d) == ERR_OK);
	if (catalog_exchange(c->decided, d.vhost, d.name))
		return;
	catalog_change_begin(c);
	catalog_add_exchange(c, next_exchange_id(c, d.flags & EXCHANGE_DURABLE), &d);
	catalog_change_end(c);
}

static void exchange_deleted(struct catalog *c, const struct run *o)
{
	struct declare_exchange d;
	must(declare_exchange_get(run_tail(o), &d) == ERR_OK);
	const struct exchange *x = catalog_exchange(c->decided, d.vhost, d.name);
	if (!x)
		return;
	catalog_change_begin(c);
	catalog_del_exchange(c, x);
	catalog_change_end(c);
}

static void queue_declared(struct catalog *c, const struct run *o)
{
	struct declare_queue d;
	must(declare_queue_get(run_tail(o), &d) == ERR_OK);
	const struct queue_record *q = catalog_queue_by_id(c->decided, o->queue);
	if (q && !(o->flags & RUN_LOGGED))
		return;
	must(q || catalog_queue(c->decided, d.vhost, d.name) == NULL);
	catalog_change_begin(c);
	if (q) {
		alter_queue(c, q, &d);
		catalog_change_end(c);
		return;
	}
	if (o->queue >= c->work->queue_next)
		c->work->queue_next = o->queue + 1;
	if (o->flags & RUN_LOGGED && o->queue >= c->work->queue_logged) {
		c->work->queue_logged = o->queue + 1;
		catalog_dirty_counters(c);
	}
	catalog_add_queue(c, o->queue, &d);
	catalog_change_end(c);
}

static void queue_deleted(struct catalog *c, const struct run *o)
{
	const struct queue_record *q = catalog_queue_by_id(c->decided, o->queue);
	must(o->queue != 0);
	if (!q)
		return;
	catalog_change_begin(c);
	del_queue(c, q);
	catalog_change_end(c);
}

static void bound_or_unbound(struct catalog *c, const struct run *o)
{
	struct bind d;
	must(bind_get(run_tail(o), &d) == ERR_OK);
	struct ends e = catalog_ends(c->decided, &d);
	if (!catalog_ends_both(&e))
		return;
	struct binding_key key = catalog_ends_key(&e, &d);
	const struct binding *b = catalog_binding(c->decided, &key);
	if ((b != NULL) == (o->kind == OUTCOME_BIND))
		return;
	catalog_change_begin(c);
	if (b)
		del_binding(c, b);
	else
		catalog_add_binding(c, &e, &d);
	catalog_change_end(c);
}

void catalog_change(struct catalog *c, const struct run *o)
{
	must(c->decided != NULL);
	switch (o->kind) {
	case OUTCOME_EXCHANGE_DECLARE: exchange_declared(c, o); return;
	case OUTCOME_EXCHANGE_DELETE: exchange_deleted(c, o); return;
	case OUTCOME_QUEUE_DECLARE: queue_declared(c, o); return;
	case OUTCOME_QUEUE_DELETE: queue_deleted(c, o); return;
	case OUTCOME_BIND:
	case OUTCOME_UNBIND: bound_or_unbound(c, o); return;
	case OUTCOME_FACT_PUT:
	case OUTCOME_FACT_DELETE: catalog_fact_changed(c, o); return;
	default: must(o->kind == OUTCOME_BARRIER);
	}
}

/* The end. */

static void free_bindings(struct catalog *c, const struct catalog_view *v)
{
	struct pmap_walk all, w;
	pmap_walk(&all, &v->bound);
	for (uintptr_t object; (object = pmap_walk_next(&all));) {
		if (!(object & BOUND)) {
			binding_retire(&c->edit, (const struct binding *)object);
			continue;
		}
		struct bound *set = (struct bound *)(object - BOUND);
		pmap_walk(&w, &set->bindings);
		for (uintptr_t b; (b = pmap_walk_next(&w));)
			binding_retire(&c->edit, (const struct binding *)b);
		pmap_clear(&set->bindings, &c->edit);
		pmap_retire(&c->edit, set, sizeof *set, set->birth);
	}
	pmap_walk(&all, &v->between);
	for (uintptr_t b; (b = pmap_walk_next(&all));)
		binding_retire(&c->edit, (const struct binding *)b);
}

void catalog_free_view(struct catalog *c)
{
	struct catalog_view *v = (struct catalog_view *)(uintptr_t)c->decided;
	struct pmap_walk w;
	must(c->work == NULL);
	pmap_collect(&c->edit, UINT64_MAX);
	c->edit.version = 0; /* so that nothing waits for a reader */
	pmap_walk(&w, &v->exchanges);
	for (uintptr_t x; (x = pmap_walk_next(&w));)
		exchange_drop(&c->edit, (const struct exchange *)x);
	free_bindings(c, v);
	pmap_walk(&w, &v->queue_ids);
	for (uintptr_t object; (object = pmap_walk_next(&w));) {
		const struct queue_record *q = (const struct queue_record *)object;
		queue_record_retire(&c->edit, q);
	}
	pmap_walk(&w, &v->fact_ids);
	for (uintptr_t object; (object = pmap_walk_next(&w));)
		fact_retire(&c->edit, (const struct fact *)object);
	pmap_retire(&c->edit, v->vhosts, catalog_vhosts_bytes(v->vhosts), v->vhosts->birth);
	pmap_clear(&v->facts, &c->edit);
	pmap_clear(&v->fact_ids, &c->edit);
	pmap_clear(&v->policies, &c->edit);
	pmap_clear(&v->exchanges, &c->edit);
	pmap_clear(&v->exchange_names, &c->edit);
	pmap_clear(&v->queues, &c->edit);
	pmap_clear(&v->queue_ids, &c->edit);
	pmap_clear(&v->owned, &c->edit);
	pmap_clear(&v->bound, &c->edit);
	pmap_clear(&v->between, &c->edit);
	pmap_clear(&v->between_logged, &c->edit);
	pmap_retire(&c->edit, v, sizeof *v, v->version);
}
