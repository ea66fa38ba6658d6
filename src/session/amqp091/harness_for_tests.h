/* harness_for_tests -- a broker of one loop without I/O: sessions, post, catalog, cores, a log.
 *
 * The real rooms below, in the order in which the node calls them, so that a test can be played
 * against them. The log commits at once, unless `is_log_held`. A client's bytes are given as they
 * come, or one by one (`is_dripping`). Only for tests: memory is the heap's, failures are musts.
 */
#ifndef SESSION_AMQP091_HARNESS_FOR_TESTS_H
#define SESSION_AMQP091_HARNESS_FOR_TESTS_H
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
		bool is_kept = is_there && c->s->ops->stored(c->s, world_of(w), s.ticket,
							     w->is_losing_stores ? 0 : k.loc,
							     k.bytes);
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

/* ---- shards */

static inline void world_apply(struct world *w, uint16_t no, struct run *o, uint64_t index,
			       uint32_t ordinal)
{
	struct add_row *row = run_rows(o);
	if (no == 0) {
		catalog_apply(w->catalog, o, index, &w->held);
		return;
	}
	if (o->kind == OUTCOME_ADD && o->flags & RUN_LOGGED)
		for (uint32_t i = 0; i < o->n; i++)
			world_store(w, &row[i]);
	core_apply(w->shard[no].core, o, index, ordinal, &w->post);
}

static inline void world_apply_ready(struct world *w, uint16_t no)
{
	struct world_shard *s = &w->shard[no];
	uint64_t index;
	uint32_t ordinal;
	struct run *o;
	while ((o = outcomes_unproposed(&s->now)) != NULL)
		outcomes_propose(&s->now, s->committed, 0);
	while ((o = outcomes_ready(&s->now, s->committed, &index, &ordinal)) != NULL) {
		world_apply(w, no, o, index, ordinal);
		outcomes_pop(&s->now);
	}
	while ((o = outcomes_unproposed(&s->later)) != NULL) {
		s->proposed += (o->flags & RUN_LOGGED) != 0;
		outcomes_propose(&s->later, s->proposed, 0);
	}
	if (!w->is_log_held)
		s->committed = s->proposed;
	while ((o = outcomes_ready(&s->later, s->committed, &index, &ordinal)) != NULL) {
		world_apply(w, no, o, index, ordinal);
		outcomes_pop(&s->later);
	}
}

static inline void world_command(struct world *w, struct run *r)
{
	must(r->shard < WORLD_SHARDS);
	struct world_shard *s = &w->shard[r->shard];
	if (r->shard == 0)
		catalog_admit(w->catalog, r, w->sw.wall_ms, &s->now, &s->later, &w->post);
	else
		core_admit(s->core, r, w->sw.wall_ms, &s->now, &s->later, &w->post);
}

static inline void world_effect(struct world *w, struct run *r)
{
	struct client *c = w->clients[session_slot(r->session)];
	if (c && c->s->handle == r->session) {
		c->s->ops->tell(c->s, world_of(w), r);
		return;
	}
	must(r->kind != FX_DELIVER); /* a session that owes something must still be there */
}

static inline bool world_dispatch(struct world *w, struct post *p)
{
	bool is_any = false;
	for (uint32_t loop = 0; loop < 2; loop++) {
		for (struct batch *b = post_take(p, loop), *next; b; b = next) {
			next = b->next;
			for (struct run *r = batch_first(b); r; r = batch_next(b, r)) {
				is_any = true;
				if (run_is_effect(r))
					world_effect(w, r);
				else
					world_command(w, r);
			}
			post_give_back(p, b);
		}
	}
	return is_any;
}

static inline void world_shards(struct world *w)
{
	struct freed gone[16];
	for (uint16_t i = 0; i < WORLD_SHARDS; i++) {
		struct world_shard *s = &w->shard[i];
		world_apply_ready(w, i);
		if (!s->core)
			continue;
		core_give(s->core, w->sw.wall_ms, &s->now, &s->later, &w->post);
		world_apply_ready(w, i);
		for (uint32_t n; (n = core_freed_take(s->core, gone, 16)) > 0;)
			for (uint32_t k = 0; k < n; k++)
				world_freed(w, &gone[k]);
	}
}

/* ---- clients */

static inline void client_feed(struct client *c)
{
	struct world *w = c->world;
	size_t n = c->in.n;
	struct block *b = block_take(&w->home, (uint32_t)n + 4096);
	uint32_t need = 0, to = 0;
	must(b != NULL);
	uint32_t from = b->fill, off = from;
	if (n)
		memcpy((uint8_t *)b + from, c->in.p, n);
	b->fill += (uint32_t)n;
	enum feed f = c->s->ops->feed(c->s, world_of(w), b, &off, &need, &to);
	must(off >= from && off <= b->fill);
	c->in.n = n - (off - from);
	if (c->in.n)
		memmove(c->in.p, c->in.p + (off - from), c->in.n);
	block_close(b);
	c->need = need;
	c->is_waiting = f == FEED_WAIT;
	c->is_closed |= f == FEED_CLOSE;
	must(f != FEED_MORE || need > c->in.n);
	if (f == FEED_MOVE) { /* and back at once: there is one loop that runs */
		must(to == 1);
		w->moves_n++;
		c->s->ops->moved(c->s, session_handle(0, c->slot, ++w->gen & 0xffffff));
		c->is_waiting = true;
	}
}

