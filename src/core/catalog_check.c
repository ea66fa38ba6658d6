#include "core/catalog_state.h"

#include "base/digest.h"
#include "base/must.h"
#include "base/text.h"
#include "core/exchange.h"

/* Of a set of things: the sum of the members' digests, so that the order in which they are met,
 * which is that of hashes with a secret, does not count. */
struct sum {
	uint64_t hi, lo, n;
};

static void sum_add(struct sum *s, const struct digest *d)
{
	struct digest_sum one = digest_end(d);
	must(s->n < UINT64_MAX);
	s->hi += one.hi;
	s->lo += one.lo;
	s->n++;
}

static void sum_exchange(struct sum *s, const struct exchange_name *x)
{
	struct digest d;
	digest_init(&d);
	must(x->flags & EXCHANGE_DURABLE);
	digest_put_u64(&d, x->id);
	digest_put_u64(&d, (uint64_t)x->vhost << 16 | (uint64_t)x->type << 8 | x->flags);
	digest_put(&d, exchange_name_slice(x));
	digest_put(&d, exchange_name_arguments(x));
	sum_add(s, &d);
}

static void sum_queue(struct sum *s, const struct queue_record *q)
{
	struct digest d;
	digest_init(&d);
	must(q->owner == 0);
	digest_put_u64(&d, q->id);
	digest_put_u64(&d, (uint64_t)q->vhost << 32 | (uint64_t)q->shard << 16 | q->flags);
	digest_put(&d, queue_record_name(q));
	digest_put(&d, queue_record_arguments(q));
	if (queue_record_rules(q).n > 0)
		digest_put(&d, queue_record_rules(q));
	sum_add(s, &d);
}

static void sum_fact(struct sum *s, const struct fact *f)
{
	struct digest d;
	digest_init(&d);
	must(f->id != 0);
	digest_put_u64(&d, f->id);
	digest_put_u64(&d, (uint64_t)f->kind << 16 | f->number);
	for (uint8_t i = 0; i < f->names_n; i++)
		digest_put(&d, f->name[i]);
	digest_put(&d, f->value);
	sum_add(s, &d);
}

static void sum_bindings(struct sum *s, const struct catalog_view *v, uint64_t queue)
{
	struct pmap_walk w;
	catalog_bound_walk(&w, v, queue, 0);
	for (uintptr_t object; (object = pmap_walk_next(&w));) {
		const struct binding *b = (const struct binding *)object;
		struct digest d;
		must(b->to == queue);
		if (!binding_is_durable(b))
			continue;
		digest_init(&d);
		digest_put_u64(&d, queue);
		digest_put(&d, exchange_name_slice(b->exchange));
		digest_put(&d, binding_key_slice(b));
		digest_put(&d, binding_arguments(b));
		sum_add(s, &d);
	}
}

static void sum_between(struct sum *s, const struct catalog_view *v)
{
	struct pmap_walk w;
	pmap_walk(&w, &v->between_logged);
	for (uintptr_t object; (object = pmap_walk_next(&w));) {
		const struct binding *b = (const struct binding *)object;
		const struct exchange_name *to = binding_to_exchange(b);
		struct digest d;
		must(to && to->vhost == b->exchange->vhost);
		digest_init(&d);
		digest_put_u64(&d, BINDING_TO_EXCHANGE | to->vhost);
		digest_put(&d, exchange_name_slice(to));
		digest_put(&d, exchange_name_slice(b->exchange));
		digest_put(&d, binding_key_slice(b));
		digest_put(&d, binding_arguments(b));
		sum_add(s, &d);
	}
}

void catalog_digest(const struct catalog *c, struct digest *d)
{
	const struct catalog_view *v = c->applied;
	struct sum s = { 0 };
	struct pmap_walk w;
	pmap_walk(&w, &v->exchange_names);
	for (uintptr_t object; (object = pmap_walk_next(&w));)
		sum_exchange(&s, (const struct exchange_name *)object);
	pmap_walk(&w, &v->queue_ids);
	for (uintptr_t object; (object = pmap_walk_next(&w));) {
		const struct queue_record *q = (const struct queue_record *)object;
		if (!(q->flags & QUEUE_DURABLE))
			continue;
		sum_queue(&s, q);
		sum_bindings(&s, v, q->id);
	}
	pmap_walk(&w, &v->fact_ids);
	for (uintptr_t object; (object = pmap_walk_next(&w));)
		sum_fact(&s, (const struct fact *)object);
	sum_between(&s, v);
	must(v->queue_logged <= v->queue_next);
	digest_put_u64(d, s.hi);
	digest_put_u64(d, s.lo);
	digest_put_u64(d, s.n);
	digest_put_u64(d, v->queue_logged);
	digest_put_u64(d, v->exchange_logged);
	if (v->fact_next > 1)
		digest_put_u64(d, v->fact_next);
}

