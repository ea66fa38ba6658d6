#include "core/catalog_unit.h"

#include "base/must.h"
#include "base/wr.h"
#include "core/exchange.h"

void catalog_dirty_init(struct catalog *c)
{
	must(c->dirty.view == NULL);
	map_init(&c->dirty.changed, NULL, 0, 1);
	map_init(&c->dirty.pieces, NULL, 0, 2);
	map_init(&c->dirty.writing, NULL, 0, 3);
	c->dirty.key = MAP_KEY_NONE;
}

void catalog_dirty_fini(struct catalog *c)
{
	must(c->work == NULL);
	map_fini(&c->dirty.changed, c->edit.mem);
	map_fini(&c->dirty.pieces, c->edit.mem);
	map_fini(&c->dirty.writing, c->edit.mem);
}

static void set(struct catalog *c, struct map *m, uint64_t key, uint64_t value)
{
	must(map_make_room(m, c->edit.mem, "catalog dirty") == ERR_OK);
	map_put(m, key, value);
}

static void mark(struct catalog *c, uint64_t key)
{
	must(c->edit.version > 0);
	if (!c->is_restoring)
		set(c, &c->dirty.changed, key, c->edit.version);
}

void catalog_dirty_counters(struct catalog *c)
{
	must(c->work != NULL);
	mark(c, DIRTY_COUNTERS);
}

void catalog_dirty_exchange(struct catalog *c, uint64_t id)
{
	must(id != 0 && id < EXCHANGE_ID_VOLATILE);
	mark(c, DIRTY_EXCHANGE | id);
}

void catalog_dirty_fact(struct catalog *c, uint64_t id)
{
	must(id != 0 && id < DIRTY_FACT);
	mark(c, DIRTY_FACT | id);
}

void catalog_dirty_bucket(struct catalog *c, uint64_t queue, uint32_t level, uint32_t bucket)
{
	must(bucket < UINT32_C(1) << (4 * level));
	mark(c, dirty_bucket(queue, level, bucket));
}

void catalog_dirty_level(struct catalog *c, uint64_t queue, uint32_t level)
{
	must(level <= BOUND_LEVEL_MAX);
	for (uint32_t bucket = 0; bucket < UINT32_C(1) << (4 * level); bucket++)
		catalog_dirty_bucket(c, queue, level, bucket);
}

void catalog_checkpoint_all(struct catalog *c)
{
	const struct catalog_view *v = c->applied;
	struct pmap_walk w;
	must(c->applied == c->decided && c->dirty.view == NULL);
	mark(c, DIRTY_COUNTERS);
	for (const struct fact *f = NULL; (f = catalog_fact_after(v, f ? f->id : 0)) != NULL;)
		catalog_dirty_fact(c, f->id);
	pmap_walk(&w, &v->exchange_names);
	for (uintptr_t x; (x = pmap_walk_next(&w));)
		catalog_dirty_exchange(c, ((const struct exchange_name *)x)->id);
	for (const struct queue_record *q = NULL;
	     (q = catalog_queue_after(v, q ? q->id : 0)) != NULL;)
		if (q->flags & QUEUE_DURABLE) {
			catalog_dirty_bucket(c, q->id, 0, 0);
			catalog_dirty_level(c, q->id, catalog_bound_level(v, q->id));
		}
	catalog_dirty_level(c, BETWEEN, v->between_level);
}

/* The view that is applied now is what is written; what has changed up to it is written whole, and
 * what was decided meanwhile stays marked for the next time. */
void catalog_checkpoint_begin(struct catalog *c)
{
	struct dirty *d = &c->dirty;
	size_t cursor = 0;
	must(d->view == NULL && d->writing.n == 0 && c->restored == NULL);
	d->view = c->applied;
	d->cursor = 0;
	d->key = MAP_KEY_NONE;
	for (struct map_slot *s; (s = map_next(&d->changed, &cursor));) {
		uint64_t pieces = 1;
		(void)map_get(&d->pieces, s->key, &pieces);
		set(c, &d->writing, s->key, pieces);
	}
	cursor = 0;
	for (struct map_slot *s; (s = map_next(&d->writing, &cursor));) {
		uint64_t *version = map_find(&d->changed, s->key);
		must(version != NULL);
		if (*version <= d->view->version)
			(void)map_del(&d->changed, s->key, NULL);
	}
}

