#include "core/catalog_state.h"

#include "base/must.h"
#include "core/exchange.h"
#include "core/policy.h"
#include "wire/record/head.h"

static const struct {
	const char *name, *type;
	uint8_t flags;
} predeclared[] = {
	{ "", "direct", EXCHANGE_DURABLE },
	{ "amq.direct", "direct", EXCHANGE_DURABLE },
	{ "amq.fanout", "fanout", EXCHANGE_DURABLE },
	{ "amq.topic", "topic", EXCHANGE_DURABLE },
	{ "amq.headers", "headers", EXCHANGE_DURABLE },
	{ "amq.match", "headers", EXCHANGE_DURABLE },
	{ "amq.rabbitmq.trace", "topic", EXCHANGE_DURABLE | EXCHANGE_INTERNAL },
};
#define PREDECLARED (sizeof predeclared / sizeof predeclared[0])

/* ---- virtual hosts ------------------------------------------------------------------------ */

static size_t vhosts_bytes(uint32_t n)
{
	return sizeof(struct vhosts) + n * sizeof(struct slice);
}

size_t catalog_vhosts_bytes(const struct vhosts *v)
{
	must(v->n <= 1u << 16);
	return vhosts_bytes(v->n);
}

/* A table like the one in work, where `number` has another name; p NULL: none. */
static void set_vhost(struct catalog *c, uint16_t number, struct slice name)
{
	const struct vhosts *old = c->work->vhosts;
	uint32_t n = old ? old->n : 0;
	if (n <= number)
		n = number + 1u;
	struct vhosts *to = pmap_alloc(&c->edit, vhosts_bytes(n), "catalog vhosts");
	*to = (struct vhosts){ .birth = c->edit.version, .n = n };
	must(n <= 1u << 16);
	for (uint32_t i = 0; i < n; i++)
		to->name[i] = old && i < old->n ? old->name[i] : SLICE_EMPTY;
	to->name[number] = name;
	if (old)
		pmap_retire(&c->edit, old, vhosts_bytes(old->n), old->birth);
	c->work->vhosts = to;
}

static bool is_vhost(const struct catalog_view *v, uint16_t number)
{
	must(v->vhosts != NULL);
	return number < v->vhosts->n && v->vhosts->name[number].p != NULL;
}

bool catalog_vhost_free_number(const struct catalog_view *v, uint16_t *out_number)
{
	uint32_t number = 0;
	while (number < UINT16_MAX && is_vhost(v, (uint16_t)number))
		number++;
	must(out_number != NULL);
	if (number == UINT16_MAX)
		return false;
	*out_number = (uint16_t)number;
	return true;
}

static void add_predeclared(struct catalog *c, uint16_t vhost)
{
	struct catalog_view *v = c->work;
	for (size_t i = 0; i < PREDECLARED; i++) {
		struct declare_exchange d = {
			.name = slice_str(predeclared[i].name),
			.type = slice_str(predeclared[i].type),
			.vhost = vhost,
			.flags = predeclared[i].flags,
		};
		must(v->exchange_next >= EXCHANGE_ID_VOLATILE);
		catalog_add_exchange(c, v->exchange_next++, &d);
	}
}

void catalog_vhost_begin(struct catalog *c, struct slice name)
{
	must(c->work && !c->work->vhosts);
	set_vhost(c, 0, name);
	add_predeclared(c, 0);
}

/* An exchange of the virtual host that is still there; NULL: none is. */
static const struct exchange *any_exchange(const struct catalog_view *v, uint16_t vhost)
{
	struct pmap_walk w;
	pmap_walk(&w, &v->exchanges);
	for (uintptr_t object; (object = pmap_walk_next(&w));) {
		const struct exchange *x = (const struct exchange *)object;
		must(x->fixed != NULL);
		if (x->vhost == vhost)
			return x;
	}
	return NULL;
}

/* Its queues and its other exchanges have gone before; names are looked up first, the walk comes
 * after and finds what is left, if anything. */
static void drop_vhost(struct catalog *c, uint16_t vhost)
{
	for (size_t i = 0; i < PREDECLARED; i++) {
		struct slice name = slice_str(predeclared[i].name);
		const struct exchange *x = catalog_exchange(c->work, vhost, name);
		if (x)
			catalog_del_exchange(c, x);
	}
	for (const struct exchange *x; (x = any_exchange(c->work, vhost));)
		catalog_del_exchange(c, x);
	set_vhost(c, vhost, SLICE_EMPTY);
	must(!is_vhost(c->work, vhost));
}

static bool has_vhost_facts(const struct catalog_view *v, uint16_t number, bool *out_has_number)
{
	bool is_any = false;
	*out_has_number = false;
	must(v->fact_next > 0);
	for (const struct fact *f = NULL; (f = catalog_fact_after(v, f ? f->id : 0));) {
		is_any |= f->kind == FACT_VHOST;
		*out_has_number |= f->kind == FACT_VHOST && f->number == number;
	}
	return is_any;
}

void catalog_vhost_settle(struct catalog *c)
{
	bool has_first;
	must(c->work != NULL);
	if (has_vhost_facts(c->work, 0, &has_first) && !has_first)
		drop_vhost(c, 0);
}

/* ---- queues of each ----------------------------------------------------------------------- */

void catalog_count_queue(struct catalog *c, uint16_t vhost, int by)
{
	uint64_t n = catalog_vhost_queues(c, vhost);
	must(by > 0 || n > 0);
	must(map_make_room(&c->vhost_queues, c->edit.mem, "catalog") == ERR_OK);
	map_put(&c->vhost_queues, vhost, by > 0 ? n + 1 : n - 1);
}