static uint64_t check_queue(const struct catalog_view *v, const struct queue_record *q)
{
	struct pmap_walk w;
	uint64_t n = 0;
	must(catalog_queue(v, q->vhost, queue_record_name(q)) == q && q->id < v->queue_next);
	must((q->owner != 0) == ((q->flags & QUEUE_EXCLUSIVE) != 0));
	must_if(q->flags & QUEUE_DURABLE, q->owner == 0 && q->id < v->queue_logged);
	catalog_bound_walk(&w, v, q->id, 0);
	for (uintptr_t object; (object = pmap_walk_next(&w)); n++) {
		const struct binding *b = (const struct binding *)object;
		const struct exchange_name *name = b->exchange;
		const struct exchange *x = catalog_exchange(v, name->vhost,
							    exchange_name_slice(name));
		must(x && x->fixed == name && x->vhost == q->vhost && b->to == q->id);
		must(b->shard == q->shard && b->flags == q->flags);
	}
	must(n == catalog_bound_n(v, q->id));
	return n;
}

static void check_facts(const struct catalog_view *v)
{
	struct pmap_kind names = fact_name_kind(v->key);
	struct pmap_walk w;
	pmap_check(&v->facts, &names);
	pmap_check(&v->fact_ids, &fact_id_kind);
	must(v->facts.n == v->fact_ids.n && v->facts_version <= v->version);
	pmap_walk(&w, &v->fact_ids);
	for (uintptr_t object; (object = pmap_walk_next(&w));) {
		const struct fact *f = (const struct fact *)object;
		must(f->id < v->fact_next && f->version <= v->version);
		must_if(f->kind == FACT_VHOST,
			slice_eq(catalog_vhost_name(v, f->number), f->name[0]));
		must(catalog_fact_lacks(v, f) == f->names_n);
	}
}

static uint64_t check_between(const struct catalog_view *v)
{
	struct pmap_walk w;
	uint32_t durable = 0;
	pmap_check(&v->between, &catalog_between_kind);
	pmap_check(&v->between_logged, &binding_kind);
	pmap_walk(&w, &v->between);
	for (uintptr_t object; (object = pmap_walk_next(&w));) {
		const struct binding *b = (const struct binding *)object;
		const struct exchange_name *end[] = { b->exchange, binding_to_exchange(b) };
		for (int i = 0; i < 2; i++) {
			const struct exchange *x = catalog_exchange(v, end[i]->vhost,
								    exchange_name_slice(end[i]));
			must(x && x->fixed == end[i]);
		}
		struct binding_key key = binding_key_of(b);
		bool is_logged = pmap_find(&v->between_logged, &binding_kind, binding_hash(&key),
					   &key) == object;
		must(is_logged == binding_is_durable(b));
		durable += is_logged;
	}
	must(durable == v->between_logged.n && v->between_level <= BOUND_LEVEL_MAX);
	return v->between.n;
}

static void check_view(const struct catalog_view *v)
{
	struct pmap_kind exchanges = catalog_exchange_kind(v->key);
	struct pmap_kind queues = catalog_queue_kind(v->key);
	struct pmap_walk w;
	uint64_t bindings = 0, hanging = 0, owned = 0;
	check_facts(v);
	pmap_check(&v->exchanges, &exchanges);
	pmap_check(&v->exchange_names, &catalog_exchange_name_kind);
	pmap_check(&v->queues, &queues);
	pmap_check(&v->queue_ids, &catalog_queue_id_kind);
	pmap_check(&v->owned, &catalog_owned_kind);
	pmap_check(&v->bound, &catalog_bound_kind);
	must(v->queues.n == v->queue_ids.n && v->bound.n <= v->queues.n);
	pmap_walk(&w, &v->queue_ids);
	for (uintptr_t object; (object = pmap_walk_next(&w));) {
		const struct queue_record *q = (const struct queue_record *)object;
		bindings += check_queue(v, q);
		owned += q->owner != 0;
	}
	bindings += check_between(v);
	pmap_walk(&w, &v->exchanges);
	for (uintptr_t object; (object = pmap_walk_next(&w));) {
		const struct exchange *x = (const struct exchange *)object;
		must(x->version <= v->version);
		exchange_check(x, v->key);
		hanging += x->bindings_n;
	}
	must(bindings == v->bindings_n && hanging == v->bindings_n && owned == v->owned.n);
}

