#include "core/catalog_unit.h"

#include "base/bits.h"
#include "base/must.h"
#include "base/rd.h"
#include "core/exchange.h"
#include "core/keeper.h"

/* Units come in any order, so they are kept until all are here. */
struct restored_unit {
	struct restored_unit *next;
	uint64_t key, piece;
	uint32_t len;
	uint8_t bytes[];
};

enum err catalog_restore(struct catalog *c, struct unit_key key, struct slice unit)
{
	uint64_t of, piece;
	must(c->applied == c->decided && c->pending.n == 0 && unit.n <= CHECKPOINT_UNIT_MAX);
	TRY(dirty_of(key, &of, &piece));
	struct restored_unit *u = mem_get(c->edit.mem, sizeof *u + unit.n, "catalog restore");
	if (!u)
		return ERR_LIMIT;
	*u = (struct restored_unit){ c->restored, of, piece, (uint32_t)unit.n };
	if (unit.n)
		memcpy(u->bytes, unit.p, unit.n);
	c->restored = u;
	return ERR_OK;
}

void catalog_restore_forget(struct catalog *c)
{
	struct restored_unit *u;
	while ((u = c->restored) != NULL) {
		must(u != u->next);
		c->restored = u->next;
		mem_put(c->edit.mem, u, sizeof *u + u->len);
	}
}

static enum err get_counters(struct catalog *c, struct rd *r)
{
	uint64_t queue = rd_le64(r), exchange = rd_le64(r);
	uint64_t fact = rd_left(r) ? rd_le64(r) : 1; /* nothing: written before there were any */
	must(c->work != NULL);
	if (!rd_done(r) || queue == 0 || fact == 0 || exchange == 0 ||
	    exchange >= EXCHANGE_ID_VOLATILE)
		return ERR_CORRUPT;
	struct catalog_view *v = c->work;
	v->queue_logged = queue;
	v->queue_next = queue > v->queue_next ? queue : v->queue_next;
	v->exchange_logged = exchange;
	v->fact_next = fact;
	return ERR_OK;
}

static bool is_vhost(const struct catalog *c, uint16_t vhost)
{
	must(c->work->vhosts != NULL);
	return vhost < c->work->vhosts->n && c->work->vhosts->name[vhost].p;
}

/* Facts come first: virtual hosts are in them. */
static enum err get_fact(struct catalog *c, const struct restored_unit *u)
{
	struct fact f;
	must(c->is_restoring);
	if (!(u->key & DIRTY_FACT) || u->key & DIRTY_EXCHANGE)
		return ERR_OK;
	if (u->len == 0 || u->bytes[0] != UNIT_FACT)
		return ERR_CORRUPT;
	enum err err = fact_get(slice_of(u->bytes + 1, u->len - 1u), &f);
	if (err != ERR_OK)
		return err == ERR_MALFORMED ? ERR_CORRUPT : err;
	f.id = u->key & ~DIRTY_FACT;
	if (f.id == 0 || catalog_fact_by_id(c->work, f.id) ||
	    catalog_fact(c->work, (enum fact_kind)f.kind, f.name[0], f.name[1], f.name[2]))
		return ERR_CORRUPT;
	catalog_add_fact(c, &f);
	return ERR_OK;
}

static enum err get_exchange(struct catalog *c, uint64_t id, struct rd *r)
{
	struct declare_exchange d;
	if (declare_exchange_get(rd_rest(r), &d) != ERR_OK || !exchange_type_of(d.type) ||
	    id >= EXCHANGE_ID_VOLATILE || !is_vhost(c, d.vhost) || !(d.flags & EXCHANGE_DURABLE))
		return ERR_CORRUPT;
	must(c->work != NULL);
	if (!keeper_kind(c->work, &d) || catalog_exchange(c->work, d.vhost, d.name) ||
	    catalog_exchange_name(c->work, id))
		return ERR_CORRUPT;
	catalog_add_exchange(c, id, &d);
	return ERR_OK;
}

