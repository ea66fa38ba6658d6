#include "core/route.h"

#include "base/ablate.h"
#include "base/byteorder.h"
#include "base/hash.h"
#include "base/must.h"
#include "core/fact.h"

/* 32 entries in rows of four: a key has four places, found by the tags beside each other, and takes
 * them in turn. Keys are compared by their bytes, so the hash needs no secret: who makes his keys
 * collide slows down himself. */
#define ROWS     8u
#define WAYS     4u
#define KEY_ROOM 40u /* bytes of a key that need no block of their own */
#define TO_ROOM  2u  /* destinations, likewise */

struct entry {
	struct route_hit hit;
	struct route route;              /* `to` and `n` only; to is `few`, or a block of `n` */
	uint64_t version;                /* of the catalog, when it was good last; 0: never */
	uint64_t x_id, x_version, facts; /* facts: what its answer of auth hangs on */
	bool is_frail;                   /* good in `version` only */
	uint64_t q_id, q_version;        /* through the default exchange: the queue */
	uint8_t *key;                    /* `room`, or a block of `key_cap` bytes */
	uint32_t key_cap;
	uint16_t key_len, vhost;
	struct route_to few[TO_ROOM];
	uint8_t room[KEY_ROOM];
};

struct row {
	uint32_t tag[WAYS]; /* the hash, for those that are */
	struct entry *entry[WAYS];
	uint32_t turn;
};

struct route_cache {
	struct mem *mem;
	struct entry *last;
	struct row *rows;   /* NULL: nothing routed yet */
	struct route work;  /* where routes are found */
	struct entry loose; /* a route that is not kept */
};

struct route_cache *route_cache_new(struct mem *mem)
{
	struct route_cache *c = mem_get(mem, sizeof *c, "route cache");
	if (!c)
		return NULL;
	*c = (struct route_cache){ .mem = mem };
	route_init(&c->work, mem);
	must(c->rows == NULL);
	return c;
}

static void drop_route(struct route_cache *c, struct entry *e)
{
	must(e != &c->loose);
	if (e->route.to != e->few)
		mem_put(c->mem, e->route.to, e->route.n * sizeof e->route.to[0]);
	e->route.to = e->few;
	e->route.n = 0;
	e->version = 0;
}

static void free_entry(struct route_cache *c, struct entry *e)
{
	if (!e)
		return;
	drop_route(c, e);
	must(e->route.n == 0);
	if (e->key != e->room)
		mem_put(c->mem, e->key, e->key_cap);
	mem_put(c->mem, e, sizeof *e);
}

void route_cache_free(struct route_cache *own_c)
{
	struct route_cache *c = own_c;
	if (!c)
		return;
	must_if(c->last != NULL, c->rows != NULL);
	for (uint32_t i = 0; c->rows && i < ROWS * WAYS; i++)
		free_entry(c, c->rows[i / WAYS].entry[i % WAYS]);
	mem_put(c->mem, c->rows, ROWS * sizeof c->rows[0]);
	route_fini(&c->work);
	mem_put(c->mem, c, sizeof *c);
}

static bool is_it(const struct entry *e, uint16_t vhost, struct slice key)
{
	must(e->key != NULL);
	return e->version && e->vhost == vhost && e->key_len == key.n &&
	       memcmp(e->key, key.p, key.n) == 0;
}

static uint32_t hash_of(uint16_t vhost, struct slice key)
{
	uint64_t hash = key.n + ((uint64_t)vhost << 32);
	size_t at = 0;
	for (; at + 8 <= key.n; at += 8)
		hash = (hash ^ load_le64(key.p + at)) * 0x9e3779b97f4a7c15;
	uint64_t rest = 0;
	for (; at < key.n; at++)
		rest = rest << 8 | key.p[at];
	return (uint32_t)hash_u64(hash ^ rest, 0);
}

/* Still good in a newer version: nothing that it hangs on has changed. */
static bool is_still_good(struct entry *e, const struct catalog_view *v, struct slice exchange,
			  struct slice key)
{
	const struct exchange *x = catalog_exchange(v, e->vhost, exchange);
	must(e->version != 0);
	if (e->is_frail || (e->facts != catalog_facts_version(v) && !ABLATED(rights)))
		return false;
	if (!x || !e->hit.x)
		return x == e->hit.x;
	if (x->id != e->x_id || x->version != e->x_version)
		return false;
	if (x->name.n == 0) {
		const struct queue_record *q = catalog_queue(v, e->vhost, key);
		if (e->q_id != (q ? q->id : 0) || e->q_version != (q ? q->version : 0))
			return false;
	}
	e->hit.x = x;
	return true;
}

/* An entry for a new key: one that is not good any more, or whose turn it is to give way. */
static struct entry *take_entry(struct route_cache *c, uint32_t hash)
{
	struct row *row = &c->rows[hash % ROWS];
	uint32_t way = 0;
	while (way < WAYS && row->entry[way] && row->entry[way]->version)
		way++;
	if (way == WAYS)
		way = row->turn++ % WAYS;
	must(way < WAYS);
	struct entry *e = row->entry[way];
	if (!e) {
		e = mem_get(c->mem, sizeof *e, "route cache");
		if (!e)
			return NULL;
		*e = (struct entry){ .key = e->room, .key_cap = KEY_ROOM };
		e->route.to = e->few;
		row->entry[way] = e;
	}
	row->tag[way] = hash;
	drop_route(c, e);
	return e;
}

