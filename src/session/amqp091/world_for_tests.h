/* world_for_tests -- what the harness is made of: its memory, users and limits, and a journal.
 *
 * The journal keeps stored messages by number, and who counts on each chunk of a big body: a chunk
 * that nobody counts on is gone. Only for tests; the test owns the world, one thread.
 */
#ifndef SESSION_AMQP091_WORLD_FOR_TESTS_H
#define SESSION_AMQP091_WORLD_FOR_TESTS_H
#include "auth/auth.h"
#include "base/base64.h"
#include "base/map.h"
#include "core/catalog.h"
#include "core/core.h"
#include "msg/big.h"
#include "session/amqp091/line_for_tests.h"
#include "session/session.h"

#define WORLD_SHARDS  (2 + LIMIT_SHARD_DATA_N)
#define WORLD_CLIENTS 16

struct world_shard {
	struct core *core;
	struct outcomes now, later;
	uint64_t proposed, committed;
};

struct client {
	struct world *world;
	struct session *s;
	struct octets in;  /* not consumed yet */
	struct octets out; /* what the session wrote */
	size_t out_read;
	size_t need;
	size_t frame_max;
	uint32_t slot, gen;
	bool is_waiting, is_closed, is_lost;
};

struct world {
	struct mem mem;
	struct block_home home;
	struct post post, held;
	struct world_shard shard[WORLD_SHARDS];
	struct catalog *catalog;
	struct auth auth;
	struct session_limits limits;
	struct session_world sw;
	struct loads loads;
	struct stores stores;
	struct session_events events;
	struct session_echo echo;
	struct map stored; /* loc -> struct octets *: the journal */
	struct map live;   /* loc of a chunk of a big body -> who counts on it */
	uint64_t next_loc, seed;
	struct client *clients[WORLD_CLIENTS];
	uint32_t gen;
	bool is_log_held, is_dripping, is_losing_reads, is_losing_stores, is_not_reading;
	uint32_t moves_n;
};

/* ---- memory: blocks are aligned, as the node's are */

static inline void *world_mem_get(struct mem *m, size_t n, const char *kind)
{
	(void)m;
	must(kind != NULL);
	return strcmp(kind, "block") == 0 ? aligned_alloc(BLOCK_ALIGN, n) : malloc(n);
}

static inline void world_mem_put(struct mem *m, void *own_p, size_t n)
{
	(void)m;
	(void)n;
	free(own_p);
}

static inline uint64_t world_random(void *arg)
{
	struct world *w = arg;
	return w->seed += 0x9e3779b97f4a7c15;
}

static inline struct session_world *world_of(struct world *w)
{
	w->sw.view = catalog_view(w->catalog);
	w->sw.post = &w->post;
	return &w->sw;
}

static inline void world_limits(struct world *w)
{
	w->limits = (struct session_limits){
		.frame_max = LIMIT_FRAME_MAX_DEFAULT,
		.channel_max = LIMIT_CHANNEL_MAX_DEFAULT,
		.heartbeat_s = LIMIT_HEARTBEAT_DEFAULT_S,
		.initial_frame_max = LIMIT_INITIAL_FRAME_MAX,
		.handshake_timeout_ms = LIMIT_HANDSHAKE_TIMEOUT_MS,
		.message_bytes_max = LIMIT_MESSAGE_BYTES_DEFAULT,
		.output_bytes_max = 1 << 20,
		.unconfirmed_bytes_max = 16 << 20,
		.product = slice_str("Godwit"),
		.version = slice_str("4.3.0"),
		.server_version = slice_str("0.1.0"),
		.platform = slice_str("C"),
		.cluster_name = slice_str("test"),
	};
}

static inline void world_users(struct world *w)
{
	struct auth_user guest = { slice_str("guest"), slice_str("guest"), 0, true };
	struct auth_user reader = { slice_str("reader"), slice_str("pw"), 0, false };
	struct auth_user nobody = { slice_str("nobody"), slice_str("pw"), 0, false };
	uint16_t user;
	auth_init(&w->auth);
	must(auth_add(&w->auth, &guest, &user) == ERR_OK);
	must(auth_permit(&w->auth, user, 0, AUTH_EVERYTHING) == ERR_OK);
	must(auth_add(&w->auth, &reader, &user) == ERR_OK);
	must(auth_permit(&w->auth, user, 0, 1u << AUTH_READ) == ERR_OK);
	must(auth_add(&w->auth, &nobody, &user) == ERR_OK);
}

static inline struct world *world_new(void)
{
	struct world *w = calloc(1, sizeof *w);
	must(w != NULL);
	w->mem = (struct mem){ world_mem_get, world_mem_put, 0, SIZE_MAX };
	block_home_init(&w->home, &w->mem, 4);
	post_init(&w->post, 0, 2, &w->mem);
	post_init(&w->held, 0, 2, &w->mem);
	for (uint16_t i = 1; i < WORLD_SHARDS; i++) {
		w->shard[i].core = core_new(&w->mem, i);
		must(w->shard[i].core != NULL);
	}
	for (uint16_t i = 0; i < WORLD_SHARDS; i++) {
		outcomes_init(&w->shard[i].now, &w->mem);
		outcomes_init(&w->shard[i].later, &w->mem);
		w->shard[i].proposed = w->shard[i].committed = 1;
	}
	w->catalog = catalog_new(&w->mem, 7);
	catalog_read_by(w->catalog, session_arguments);
	must(w->catalog != NULL);
	map_init(&w->stored, NULL, 0, 1);
	map_init(&w->live, NULL, 0, 1);
	w->stores.mem = &w->mem;
	w->loads.mem = &w->mem;
	w->next_loc = 1;
	world_limits(w);
	world_users(w);
	w->sw = (struct session_world){
		.now_ms = 1000000,
		.wall_ms = 1700000000000,
		.auth = &w->auth,
		.limits = &w->limits,
		.mem = &w->mem,
		.home = &w->home,
		.loads = &w->loads,
		.stores = &w->stores,
		.echo = &w->echo,
		.events = &w->events,
		.random = world_random,
		.random_arg = w,
	};
	return w;
}

