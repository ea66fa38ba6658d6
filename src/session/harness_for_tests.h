/* harness_for_tests -- a broker of one loop without I/O: sessions, post, catalog, cores, a log.
 *
 * The real rooms below, in the order in which the node calls them, so that a test can be played
 * against them. The log commits at once, unless `is_log_held`. A client's bytes are given as they
 * come, or one by one (`is_dripping`). Only for tests: memory is the heap's, failures are musts.
 */
#ifndef SESSION_HARNESS_FOR_TESTS_H
#define SESSION_HARNESS_FOR_TESTS_H
#include "core/tx.h"
#include "session/world_for_tests.h"

/* ---- shards */

static inline void world_apply(struct world *w, uint16_t no, struct run *o, uint64_t index,
			       uint32_t ordinal)
{
	struct add_row *row = run_rows(o);
	if (no == 0) {
		catalog_apply(w->catalog, o, index, &w->held);
		return;
	}
	if (outcome_adds(o->kind) && o->flags & RUN_LOGGED)
		for (uint32_t i = 0; i < o->n; i++)
			world_store(w, o->kind, &row[i]);
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

/* A log that never breaks off: each part of a transaction is as good as all of it. */
static inline void world_tx(struct world *w, struct run *cmd)
{
	struct world_shard *s = &w->shard[cmd->shard];
	struct reply_row what = { .err = ERR_OK, .op = CMD_TX };
	struct run head = *cmd;
	for (struct run *r = NULL; (r = tx_next(cmd, r)) != NULL;) {
		core_admit(s->core, r, w->sw.wall_ms, &s->now, &s->later, &w->post);
		world_apply_ready(w, cmd->shard);
	}
	head.kind = OUTCOME_BARRIER;
	if (tx_head_of(cmd).coordinator == cmd->shard)
		(void)outcomes_run(&s->later, &head, NULL, 0, 0, slice_of(&what, sizeof what));
}

static inline void world_command(struct world *w, struct run *r)
{
	must(r->shard < WORLD_SHARDS);
	struct world_shard *s = &w->shard[r->shard];
	if (r->kind == CMD_TX)
		world_tx(w, r);
	else if (r->shard == 0)
		catalog_admit(w->catalog, r, w->sw.wall_ms, &s->now, &s->later, &w->post);
	else
		core_admit(s->core, r, w->sw.wall_ms, &s->now, &s->later, &w->post);
}

static inline void world_effect(struct world *w, struct run *r)
{
	uint32_t slot = session_slot(r->session);
	struct client *c = slot < WORLD_CLIENTS ? w->clients[slot] : NULL;
	if (c && c->s->handle == r->session) {
		c->s->ops->tell(c->s, world_of(w), r);
		return;
	}
	if (r->kind == FX_DIRECT) {
		session_direct_answer(&w->post, r, false);
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
			w->echo.n = 0;
			for (struct run *r = batch_first(b); r; r = batch_next(b, r)) {
				is_any = true;
				if (run_is_effect(r)) {
					world_effect(w, r);
					continue;
				}
				w->echo.n = 0;
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
		session_move(c->s, session_handle(0, c->slot, ++w->gen & 0xffffff));
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
	if (w->checked == c->s->handle) {
		w->checked = 0;
		ops->checked(c->s, world_of(w), w->is_checked_right);
	}
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
		exchange_tally_end(&w->exchanges); /* of this version, as the node does it */
		catalog_collect(w->catalog, catalog_version(catalog_view(w->catalog)));
		is_any |= world_dispatch(w, &w->held);
		world_shards(w);
		is_any |= world_dispatch(w, &w->post);
		is_any |= world_loads(w);
		is_any |= world_looks(w);
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

/* client_of is a client that speaks the protocol of `ops`. */
static inline struct client *client_of(struct world *w, const struct session_ops *ops,
				       bool is_loopback)
{
	struct client *c = calloc(1, sizeof *c);
	must(c != NULL);
	c->world = w;
	c->gen = ++w->gen & 0xffffff;
	c->frame_max = LIMIT_FRAME_MAX_DEFAULT;
	while (w->clients[c->slot])
		must(++c->slot < WORLD_CLIENTS);
	c->s = ops->new (world_of(w), session_handle(0, c->slot, c->gen), slice_str("127.0.0.1:1"),
			 is_loopback);
	must(c->s != NULL);
	w->clients[c->slot] = c;
	return c;
}

/* client_lost: its socket breaks. The client is gone when the world has run. */
static inline void client_lost(struct client *c)
{
	c->is_lost = true;
}

/* world_due: when a core has something to do, by the clock of sessions. */
static inline uint64_t world_due(const struct world *w)
{
	uint64_t at = UINT64_MAX;
	for (uint16_t i = 1; i < WORLD_SHARDS; i++) {
		uint64_t d = core_deadline(w->shard[i].core);
		at = d < at ? d : at;
	}
	if (at == UINT64_MAX)
		return at;
	return w->sw.now_ms + (at > w->sw.wall_ms ? at - w->sw.wall_ms : 0);
}

/* world_later moves the clock to the next deadline of a session or core, at most `max_ms` on.
 * False: there is none. */
static inline bool world_later(struct world *w, uint64_t max_ms)
{
	uint64_t at = world_due(w);
	for (uint32_t i = 0; i < WORLD_CLIENTS; i++) {
		struct client *c = w->clients[i];
		uint64_t d = c && !c->is_closed ? c->s->ops->deadline(c->s) : UINT64_MAX;
		at = d < at ? d : at;
	}
	if (at > w->sw.now_ms + max_ms)
		return false;
	if (at > w->sw.now_ms) {
		w->sw.wall_ms += at - w->sw.now_ms;
		w->sw.now_ms = at;
	}
	world_run(w);
	return true;
}

/* world_order: there is no operator here. */
static inline void world_order(struct world *w, const char *line)
{
	must(w != NULL && line != NULL);
	must(!"a story with an operator is only for the node");
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
	tally_fini(&w->tally);
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
