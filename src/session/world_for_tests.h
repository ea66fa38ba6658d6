/* world_for_tests -- what the harness is made of: its memory, users and limits, and a journal.
 *
 * The journal keeps stored messages by number, and who counts on each chunk of a big body: a chunk
 * that nobody counts on is gone. Only for tests; the test owns the world, one thread.
 */
#ifndef SESSION_WORLD_FOR_TESTS_H
#define SESSION_WORLD_FOR_TESTS_H
#include "auth/account.h"
#include "auth/auth.h"
#include "base/base64.h"
#include "base/list.h"
#include "base/map.h"
#include "base/regex.h"
#include "base/tally.h"
#include "core/catalog.h"
#include "core/core.h"
#include "core/fact.h"
#include "msg/big.h"
#include "session/octets_for_tests.h"
#include "session/session.h"
#include "session/views.h"

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
	struct patterns patterns;
	struct secrets secrets;
	struct tally tally;
	struct meter meter;
	struct exchange_tally exchanges;
	uint64_t checked; /* ticket of a password that is looked at later; 0: none */
	bool is_checking_later, is_checked_right;
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
	size_t align = strcmp(kind, "block") == 0 ? BLOCK_ALIGN : mem_align(n);
	return align ? aligned_alloc(align, n) : malloc(n);
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
		.connection_max = -1,
		.channel_max_per_node = -1,
		.consumer_max_per_channel = -1,
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
		.loopback_users = { slice_str("guest") },
		.loopback_users_n = 1,
		.mechanisms = { slice_str("PLAIN"), slice_str("AMQPLAIN"), slice_str("ANONYMOUS") },
		.mechanisms_n = 3,
		.anonymous_user = slice_str("guest"),
		.anonymous_pass = slice_str("guest"),
	};
}

/* ---- users: their passwords lie open, patterns are small */

static inline bool world_match(struct patterns *p, struct slice expr, struct slice subject)
{
	must(p->ops != NULL);
	return regex_find(expr, subject);
}

static inline enum secret world_check(struct secrets *s, struct slice algorithm, struct slice hash,
				      struct slice password, uint64_t ticket)
{
	struct world *w = containerof(s, struct world, secrets);
	bool is_right = slice_eq(algorithm, slice_str("open")) && slice_eq(hash, password);
	if (!w->is_checking_later)
		return is_right ? SECRET_RIGHT : SECRET_WRONG;
	w->checked = ticket;
	w->is_checked_right = is_right;
	return SECRET_LATER;
}

static inline const struct patterns_ops *world_patterns(void)
{
	static const struct patterns_ops ops = { .match = world_match };
	return &ops;
}

static inline void world_forget(struct secrets *s, uint64_t ticket)
{
	struct world *w = containerof(s, struct world, secrets);
	must(w->checked == ticket && ticket != 0);
	w->checked = 0;
}

/* Some sum, of all that it is made of. */
static inline void world_sum(struct slice key, struct slice of, uint8_t out[SECRET_SUM_BYTES])
{
	const uint64_t keyed = hash_slice((struct hash_key){ 1, 2 }, key);
	for (uint64_t i = 0; i < SECRET_SUM_BYTES / 8; i++) {
		const uint64_t part = hash_slice((struct hash_key){ keyed, i }, of);
		memcpy(out + 8 * i, &part, 8);
	}
}

static inline const struct secrets_ops *world_secrets(void)
{
	static const struct secrets_ops ops = { .check = world_check,
						.forget = world_forget,
						.sum = world_sum };
	return &ops;
}

/* world_fact tells the catalog one, as if the log had it; NULL value: forgets it. */
static inline void world_fact(struct world *w, const struct fact *f, bool is_put)
{
	static uint64_t id = 1000;
	uint8_t room[sizeof(struct run) + 2048];
	struct run *o = (struct run *)(void *)room;
	const struct catalog_view *v = catalog_view(w->catalog);
	const struct fact *old = catalog_fact(v, (enum fact_kind)f->kind, f->name[0], f->name[1],
					      f->name[2]);
	*o = (struct run){ .kind = is_put ? OUTCOME_FACT_PUT : OUTCOME_FACT_DELETE };
	o->flags = RUN_LOGGED;
	o->queue = old ? old->id : id++;
	o->tail_len = fact_put(f, room + sizeof *o, sizeof room - sizeof *o);
	must(o->tail_len > 0);
	catalog_apply(w->catalog, o, 0, NULL);
}

