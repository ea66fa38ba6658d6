#include "core/route.h"

#include "base/byteorder.h"
#include "base/hash.h"
#include "base/must.h"

/* 32 entries in pairs: a key has two places, the one used last in front. Keys are compared by
 * their bytes, so the hash needs no secret: who makes his keys collide slows down himself. */
#define PAIRS 16u
#define ENTRIES (2 * PAIRS)
#define KEY_ROOM 40u             /* bytes of a key that need no block of their own */
#define TO_ROOM 2u               /* destinations, likewise */

struct entry {
	struct route_hit hit;
	struct route route;      /* `to` and `n` only; to is `few`, or a block of `n` */
	uint64_t version;        /* of the catalog, when it was good last; 0: never */
	uint64_t x_id, x_version;
	uint64_t q_id, q_version;        /* through the default exchange: the queue */
	uint8_t *key;            /* `room`, or a block of `key_cap` bytes */
	uint32_t key_cap;
	uint16_t key_len, vhost;
	struct route_to few[TO_ROOM];
	uint8_t room[KEY_ROOM];
};

struct route_cache {
	struct mem *mem;
	struct entry *last;
	struct entry **entries;  /* NULL: nothing routed yet */
	struct route work;       /* where routes are found */
	struct entry loose;      /* a route that is not kept */
};

struct route_cache *route_cache_new(struct mem *mem)
{
	struct route_cache *c = mem_get(mem, sizeof *c, "route cache");
	if (!c)
		return NULL;
	*c = (struct route_cache){ .mem = mem };
	route_init(&c->work, mem);
	must(c->entries == NULL);
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

void route_cache_free(struct route_cache *own_c)
{
	struct route_cache *c = own_c;
	if (!c)
		return;
	for (uint32_t i = 0; c->entries && i < ENTRIES; i++) {
		struct entry *e = c->entries[i];
		if (!e)
			continue;
		drop_route(c, e);
		if (e->key != e->room)
			mem_put(c->mem, e->key, e->key_cap);
		mem_put(c->mem, e, sizeof *e);
	}
	must_if(c->last != NULL, c->entries != NULL);
	mem_put(c->mem, c->entries, ENTRIES * sizeof c->entries[0]);
	route_fini(&c->work);
	mem_put(c->mem, c, sizeof *c);
}

static bool is_it(const struct entry *e, uint16_t vhost, struct slice key)
{
	return e->version && e->vhost == vhost && e->key_len == key.n &&
	       memcmp(e->key, key.p, key.n) == 0;
}

static uint32_t pair_of(uint16_t vhost, struct slice key)
{
	uint64_t hash = key.n + ((uint64_t)vhost << 32);
	size_t at = 0;
	for (; at + 8 <= key.n; at += 8)
		hash = (hash ^ load_le64(key.p + at)) * 0x9e3779b97f4a7c15;
	uint64_t rest = 0;
	for (; at < key.n; at++)
		rest = rest << 8 | key.p[at];
	return (uint32_t)hash_u64(hash ^ rest, 0) % PAIRS;
}

/* Still good in a newer version: nothing that it hangs on has changed. */
static bool is_still_good(struct entry *e, const struct catalog_view *v, struct slice exchange,
			  struct slice key)
{
	const struct exchange *x = catalog_exchange(v, e->vhost, exchange);
	must(e->version != 0);
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

/* The pair's front entry for a new key: the one behind is the older, and gives way, unless the
 * front one is not good any more. */
static struct entry *take_entry(struct route_cache *c, uint32_t pair)
{
	struct entry **two = c->entries + 2 * (size_t)pair, *e = two[1];
	must(pair < PAIRS);
	if (two[0] && two[0]->version == 0) {
		drop_route(c, two[0]);
		return two[0];
	}
	if (!e) {
		e = mem_get(c->mem, sizeof *e, "route cache");
		if (!e)
			return NULL;
		*e = (struct entry){ .key = e->room, .key_cap = KEY_ROOM };
		e->route.to = e->few;
	}
	two[1] = two[0];
	two[0] = e;
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
	uint32_t n = c->work.n;
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

static bool make_entries(struct route_cache *c)
{
	must(c->last == NULL || c->entries);
	if (c->entries)
		return true;
	c->entries = mem_get(c->mem, ENTRIES * sizeof c->entries[0], "route cache");
	if (c->entries)
		memset(c->entries, 0, ENTRIES * sizeof c->entries[0]);
	return c->entries != NULL;
}

/* A route that is not kept: too many queues, or no memory to keep it in. */
static struct route_hit *answer_loose(struct route_cache *c, const struct exchange *x)
{
	c->loose.hit = (struct route_hit){ .x = x, .route = &c->work, .is_new = true };
	must(c->loose.version == 0);
	return &c->loose.hit;
}

static void note_versions(struct entry *e, const struct catalog_view *v, const struct exchange *x,
			  struct slice key)
{
	const struct queue_record *q = x && x->name.n == 0 ? catalog_queue(v, e->vhost, key) : NULL;
	e->version = catalog_version(v);
	e->x_id = x ? x->id : 0;
	e->x_version = x ? x->version : 0;
	e->q_id = q ? q->id : 0;
	e->q_version = q ? q->version : 0;
	e->hit = (struct route_hit){ .x = x, .route = &e->route, .is_new = true };
	must(e->version != 0);
}

struct names {
	uint16_t vhost;
	struct slice bytes, exchange, key;
};

static enum err find_anew(struct route_cache *c, const struct catalog_view *v,
			  const struct names *n, struct route_hit **out_hit)
{
	const struct exchange *x = catalog_exchange(v, n->vhost, n->exchange);
	c->work.n = 0;
	if (x)
		TRY(route_find(v, x, n->key, &c->work));
	struct entry *e = NULL;
	if (c->work.n <= ROUTE_KEPT_MAX && make_entries(c))
		e = take_entry(c, pair_of(n->vhost, n->bytes));
	if (!e || !set_key(c, e, n->bytes) || !set_route(c, e)) {
		*out_hit = answer_loose(c, x);
		return ERR_OK;
	}
	e->vhost = n->vhost;
	note_versions(e, v, x, n->key);
	must(is_it(e, n->vhost, n->bytes));
	c->last = e;
	*out_hit = &e->hit;
	return ERR_OK;
}

/* The entry for these bytes, in front of its pair; NULL: there is none. */
static struct entry *look_up(struct route_cache *c, uint16_t vhost, struct slice bytes)
{
	if (!c->entries)
		return NULL;
	struct entry **two = c->entries + 2 * (size_t)pair_of(vhost, bytes), *e = two[0];
	if (e && is_it(e, vhost, bytes))
		return e;
	e = two[1];
	if (!e || !is_it(e, vhost, bytes))
		return NULL;
	must(e != two[0]);
	two[1] = two[0];
	two[0] = e;
	return e;
}

enum err route_cache_find(struct route_cache *c, const struct catalog_view *v, uint16_t vhost,
			  struct slice route_bytes, struct slice exchange, struct slice key,
			  struct route_hit **out_hit)
{
	struct entry *e = c->last;
	if (!e || !is_it(e, vhost, route_bytes))
		e = look_up(c, vhost, route_bytes);
	uint64_t version = catalog_version(v);
	if (e && (e->version == version || is_still_good(e, v, exchange, key))) {
		must(e->route.to != NULL);
		e->version = version;
		e->hit.is_new = false;
		c->last = e;
		*out_hit = &e->hit;
		return ERR_OK;
	}
	if (e)
		e->version = 0;
	struct names n = { vhost, route_bytes, exchange, key };
	return find_anew(c, v, &n, out_hit);
}