static enum err get_queue(struct catalog *c, uint64_t id, struct rd *r)
{
	struct declare_queue d;
	rd_skip(r, 1);
	struct slice declare = rd_take(r, rd_le32(r));
	must(c->work != NULL);
	if (declare_queue_get(declare, &d) != ERR_OK || !is_vhost(c, d.vhost) || d.owner ||
	    !(d.flags & QUEUE_DURABLE) || d.shard >= SHARDS_MAX)
		return ERR_CORRUPT;
	if (catalog_queue(c->work, d.vhost, d.name) || catalog_queue_by_id(c->work, id))
		return ERR_CORRUPT;
	catalog_add_queue(c, id, &d);
	if (id >= c->work->queue_next)
		c->work->queue_next = id + 1;
	return ERR_OK;
}

/* The units that are no bindings: everything that bindings need. */
static enum err get_object(struct catalog *c, const struct restored_unit *u)
{
	struct rd r = rd_of(slice_of(u->bytes, u->len));
	uint8_t kind = rd_u8(&r);
	must(c->is_restoring);
	if (kind == UNIT_COUNTERS && u->key == DIRTY_COUNTERS)
		return get_counters(c, &r);
	if (kind == UNIT_EXCHANGE && u->key & DIRTY_EXCHANGE)
		return get_exchange(c, u->key & ~DIRTY_EXCHANGE, &r);
	if (kind == UNIT_FACT && u->key & DIRTY_FACT)
		return ERR_OK;
	if (!dirty_is_queue(u->key))
		return ERR_CORRUPT;
	if (dirty_queue(u->key) == BETWEEN)
		return kind == UNIT_BETWEEN ? ERR_OK : ERR_CORRUPT;
	if (kind == UNIT_QUEUE && dirty_level(u->key) == 0 && u->piece == 0)
		return get_queue(c, dirty_queue(u->key), &r);
	return kind == UNIT_BINDINGS ? ERR_OK : ERR_CORRUPT;
}

/* One binding, to the queue; or, without one, to the exchange that it names. */
static enum err get_binding(struct catalog *c, const struct queue_record *q, struct rd *r)
{
	struct bind b = { .vhost = q ? q->vhost : rd_le16(r), .to_exchange = q == NULL };
	b.queue = q ? queue_record_name(q) : rd_str8(r);
	b.exchange = rd_str8(r);
	b.key = rd_str8(r);
	b.arguments = rd_take(r, rd_le16(r));
	struct ends e = catalog_ends(c->work, &b);
	must(!q || e.queue == q);
	if (!rd_ok(r) || !catalog_ends_both(&e) || b.exchange.n == 0 || b.queue.n + !!q == 0)
		return ERR_CORRUPT;
	struct binding_key key = catalog_ends_key(&e, &b);
	bool is_durable = e.x->flags & EXCHANGE_DURABLE && (q || e.to->flags & EXCHANGE_DURABLE);
	if (catalog_binding(c->work, &key) || !is_durable)
		return ERR_CORRUPT;
	catalog_add_binding(c, &e, &b);
	return ERR_OK;
}

/* fits passes a failure on, or in a salvage leaves out what has failed. */
static enum err fits(struct catalog *c, enum err e)
{
	must(c->is_restoring);
	if (e == ERR_OK || !c->is_salvaging)
		return e;
	c->left_out_n++;
	return ERR_OK;
}

static enum err get_bindings(struct catalog *c, const struct restored_unit *u)
{
	struct rd r = rd_of(slice_of(u->bytes, u->len));
	if (!dirty_is_queue(u->key) && u->key & DIRTY_FACT)
		return (u->key & ~DIRTY_FACT) < c->work->fact_next ? ERR_OK : ERR_CORRUPT;
	if (!dirty_is_queue(u->key))
		return (u->key & ~DIRTY_EXCHANGE) < c->work->exchange_logged ? ERR_OK : ERR_CORRUPT;
	bool is_between = dirty_queue(u->key) == BETWEEN;
	if (!is_between && dirty_queue(u->key) >= c->work->queue_logged)
		return ERR_CORRUPT;
	const struct queue_record *q = catalog_queue_by_id(c->work, dirty_queue(u->key));
	must(c->is_restoring);
	if (!q != is_between)
		return ERR_CORRUPT;
	if (rd_u8(&r) == UNIT_QUEUE) {
		rd_skip(&r, 1);
		rd_skip(&r, rd_le32(&r));
	}
	while (rd_ok(&r) && rd_left(&r))
		TRY(fits(c, get_binding(c, q, &r)));
	return rd_done(&r) ? ERR_OK : ERR_CORRUPT;
}