static inline void world_tagged(struct world *w, const char *name, const char *password,
				const char *tag)
{
	uint8_t buf[ACCOUNT_BYTES_MAX];
	struct account a = { .algorithm = slice_str("open"),
			     .hash = slice_str(password),
			     .tags = { slice_str(tag ? tag : "") },
			     .tags_n = tag != NULL };
	struct fact f = fact_of(FACT_USER, slice_str(name), SLICE_EMPTY, SLICE_EMPTY);
	f.value = slice_of(buf, account_put(&a, buf, sizeof buf));
	world_fact(w, &f, true);
}

static inline void world_user(struct world *w, const char *name, const char *password)
{
	world_tagged(w, name, password, NULL);
}

static inline void world_grant(struct world *w, enum fact_kind kind, const char *user,
			       const char *exchange, const char *const patterns[3])
{
	uint8_t buf[1024];
	struct grant g = { { slice_str(patterns[0]), slice_str(patterns[1]),
			     slice_str(patterns[2]) } };
	struct fact f = fact_of(kind, slice_str(user), slice_str("/"), slice_str(exchange));
	f.value = slice_of(buf, grant_put(&g, buf, sizeof buf));
	world_fact(w, &f, true);
}

static inline void world_users(struct world *w)
{
	static const char *const all[] = { ".*", ".*", ".*" }, *const read[] = { "", "", ".*" };
	struct fact vhost = fact_of(FACT_VHOST, slice_str("/"), SLICE_EMPTY, SLICE_EMPTY);
	w->patterns.ops = world_patterns();
	w->secrets.ops = world_secrets();
	world_fact(w, &vhost, true);
	world_user(w, "guest", "guest");
	world_grant(w, FACT_PERMISSION, "guest", "", all);
	world_user(w, "reader", "pw");
	world_grant(w, FACT_PERMISSION, "reader", "", read);
	world_user(w, "nobody", "pw");
	world_tagged(w, "deputy", "pw", "impersonator");
	world_grant(w, FACT_PERMISSION, "deputy", "", all);
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
		core_views(w->shard[i].core, header_ops_of);
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
	tally_init(&w->tally, &w->mem);
	meter_init(&w->meter, 1, 0);
	w->sw = (struct session_world){
		.now_ms = 1000000,
		.wall_ms = 1700000000000,
		.patterns = &w->patterns,
		.secrets = &w->secrets,
		.tally = &w->tally,
		.meter = &w->meter,
		.lane = &w->meter.lanes[0],
		.exchanges = &w->exchanges,
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

/* As the node does: an entry counts on the chunks, and of a stream its list goes out of memory; of
 * others it is looked at first. */
static inline void world_store(struct world *w, uint8_t outcome, struct add_row *row)
{
	row->loc = world_keep(w, msg_of(row->mem));
	if (!(row->flags & ENTRY_BIG))
		return;
	world_count(w, big_list(msg_of(row->mem)), 1);
	if (outcome != OUTCOME_STREAM_ADD)
		return;
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

/* What selectors are to look at. */
static inline void world_look(struct world *w, struct core *c, const struct core_look *l)
{
	uint64_t at;
	const struct msg *m = NULL;
	struct block *b = NULL;
	if (map_get(&w->stored, l->loc, &at)) {
		const struct octets *o = (const struct octets *)(uintptr_t)at;
		b = block_take(&w->home, (uint32_t)o->n);
		memcpy((uint8_t *)b + b->fill, o->p, o->n);
		b->fill += (uint32_t)o->n;
		must(msg_load(b, b->fill - (uint32_t)o->n, (uint32_t)o->n, &m) == ERR_OK);
	}
	(void)core_looked(c, l, w->is_losing_reads ? NULL : m);
	if (b)
		block_close(b);
}

static inline bool world_looks(struct world *w)
{
	bool is_any = false;
	for (uint16_t i = 1; i < WORLD_SHARDS; i++) {
		struct core_look l;
		struct core *c = w->shard[i].core;
		is_any |= core_has_looks(c);
		while (core_look_wanted(c, &l))
			world_look(w, c, &l);
	}
	return is_any;
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