/* ---- the journal */

static inline uint64_t world_keep(struct world *w, const struct msg *m)
{
	struct octets *o = calloc(1, sizeof *o);
	must(o && m);
	uint32_t n = msg_stored_bytes(m);
	struct wr wr = wr_of(octets_more(o, n), n);
	msg_store(m, &wr);
	must(map_make_room(&w->stored, &w->mem, "stored") == ERR_OK);
	map_put(&w->stored, w->next_loc, (uint64_t)(uintptr_t)o);
	return w->next_loc++;
}

/* A chunk that nobody counts on is gone: who reads it then finds nothing. */
static inline void world_count(struct world *w, struct slice list, int64_t n)
{
	for (uint32_t i = 0; i < big_n(list); i++) {
		uint64_t at, live = 0, loc = big_at(list, i).loc;
		if (loc == 0)
			continue;
		(void)map_get(&w->live, loc, &live);
		live += (uint64_t)n;
		(void)map_del(&w->live, loc, NULL);
		must((int64_t)live >= 0 && map_make_room(&w->live, &w->mem, "live") == ERR_OK);
		if (live > 0) {
			map_put(&w->live, loc, live);
			continue;
		}
		must(map_del(&w->stored, loc, &at));
		free(((struct octets *)(uintptr_t)at)->p);
		free((void *)(uintptr_t)at);
	}
}

/* As the node does: an entry counts on the chunks, its list goes out of memory. */
static inline void world_store(struct world *w, struct add_row *row)
{
	row->loc = world_keep(w, msg_of(row->mem));
	if (!(row->flags & ENTRY_BIG))
		return;
	world_count(w, big_list(msg_of(row->mem)), 1);
	msg_unref(row->mem, 1);
	row->mem = 0;
}

static inline void world_freed(struct world *w, const struct freed *gone)
{
	uint64_t at;
	struct slice list;
	if (!(gone->flags & ENTRY_BIG))
		return;
	must(map_get(&w->stored, gone->loc, &at));
	const struct octets *o = (const struct octets *)(uintptr_t)at;
	must(big_find(slice_of(o->p, o->n), &list) == ERR_OK);
	world_count(w, list, -1);
}

static inline void world_ended(struct world *w)
{
	for (struct block *b; (b = block_ended(&w->home)) != NULL; block_forget(&w->home, b))
		world_count(w, big_list((const void *)((const uint8_t *)b + b->noted)), -1);
}

/* Chunks become durable, the last one first. */
static inline bool world_stores(struct world *w)
{
	bool is_any = w->stores.n > 0 && !w->is_log_held;
	while (w->stores.n > 0 && !w->is_log_held) {
		struct store s = w->stores.at[--w->stores.n];
		struct client *c = w->clients[session_slot(s.session)];
		uint8_t row[BIG_ROW_BYTES];
		struct big_chunk k = { world_keep(w, msg_of(s.mem)),
				       msg_stored_bytes(msg_of(s.mem)) };
		bool is_there = c && c->s->handle == s.session;
		bool is_kept = is_there &&
			       c->s->ops->stored(c->s, world_of(w), s.ticket,
						 w->is_losing_stores ? 0 : k.loc, k.bytes);
		must(!is_kept || !w->is_losing_stores);
		big_put(row, 0, k);
		world_count(w, slice_of(row, sizeof row), 1);
		if (!is_kept)
			world_count(w, slice_of(row, sizeof row), -1);
		msg_unref(s.mem, 1);
	}
	return is_any;
}

static inline void world_load(struct world *w, struct load l)
{
	uint64_t at, mem = 0;
	struct client *c = w->clients[session_slot(l.session)];
	must(map_get(&w->stored, l.loc, &at));
	const struct octets *o = (const struct octets *)(uintptr_t)at;
	struct block *b = block_take(&w->home, (uint32_t)o->n);
	const struct msg *m;
	memcpy((uint8_t *)b + b->fill, o->p, o->n);
	b->fill += (uint32_t)o->n;
	must(msg_load(b, b->fill - (uint32_t)o->n, (uint32_t)o->n, &m) == ERR_OK);
	bool is_there = c && c->s->handle == l.session && !w->is_losing_reads;
	if (is_there) {
		block_give(b, 1);
		mem = msg_mem(m);
	}
	block_close(b);
	if (c && c->s->handle == l.session)
		c->s->ops->loaded(c->s, world_of(w), l.ticket, mem);
}

static inline bool world_loads(struct world *w)
{
	struct load taken[LIMIT_READ_AHEAD_ROWS * WORLD_CLIENTS];
	uint32_t n = w->loads.n;
	must(n <= sizeof taken / sizeof *taken);
	if (n)
		memcpy(taken, w->loads.at, n * sizeof *taken);
	w->loads.n = 0;
	for (uint32_t i = n; i-- > 0;) /* a disk keeps no order */
		world_load(w, taken[i]);
	return n > 0;
}
#endif