/* Units of a level that the queue is not at now (its transient bindings counted, too, when it was
 * written) are written anew. */
static void settle_level(struct catalog *c, const struct restored_unit *u)
{
	uint64_t queue = dirty_queue(u->key);
	uint32_t level = dirty_level(u->key);
	if (!dirty_is_queue(u->key))
		return;
	uint32_t real = queue == BETWEEN ? c->work->between_level
					 : catalog_bound_level(c->work, queue);
	uint32_t was = u->bytes[0] == UNIT_QUEUE ? u->bytes[1] : level;
	must(u->len > 0); /* it has been read, so it has a kind */
	if (was != real) {
		catalog_dirty_bucket(c, queue, level, dirty_bucket_of(u->key));
		catalog_dirty_level(c, queue, real);
	}
	uint64_t pieces = 1;
	(void)map_get(&c->dirty.pieces, u->key, &pieces);
	if (u->piece + 1 > pieces) {
		must(map_make_room(&c->dirty.pieces, c->edit.mem, "catalog dirty") == ERR_OK);
		map_put(&c->dirty.pieces, u->key, u->piece + 1);
	}
}

/* The counters may be missing, or older than what they count. */
static void raise_counters(struct catalog *c)
{
	struct catalog_view *v = c->work;
	must(c->is_salvaging);
	for (const struct restored_unit *u = c->restored; u; u = u->next) {
		uint64_t id = u->key & ~(DIRTY_EXCHANGE | DIRTY_FACT);
		if (u->key & DIRTY_EXCHANGE)
			v->exchange_logged = max_u64(v->exchange_logged, id + 1);
		else if (u->key & DIRTY_FACT)
			v->fact_next = max_u64(v->fact_next, id + 1);
		else if (dirty_is_queue(u->key) && dirty_queue(u->key) != BETWEEN)
			v->queue_logged = max_u64(v->queue_logged, dirty_queue(u->key) + 1);
	}
	v->queue_next = max_u64(v->queue_next, v->queue_logged);
}

static enum err restore_all(struct catalog *c)
{
	must(c->work != NULL);
	for (const struct restored_unit *u = c->restored; u; u = u->next)
		TRY(fits(c, get_fact(c, u)));
	catalog_vhost_settle(c);
	for (const struct restored_unit *u = c->restored; u; u = u->next)
		TRY(fits(c, get_object(c, u)));
	if (c->is_salvaging)
		raise_counters(c);
	for (const struct restored_unit *u = c->restored; u; u = u->next)
		TRY(fits(c, get_bindings(c, u)));
	return ERR_OK;
}

enum err catalog_restored(struct catalog *c)
{
	must(c->applied == c->decided && c->pending.n == 0);
	catalog_change_begin(c);
	c->is_restoring = true;
	enum err err = restore_all(c);
	c->is_restoring = false;
	for (const struct restored_unit *u = c->restored; u; u = u->next)
		if (err == ERR_OK && !c->is_salvaging)
			settle_level(c, u);
	catalog_restore_forget(c);
	catalog_change_end(c);
	c->applied = c->decided;
	return err;
}

uint64_t catalog_salvaged(struct catalog *c)
{
	c->is_salvaging = true;
	c->left_out_n = 0;
	enum err e = catalog_restored(c);
	must(e == ERR_OK);
	c->is_salvaging = false;
	return c->left_out_n;
}