static bool set_key(struct route_cache *c, struct entry *e, struct slice key)
{
	must(key.n <= UINT16_MAX);
	if (key.n > e->key_cap) {
		uint8_t *bytes = mem_get(c->mem, key.n, "route cache");
		if (!bytes)
			return false;
		if (e->key != e->room)
			mem_put(c->mem, e->key, e->key_cap);
		e->key = bytes;
		e->key_cap = (uint32_t)key.n;
	}
	if (key.n)
		memcpy(e->key, key.p, key.n);
	e->key_len = (uint16_t)key.n;
	return true;
}

static bool set_route(struct route_cache *c, struct entry *e)
{
	uint32_t n = c->work.varies ? 0 : c->work.n;
	must(e->route.to == e->few && n <= ROUTE_KEPT_MAX);
	if (n > TO_ROOM) {
		struct route_to *to = mem_get(c->mem, n * sizeof to[0], "route cache");
		if (!to)
			return false;
		e->route.to = to;
	}
	if (n)
		memcpy(e->route.to, c->work.to, n * sizeof c->work.to[0]);
	e->route.n = n;
	return true;
}

static bool make_rows(struct route_cache *c)
{
	must(c->last == NULL || c->rows);
	if (c->rows)
		return true;
	c->rows = mem_get(c->mem, ROWS * sizeof c->rows[0], "route cache");
	if (c->rows)
		memset(c->rows, 0, ROWS * sizeof c->rows[0]);
	return c->rows != NULL;
}

/* A route that is not kept: too many queues, or no memory to keep it in. */
static struct route_hit *answer_loose(struct route_cache *c, const struct exchange *x)
{
	c->loose.hit = (struct route_hit){
		.x = x, .route = &c->work, .is_new = true, .varies = c->work.varies
	};
	must(c->loose.version == 0);
	return &c->loose.hit;
}

static void note_versions(const struct route_cache *c, struct entry *e,
			  const struct catalog_view *v, const struct exchange *x, struct slice key)
{
	const struct queue_record *q = x && x->name.n == 0 ? catalog_queue(v, e->vhost, key) : NULL;
	e->version = catalog_version(v);
	e->is_frail = c->work.is_frail && !c->work.varies;
	e->x_id = x ? x->id : 0;
	e->x_version = x ? x->version : 0;
	e->facts = catalog_facts_version(v);
	e->q_id = q ? q->id : 0;
	e->q_version = q ? q->version : 0;
	e->hit = (struct route_hit){
		.x = x,
		.route = c->work.varies ? &c->work : &e->route,
		.is_new = true,
		.varies = c->work.varies,
	};
	must(e->version != 0);
}

struct names {
	uint16_t vhost;
	struct slice bytes, exchange;
	const struct routing *m;
};

static enum err find_anew(struct route_cache *c, const struct catalog_view *v,
			  const struct names *n, struct route_hit **out_hit)
{
	const struct exchange *x = catalog_exchange(v, n->vhost, n->exchange);
	c->work.n = 0;
	c->work.varies = c->work.is_frail = false;
	if (x)
		TRY(route_message(v, x, n->m, &c->work));
	struct entry *e = NULL;
	if ((c->work.n <= ROUTE_KEPT_MAX || c->work.varies) && make_rows(c))
		e = take_entry(c, hash_of(n->vhost, n->bytes));
	if (!e || !set_key(c, e, n->bytes) || !set_route(c, e)) {
		*out_hit = answer_loose(c, x);
		return ERR_OK;
	}
	e->vhost = n->vhost;
	note_versions(c, e, v, x, n->m->key);
	must(is_it(e, n->vhost, n->bytes));
	c->last = e;
	*out_hit = &e->hit;
	return ERR_OK;
}

/* The entry for these bytes; NULL: there is none. */
static struct entry *look_up(struct route_cache *c, uint16_t vhost, struct slice bytes)
{
	if (!c->rows)
		return NULL;
	uint32_t hash = hash_of(vhost, bytes);
	struct row *row = &c->rows[hash % ROWS];
	for (uint32_t way = 0; way < WAYS; way++) {
		struct entry *e = row->entry[way];
		must_if(row->tag[way] != 0, e != NULL);
		if (row->tag[way] == hash && e && is_it(e, vhost, bytes))
			return e;
	}
	return NULL;
}

enum err route_cache_find(struct route_cache *c, const struct catalog_view *v, uint16_t vhost,
			  struct slice route_bytes, struct slice exchange, const struct routing *m,
			  struct route_hit **out_hit)
{
	must(m->more_n == 0 && !m->also);
	struct entry *e = c->last;
	if (!e || !is_it(e, vhost, route_bytes))
		e = look_up(c, vhost, route_bytes);
	uint64_t version = catalog_version(v);
	if (e && (e->version == version || is_still_good(e, v, exchange, m->key))) {
		must(e->route.to != NULL);
		e->version = version;
		e->hit.is_new = false;
		c->last = e;
		*out_hit = &e->hit;
		return e->hit.varies ? route_message(v, e->hit.x, m, &c->work) : ERR_OK;
	}
	if (e)
		e->version = 0;
	struct names n = { vhost, route_bytes, exchange, m };
	return find_anew(c, v, &n, out_hit);
}

enum err route_cache_more(struct route_cache *c, const struct catalog_view *v,
			  const struct routing *m, struct route_hit **inout_hit)
{
	const struct route_hit *found = *inout_hit;
	must(found->x != NULL && (m->more_n > 0 || m->also));
	TRY(route_message(v, found->x, m, &c->work));
	*inout_hit = answer_loose(c, found->x);
	return ERR_OK;
}