void catalog_checkpoint_end(struct catalog *c, bool is_kept)
{
	struct dirty *d = &c->dirty;
	size_t cursor = 0;
	must(d->view != NULL);
	for (struct map_slot *s; !is_kept && (s = map_next(&d->writing, &cursor));) {
		uint64_t pieces = 1;
		(void)map_get(&d->pieces, s->key, &pieces);
		if (s->value > pieces)
			set(c, &d->pieces, s->key, s->value);
		if (!map_find(&d->changed, s->key))
			set(c, &d->changed, s->key, d->view->version);
	}
	map_fini(&d->writing, c->edit.mem);
	map_init(&d->writing, NULL, 0, 3);
	d->view = NULL;
}

static void put_counters(const struct catalog_view *v, struct wr *w)
{
	must(v->queue_logged > 0 && v->exchange_logged > 0);
	wr_u8(w, UNIT_COUNTERS);
	wr_le64(w, v->queue_logged);
	wr_le64(w, v->exchange_logged);
	wr_le64(w, v->fact_next);
}

static void put_fact(const struct catalog_view *v, uint64_t id, struct wr *w)
{
	const struct fact *f = catalog_fact_by_id(v, id);
	if (!f)
		return;
	wr_u8(w, UNIT_FACT);
	uint32_t n = fact_put(f, w->p + w->n, (uint32_t)wr_left(w));
	must(n > 0);
	w->n += n;
}

static void put_exchange(const struct catalog_view *v, uint64_t id, struct wr *w)
{
	const struct exchange_name *x = catalog_exchange_name(v, id);
	if (!x)
		return;
	struct slice name = exchange_name_slice(x);
	must(x->id == id && x->flags & EXCHANGE_DURABLE);
	struct declare_exchange d = {
		.name = name,
		.type = slice_str(exchange_type_name(x->type)),
		.arguments = exchange_name_arguments(x),
		.vhost = x->vhost,
		.flags = x->flags,
	};
	wr_u8(w, UNIT_EXCHANGE);
	uint32_t n = declare_exchange_put(&d, w->p + w->n, (uint32_t)wr_left(w));
	must(n > 0);
	w->n += n;
}

static void put_queue(const struct catalog_view *v, const struct queue_record *q, struct wr *w)
{
	struct declare_queue d = {
		.name = queue_record_name(q),
		.arguments = queue_record_arguments(q),
		.rules = queue_record_rules(q),
		.vhost = q->vhost,
		.shard = q->shard,
		.flags = q->flags,
	};
	must(q->flags & QUEUE_DURABLE && q->owner == 0);
	wr_u8(w, UNIT_QUEUE);
	wr_u8(w, (uint8_t)catalog_bound_level(v, q->id));
	size_t at = w->n;
	wr_le32(w, 0);
	uint32_t n = declare_queue_put(&d, w->p + w->n, (uint32_t)wr_left(w));
	must(n > 0);
	w->n += n;
	wr_patch_le32(w, at, n);
}

static bool put_binding(const struct binding *b, struct wr *w)
{
	struct wr one = *w;
	const struct exchange_name *to = binding_to_exchange(b);
	must(b->arguments_len <= CATALOG_ARGUMENTS_MAX);
	if (to) {
		wr_le16(&one, to->vhost);
		wr_str8(&one, exchange_name_slice(to));
	}
	wr_str8(&one, exchange_name_slice(b->exchange));
	wr_str8(&one, binding_key_slice(b));
	wr_le16(&one, b->arguments_len);
	wr_slice(&one, binding_arguments(b));
	if (!wr_ok(&one))
		return false;
	*w = one;
	return true;
}

/* The next durable binding of the bucket in hand; NULL: it is at its end. */
static const struct binding *next_binding(struct dirty *d)
{
	uint32_t level = dirty_level(d->key);
	const struct binding *b = d->held;
	d->held = NULL;
	while (!b && (b = (const struct binding *)pmap_walk_next(&d->bindings))) {
		struct binding_key key = binding_key_of(b);
		if (catalog_bucket(binding_hash(&key), level) != dirty_bucket_of(d->key))
			return NULL;
		if (!binding_is_durable(b))
			b = NULL;
	}
	return b;
}