uint64_t catalog_vhost_queues(const struct catalog *c, uint16_t vhost)
{
	uint64_t n = 0;
	(void)map_get(&c->vhost_queues, vhost, &n);
	must(n < UINT32_MAX);
	return n;
}

/* ---- facts -------------------------------------------------------------------------------- */

static const struct fact *find(const struct catalog *c, const struct fact *f)
{
	must(c->decided != NULL);
	return catalog_fact(c->work ? c->work : c->decided, (enum fact_kind)f->kind, f->name[0],
			    f->name[1], f->name[2]);
}

static bool is_policy(const struct fact *f)
{
	must(f->id != 0);
	return f->kind == FACT_POLICY || f->kind == FACT_OPERATOR_POLICY;
}

/* Policies have changed: exchanges of the virtual host may have another alternate. Those that were
 * there before are looked at; a name in a value lies elsewhere when the value is another. */
static void look_at_exchanges(struct catalog *c, struct slice vhost_name)
{
	struct pmap_walk w;
	uint16_t vhost;
	must(c->work && c->work != c->decided);
	if (!c->patterns || catalog_vhost(c->work, vhost_name, &vhost) != ERR_OK)
		return;
	pmap_walk(&w, &c->decided->exchanges);
	for (uintptr_t object; (object = pmap_walk_next(&w));) {
		struct slice name = ((const struct exchange *)object)->name;
		if (((const struct exchange *)object)->vhost != vhost)
			continue;
		const struct exchange *x = catalog_exchange(c->work, vhost, name);
		struct slice now = x ? policy_alternate(c->work, c->patterns, x) : SLICE_EMPTY;
		if (!x || (now.p == x->by_policy.p && now.n == x->by_policy.n))
			continue;
		const struct exchange_name *fixed = x->fixed;
		struct exchange *to = exchange_edit(&c->edit, x);
		to->by_policy = now;
		catalog_swap_exchange(c, fixed, x, to);
	}
}

static void touch(struct catalog *c, uint64_t id)
{
	must(c->work->version == c->edit.version);
	c->work->facts_version = c->edit.version;
	catalog_dirty_fact(c, id);
}

void catalog_add_fact(struct catalog *c, const struct fact *declared)
{
	struct catalog_view *v = c->work;
	const struct fact *f = fact_new(&c->edit, declared);
	struct pmap_kind kind = fact_name_kind(v->key);
	uintptr_t object = (uintptr_t)f;
	must(pmap_put(&v->facts, &c->edit, &kind, fact_hash(v->key, f), f, object) == 0);
	must(pmap_put(&v->fact_ids, &c->edit, &fact_id_kind, f->id, &f->id, object) == 0);
	if (f->kind >= FACT_VHOST_TYPE)
		c->features |= FEATURE_MEANINGS;
	if (is_policy(f)) {
		(void)pmap_put(&v->policies, &c->edit, &fact_id_kind, f->id, &f->id, object);
		look_at_exchanges(c, f->name[0]);
	}
	if (f->kind == FACT_VHOST) {
		bool is_there = is_vhost(v, f->number);
		set_vhost(c, f->number, f->name[0]);
		if (!is_there)
			add_predeclared(c, f->number);
	}
	touch(c, f->id);
}

static void swap_fact(struct catalog *c, const struct fact *old, const struct fact *declared)
{
	struct catalog_view *v = c->work;
	const struct fact *f = fact_new(&c->edit, declared);
	must(f->id == old->id && f->number == old->number);
	pmap_swap(&v->facts, &c->edit, fact_hash(v->key, f), (uintptr_t)old, (uintptr_t)f);
	pmap_swap(&v->fact_ids, &c->edit, f->id, (uintptr_t)old, (uintptr_t)f);
	if (is_policy(f)) {
		pmap_swap(&v->policies, &c->edit, f->id, (uintptr_t)old, (uintptr_t)f);
		look_at_exchanges(c, f->name[0]);
	}
	if (f->kind == FACT_VHOST)
		set_vhost(c, f->number, f->name[0]);
	fact_retire(&c->edit, old);
	touch(c, f->id);
}

static void del_fact(struct catalog *c, const struct fact *f)
{
	struct catalog_view *v = c->work;
	must(find(c, f) == f);
	pmap_swap(&v->facts, &c->edit, fact_hash(v->key, f), (uintptr_t)f, 0);
	pmap_swap(&v->fact_ids, &c->edit, f->id, (uintptr_t)f, 0);
	if (is_policy(f)) {
		pmap_swap(&v->policies, &c->edit, f->id, (uintptr_t)f, 0);
		look_at_exchanges(c, f->name[0]);
	}
	if (f->kind == FACT_VHOST)
		drop_vhost(c, f->number);
	touch(c, f->id);
	fact_retire(&c->edit, f);
}

void catalog_fact_changed(struct catalog *c, const struct run *o)
{
	struct fact f;
	must(fact_get(run_tail(o), &f) == ERR_OK && o->queue != 0);
	const struct fact *old = find(c, &f);
	bool is_gone = o->kind == OUTCOME_FACT_DELETE;
	f.id = o->queue;
	if (is_gone && (!old || old->id != f.id))
		return;
	if (old && slice_eq(old->value, f.value) && !is_gone)
		return;
	catalog_change_begin(c);
	if (f.id >= c->work->fact_next) {
		c->work->fact_next = f.id + 1;
		catalog_dirty_counters(c);
	}
	if (is_gone)
		del_fact(c, old);
	else if (old)
		swap_fact(c, old, &f);
	else
		catalog_add_fact(c, &f);
	catalog_change_end(c);
}