static inline bool client_take_output(struct client *c)
{
	struct slice part;
	bool is_any = c->s->sendq.bytes > 0;
	if (c->world->is_not_reading && !c->is_closed)
		return false;
	while (sendq_parts(&c->s->sendq, &part, 1) == 1) {
		octets_put(&c->out, part.p, part.n);
		sendq_sent(&c->s->sendq, &c->world->mem, part.n);
	}
	return is_any;
}

/* client_write is bytes from the client. */
static inline void client_write(struct client *c, const void *p, size_t n)
{
	size_t step = c->world->is_dripping ? 1 : n;
	for (size_t i = 0; i < n && !c->is_closed; i += step) {
		octets_put(&c->in, (const uint8_t *)p + i, step);
		c->s->in_bytes += step;
		if (!c->is_waiting && c->in.n >= c->need)
			client_feed(c);
	}
}

static inline void client_free(struct client *c)
{
	struct world *w = c->world;
	c->s->ops->free(c->s, world_of(w));
	w->clients[c->slot] = NULL;
	free(c->in.p);
	free(c->out.p);
	free(c);
}

static inline bool client_work(struct client *c)
{
	const struct session_ops *ops = c->s->ops;
	struct world *w = c->world;
	if (c->is_lost) {
		bool is_over = ops->gone(c->s, world_of(w));
		if (is_over)
			client_free(c);
		return is_over;
	}
	ops->pump(c->s, world_of(w));
	bool is_any = c->is_waiting && ops->ready(c->s, world_of(w)) && c->in.n > 0;
	if (is_any)
		client_feed(c);
	else if (c->is_waiting && ops->ready(c->s, world_of(w)))
		c->is_waiting = false;
	if (!c->is_closed && ops->deadline(c->s) <= w->sw.now_ms)
		c->is_closed |= ops->tick(c->s, world_of(w)) == FEED_CLOSE;
	return client_take_output(c) || is_any;
}

/* world_run lets everything happen that can without a clock. */
static inline void world_run(struct world *w)
{
	for (int idle_n = 0; idle_n < 2; idle_n++) {
		bool is_any = world_dispatch(w, &w->post);
		world_shards(w);
		catalog_collect(w->catalog, catalog_version(catalog_view(w->catalog)));
		is_any |= world_dispatch(w, &w->held);
		world_shards(w);
		is_any |= world_dispatch(w, &w->post);
		is_any |= world_loads(w);
		for (uint32_t i = 0; i < WORLD_CLIENTS; i++)
			if (w->clients[i])
				is_any |= client_work(w->clients[i]);
		is_any |= world_stores(w);
		block_collect(&w->home);
		world_ended(w);
		if (is_any)
			idle_n = -1;
	}
}

static inline struct client *client_new(struct world *w, bool is_loopback)
{
	struct client *c = calloc(1, sizeof *c);
	must(c != NULL);
	c->world = w;
	c->gen = ++w->gen & 0xffffff;
	c->frame_max = LIMIT_FRAME_MAX_DEFAULT;
	while (w->clients[c->slot])
		must(++c->slot < WORLD_CLIENTS);
	c->s = amqp091_session_ops.new(world_of(w), session_handle(0, c->slot, c->gen),
				       slice_str("127.0.0.1:1"), is_loopback);
	must(c->s != NULL);
	w->clients[c->slot] = c;
	return c;
}

/* client_lost: its socket breaks. The client is gone when the world has run. */
static inline void client_lost(struct client *c)
{
	c->is_lost = true;
}

/* world_later moves the clock to the next deadline of a session, at most `max_ms` on. False:
 * there is none. */
static inline bool world_later(struct world *w, uint64_t max_ms)
{
	uint64_t at = UINT64_MAX;
	for (uint32_t i = 0; i < WORLD_CLIENTS; i++) {
		struct client *c = w->clients[i];
		uint64_t d = c && !c->is_closed ? c->s->ops->deadline(c->s) : UINT64_MAX;
		at = d < at ? d : at;
	}
	if (at > w->sw.now_ms + max_ms)
		return false;
	w->sw.now_ms = at > w->sw.now_ms ? at : w->sw.now_ms;
	world_run(w);
	return true;
}

/* world_free ends all clients and must find everything given back. */
static inline void world_free(struct world *w)
{
	for (uint32_t i = 0; i < WORLD_CLIENTS; i++)
		if (w->clients[i])
			client_lost(w->clients[i]);
	w->is_log_held = false;
	world_run(w);
	for (uint32_t i = 0; i < WORLD_CLIENTS; i++)
		must(w->clients[i] == NULL);
	for (uint16_t i = 0; i < WORLD_SHARDS; i++) {
		outcomes_fini(&w->shard[i].now);
		outcomes_fini(&w->shard[i].later);
		core_free(w->shard[i].core);
	}
	catalog_free(w->catalog);
	size_t cursor = 0;
	for (struct map_slot *m; (m = map_next(&w->stored, &cursor)) != NULL;) {
		free(((struct octets *)(uintptr_t)m->value)->p);
		free((void *)(uintptr_t)m->value);
	}
	map_fini(&w->stored, &w->mem);
	map_fini(&w->live, &w->mem);
	mem_put(&w->mem, w->stores.at, w->stores.cap * sizeof *w->stores.at);
	mem_put(&w->mem, w->loads.at, w->loads.cap * sizeof *w->loads.at);
	post_fini(&w->post);
	post_fini(&w->held);
	block_home_fini(&w->home);
	must(w->mem.used == 0);
	free(w);
}
#endif