static void put_bindings(struct dirty *d, struct wr *w)
{
	size_t empty = w->n;
	must(d->held == NULL || d->piece > 0);
	if (empty == 0)
		wr_u8(w, dirty_queue(d->key) == BETWEEN ? UNIT_BETWEEN : UNIT_BINDINGS);
	size_t head = w->n;
	for (const struct binding *b; (b = next_binding(d));)
		if (!put_binding(b, w)) {
			d->held = b;
			break;
		}
	must_if(d->held != NULL, w->n > empty + 1);
	if (w->n == head)
		w->n = empty;
	d->is_at_end = d->held == NULL;
}

/* One piece of the bucket in hand; nothing written: there is nothing (more). */
static void put_bucket(struct dirty *d, struct wr *w)
{
	uint64_t id = dirty_queue(d->key);
	uint32_t level = dirty_level(d->key);
	const struct queue_record *q = catalog_queue_by_id(d->view, id);
	bool is_queue = q && q->flags & QUEUE_DURABLE;
	d->is_at_end = true;
	if (!is_queue && id != BETWEEN)
		return;
	uint32_t real = is_queue ? catalog_bound_level(d->view, id) : d->view->between_level;
	if (is_queue && level == 0 && d->piece == 0)
		put_queue(d->view, q, w);
	must(real <= BOUND_LEVEL_MAX);
	if (level == real)
		put_bindings(d, w);
}

static void begin_key(struct dirty *d, const struct map_slot *s)
{
	uint32_t level = dirty_level(s->key);
	d->key = s->key;
	d->pieces_before = s->value;
	d->piece = 0;
	d->is_at_end = false;
	d->held = NULL;
	uint64_t from = level ? (uint64_t)dirty_bucket_of(d->key) << (64 - 4 * level) : 0;
	must(d->view != NULL);
	if (!dirty_is_queue(d->key))
		return;
	if (dirty_queue(d->key) == BETWEEN)
		pmap_walk_from(&d->bindings, &d->view->between_logged, &binding_kind, from);
	else
		catalog_bound_walk(&d->bindings, d->view, dirty_queue(d->key), from);
}

/* The next piece of the key in hand: bytes, or none when it is to be deleted. False: no more. */
static bool next_piece(struct catalog *c, struct wr *w)
{
	struct dirty *d = &c->dirty;
	if (d->is_at_end)
		return d->piece++ < d->pieces_before;
	if (dirty_is_queue(d->key))
		put_bucket(d, w);
	else if (d->key == DIRTY_COUNTERS)
		put_counters(d->view, w);
	else if (d->key & DIRTY_FACT)
		put_fact(d->view, d->key & ~DIRTY_FACT, w);
	else
		put_exchange(d->view, d->key & ~DIRTY_EXCHANGE, w);
	must(wr_ok(w));
	d->is_at_end = d->is_at_end || !dirty_is_queue(d->key);
	d->piece++;
	if (d->is_at_end) {
		uint64_t pieces = w->n ? d->piece : d->piece - 1;
		(void)map_del(&d->pieces, d->key, NULL);
		if (pieces > 1)
			set(c, &d->pieces, d->key, pieces);
	}
	return w->n > 0 || d->piece <= d->pieces_before;
}

uint64_t catalog_features(const struct catalog *c)
{
	must(c->decided != NULL);
	return c->features;
}

bool catalog_checkpoint_next(struct catalog *c, struct unit_key *out_key, uint8_t *buf,
			     uint32_t cap, uint32_t *out_len)
{
	struct dirty *d = &c->dirty;
	must(d->view != NULL && cap >= CHECKPOINT_UNIT_MAX);
	for (;;) {
		struct wr w = wr_of(buf, CHECKPOINT_UNIT_MAX);
		if (d->key == MAP_KEY_NONE) {
			const struct map_slot *s = map_next(&d->writing, &d->cursor);
			if (!s)
				return false;
			begin_key(d, s);
		}
		uint64_t key = d->key, piece = d->piece;
		if (next_piece(c, &w)) {
			*out_key = unit_key_of(key, piece);
			*out_len = (uint32_t)w.n;
			return true;
		}
		d->key = MAP_KEY_NONE;
	}
}