void catalog_check(const struct catalog *c)
{
	must(c->work == NULL && c->edit.version == c->decided->version);
	must_if(c->pending.n == 0, c->applied == c->decided);
	check_view(c->applied);
	if (c->decided != c->applied)
		check_view(c->decided);
}

static const char *if_set(unsigned flags, unsigned bit, const char *word)
{
	return flags & bit ? word : "";
}

static void dump_exchange(const struct catalog_view *v, const struct exchange *x, struct text *out)
{
	must(x->fixed != NULL);
	text_put_quoted_printable(out, "exchange: ", x->name);
	text_put_quoted_printable(out, " vhost ", catalog_vhost_name(v, x->vhost));
	text_putf(out, " %s%s%s%s bindings %u published %llu unroutable %llu\n",
		  exchange_type_name(x->type), if_set(x->flags, EXCHANGE_DURABLE, " durable"),
		  if_set(x->flags, EXCHANGE_AUTO_DELETE, " auto-delete"),
		  if_set(x->flags, EXCHANGE_INTERNAL, " internal"), x->bindings_n,
		  (unsigned long long)shared_count_now(&x->fixed->count.published),
		  (unsigned long long)shared_count_now(&x->fixed->count.unroutable));
}

static void dump_fact(const struct fact *f, struct text *out)
{
	must(fact_word(f->kind) != NULL);
	for (const char *c = fact_word(f->kind); *c; c++)
		text_putc(out, *c == ' ' ? '_' : *c);
	text_putc(out, ':');
	for (uint8_t i = 0; i < f->names_n; i++) {
		text_put_quoted_printable(out, " ", f->name[i]);
	}
	text_putc(out, '\n');
}

static void dump_queue(const struct catalog_view *v, const struct queue_record *q, struct text *out)
{
	must(q->id != 0);
	text_put_quoted_printable(out, "queue: ", queue_record_name(q));
	text_put_quoted_printable(out, " vhost ", catalog_vhost_name(v, q->vhost));
	text_putf(out, " id %llu shard %u%s%s%s bindings %u\n", (unsigned long long)q->id, q->shard,
		  if_set(q->flags, QUEUE_DURABLE, " durable"),
		  if_set(q->flags, QUEUE_EXCLUSIVE, " exclusive"),
		  if_set(q->flags, QUEUE_AUTO_DELETE, " auto-delete"), catalog_bound_n(v, q->id));
}

void catalog_dump(const struct catalog *c, struct text *out)
{
	const struct catalog_view *v = c->applied;
	struct pmap_walk w;
	must(out->cap > 0);
	text_putf(out, "version: %llu\nexchanges: %u\nqueues: %u\nexclusive_queues: %u\n",
		  (unsigned long long)v->version, v->exchanges.n, v->queues.n, v->owned.n);
	text_putf(out, "bindings: %llu\npending: %u\nunsaved: %zu\ngarbage_bytes: %llu\n",
		  (unsigned long long)v->bindings_n, c->pending.n, c->dirty.changed.n,
		  (unsigned long long)c->edit.garbage_bytes);
	pmap_walk(&w, &v->fact_ids);
	for (uintptr_t object; (object = pmap_walk_next(&w)) && !text_is_full(out);)
		dump_fact((const struct fact *)object, out);
	pmap_walk(&w, &v->exchanges);
	for (uintptr_t object; (object = pmap_walk_next(&w)) && !text_is_full(out);)
		dump_exchange(v, (const struct exchange *)object, out);
	pmap_walk(&w, &v->queue_ids);
	for (uintptr_t object; (object = pmap_walk_next(&w)) && !text_is_full(out);)
		dump_queue(v, (const struct queue_record *)object, out);
}
