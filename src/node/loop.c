#include "node/loop.h"

#include "base/must.h"
#include "node/dump.h"
#include "node/trace.h"

#define BLOCKS_KEPT    16u
#define METER_EVERY_MS 10000u
#define WALL_BACK_MS   1000u /* so far back the wall clock may be without more: it waits */

enum err loop_init(struct loop *l, struct node *n, uint32_t index)
{
	*l = (struct loop){ .node = n, .index = index, .net = n->setup.net[index] };
	l->now_ms = n->setup.now_ms;
	l->wall_ms = n->setup.wall_ms;
	l->look_free_ms = UINT64_MAX;
	memory_init(&l->memory, n->setup.heap);
	block_home_init(&l->home, &l->memory.mem, BLOCKS_KEPT);
	post_init(&l->post, index, n->loops_n, &l->memory.mem);
	l->loads.mem = &l->memory.mem;
	l->stores.mem = &l->memory.mem;
	list_init(&l->touched);
	list_init(&l->dirty);
	list_init(&l->paused);
	list_init(&l->pagings);
	list_init(&l->looking);
	wheel_init(&l->wheel, l->now_ms);
	l->flying_tail = &l->flying;
	atomic_init(&l->is_asleep, false);
	atomic_init(&l->waits_for_view, false);
	atomic_init(&l->seen, 0);
	atomic_init(&l->used_bytes, 0);
	atomic_init(&l->cached_bytes, 0);
	atomic_init(&l->entry_bytes, 0);
	list_init(&l->warming);
	return loader_new(l);
}

static void flights_free(struct loop *l, struct flight *f)
{
	while (f) {
		struct flight *next = f->next;
		mem_put(&l->memory.mem, f, sizeof *f);
		f = next;
	}
}

/* Batches that were never delivered hold references to messages: the process ends, or (in a
 * simulation) the whole world is forgotten with them. */
void loop_fini(struct loop *l)
{
	conns_free_all(l);
	inside_free(l);
	trace_free(l);
	loader_free(l);
	forward_free(l);
	pages_free(l);
	looks_free(l);
	warm_free(l);
	for (uint32_t i = 0; i < l->shards_n; i++)
		shard_fini(&l->shards[i]);
	mem_put(&l->memory.mem, l->shards, SHARDS_MAX * sizeof *l->shards);
	if (l->in)
		block_close(l->in);
	flights_free(l, l->flight);
	flights_free(l, l->flying);
	flights_free(l, l->flight_spare);
	mem_put(&l->memory.mem, l->loads.at, l->loads.cap * sizeof *l->loads.at);
	mem_put(&l->memory.mem, l->stores.at, l->stores.cap * sizeof *l->stores.at);
	post_fini(&l->post);
}

void loop_fini_memory(struct loop *l)
{
	block_home_fini(&l->home);
	memory_fini(&l->memory);
}

void loop_log(struct loop *l, enum log_id id, const struct log_value *values, size_t n)
{
	node_log(l->node, id, values, n);
}

void node_log(const struct node *n, enum log_id id, const struct log_value *values, size_t values_n)
{
	n->setup.log->line(n->setup.log, id, values, values_n);
}

static void come_online(struct loop *l)
{
	l->is_offline = false;
	atomic_exchange(&l->is_asleep, false);
	view_see(l);
}

struct session_world *loop_world(struct loop *l)
{
	struct session_world *w = &l->world;
	if (l->is_offline)
		come_online(l);
	w->now_ms = l->now_ms;
	w->wall_ms = l->wall_ms;
	w->view = atomic_load(&l->node->view);
	return w;
}

/* ---- the log: batches of the journal ---------------------------------------------------- */

void loop_submit(struct loop *l)
{
	must(l->flight->n > 0);
	struct flight *f = l->flight;
	l->is_writer_called |= journal_submit(l->node->journal, l->batch);
	*l->flying_tail = f;
	l->flying_tail = &f->next;
	l->batch = NULL;
	l->flight = NULL;
}

bool loop_batch(struct loop *l)
{
	if (l->flight && l->flight->n == LOOP_INFLIGHT_RECORDS)
		loop_submit(l);
	if (!l->batch)
		l->batch = journal_batch(l->node->journal, l->index);
	if (!l->batch)
		return false;
	if (!l->flight) {
		l->flight = l->flight_spare;
		l->flight_spare = NULL;
		if (!l->flight)
			l->flight = mem_get(&l->memory.mem, sizeof *l->flight, "flight");
		must(l->flight != NULL);
		l->flight->next = NULL;
		l->flight->n = 0;
	}
	return true;
}

/* A shard that finds the batch full gets another; without one it waits for the next commit. */
static void loop_propose(struct loop *l)
{
	for (uint64_t left = l->proposing; left; left &= left - 1) {
		struct shard *s = &l->shards[__builtin_ctzll(left)];
		while (outcomes_unproposed(&s->later) && loop_batch(l) && !shard_propose(s))
			loop_submit(l);
		if (!outcomes_unproposed(&s->later))
			l->proposing &= ~(left & -left);
	}
	if (l->batch && l->flight->n > 0)
		loop_submit(l);
}

static void record_durable(struct loop *l, const struct inflight *r, uint64_t loc)
{
	if (r->moving)
		forward_durable(l, r->moving, loc);
	else if (r->paging)
		pages_durable(l, r->paging, loc);
	else if (!r->shard)
		store_durable(l, r, loc);
	else
		shard_durable(r->shard, r->index, loc);
}

static bool loop_commits(struct loop *l)
{
	struct jbatch *b;
	bool is_any = false;
	while ((b = journal_done(l->node->journal, l->index)) != NULL) {
		struct flight *f = l->flying;
		must(f != NULL);
		l->flying = f->next;
		if (!l->flying)
			l->flying_tail = &l->flying;
		for (uint32_t i = 0; i < f->n; i++)
			record_durable(l, &f->at[i], b->loc + f->at[i].off);
		journal_batch_free(l->node->journal, b);
		f->next = NULL;
		if (l->flight_spare)
			mem_put(&l->memory.mem, f, sizeof *f);
		else
			l->flight_spare = f;
		is_any = true;
	}
	return is_any;
}

/* ---- mailboxes -------------------------------------------------------------------------- */

static void loop_command(struct loop *l, const struct run *cmd)
{
	if (!dump_command(l, cmd))
		trace_command(l, cmd);
}

/* What waits in this loop's mailboxes, run by run: what the others have sent, then what this loop
 * has posted to itself. */
struct inbox {
	uint32_t at;         /* how manieth mailbox; loops_n: this loop's own post */
	struct mailbox *box; /* of `at`; NULL: the own post */
	struct batch *batch, *own_next;
	struct run *run;
};

static void inbox_give_back(struct loop *l, struct inbox *i)
{
	if (!i->batch)
		return;
	if (i->box)
		mailbox_send_back(i->box, i->batch);
	else
		post_give_back(&l->post, i->batch);
	i->batch = NULL;
}

/* The next batch with runs; false: there is none. */
static bool inbox_batch(struct loop *l, struct inbox *i)
{
	struct node *n = l->node;
	inbox_give_back(l, i);
	while (!i->batch && i->at <= n->loops_n) {
		i->batch = i->box ? mailbox_take(i->box) : i->own_next;
		if (i->batch) {
			i->own_next = i->batch->next;
			break;
		}
		i->at++;
		i->box = i->at < n->loops_n
				 ? node_mailbox(n, (l->index + i->at) % n->loops_n, l->index)
				 : NULL;
		i->own_next = i->at == n->loops_n ? post_take(&l->post, l->index) : NULL;
	}
	l->echo.n = 0;
	return i->batch != NULL;
}

static struct run *inbox_next(struct loop *l, struct inbox *i)
{
	i->run = i->run ? batch_next(i->batch, i->run) : NULL;
	while (!i->run && inbox_batch(l, i))
		i->run = batch_first(i->batch);
	return i->run;
}

bool loop_to_wake(struct loop *l)
{
	return atomic_exchange(&l->is_asleep, false);
}

void loop_wake(struct loop *l, uint32_t to)
{
	if (loop_to_wake(&l->node->loops[to])) {
		l->count.wakes++;
		l->net->ops->wake(l->net, to);
	}
}

/* Sends what was posted to other loops. What does not fit waits here, and nothing is read
 * meanwhile: so what waits is bounded by what one turn can make. */
static void send_out(struct loop *l)
{
	struct node *n = l->node;
	l->is_congested = false;
	for (uint32_t to = 0; to < n->loops_n; to++) {
		if (to == l->index)
			continue;
		struct mailbox *m = node_mailbox(n, l->index, to);
		struct batch *home;
		while ((home = mailbox_home(m)) != NULL)
			post_give_back(&l->post, home);
		struct batch **end = &l->stuck[to];
		while (*end)
			end = &(*end)->next;
		*end = post_take(&l->post, to);
		bool is_sent = false;
		while (l->stuck[to]) {
			struct batch *next = l->stuck[to]->next;
			if (!mailbox_send(m, l->stuck[to]))
				break;
			l->stuck[to] = next;
			is_sent = true;
		}
		l->is_congested |= l->stuck[to] != NULL;
		if (is_sent)
			loop_wake(l, to);
	}
}

/* ---- the turn --------------------------------------------------------------------------- */

static bool serve(struct loop *l)
{
	uint64_t touched = l->touched_shards;
	if (!touched)
		return false;
	l->touched_shards = 0;
	l->proposing |= touched;
	keep_budget(l);
	for (uint64_t left = touched; left; left &= left - 1)
		shard_serve(&l->shards[__builtin_ctzll(left)]);
	keep_tell(l);
	return true;
}

/* Passwords that have been looked at. */
static bool secrets_work(struct loop *l)
{
	struct secrets *s = l->node->setup.secrets[l->index];
	uint64_t session;
	bool is_right, is_any = false;
	for (; s->ops->take(s, &session, &is_right); is_any = true)
		conn_checked(l, session, is_right);
	return is_any;
}

/* All that waits in the mailboxes; false: nothing did. */
static inline bool dispatch_all(struct loop *l)
{
	struct inbox in = { .own_next = NULL };
	uint64_t before = l->count.runs;
	for (struct run *r; (r = inbox_next(l, &in)) != NULL;) {
		l->count.runs++;
		if (run_is_effect(r)) {
			conns_tell(l, r);
			continue;
		}
		l->echo.n = 0;
		if (r->kind < CMD_DUMP_LOOP)
			shard_command(l->node->shard[r->shard], r);
		else
			loop_command(l, r);
	}
	return l->count.runs != before;
}

/* The writer is called once, when it has all of this turn; it looks at nothing else meanwhile. */
static void call_writer(struct loop *l)
{
	if (!l->is_writer_called)
		return;
	l->is_writer_called = false;
	l->net->ops->work(l->net, NET_WRITER);
}

/* One sweep of everything, in the order in which it flows. */
bool loop_work(struct loop *l)
{
	bool is_more = true;
	l->fed_bytes = 0;
	for (int i = 0; is_more && i < LOOP_ROUNDS_MAX; i++) {
		is_more = loop_commits(l);
		is_more |= dispatch_all(l);
		is_more |= serve(l);
		is_more |= view_release(l);
		if (l->paging_shards)
			is_more |= pages_work(l);
		is_more |= loader_work(l);
		is_more |= inside_work(l);
		is_more |= conns_work(l);
		is_more |= store_work(l);
		is_more |= secrets_work(l);
	}
	loop_propose(l);
	call_writer(l);
	is_more |= l->touched_shards != 0; /* what waited for nothing but the order of the log */
	send_out(l);
	is_more |= conns_flush(l);
	if (!l->is_congested)
		conns_resume(l);
	return is_more;
}

/* What sessions have posted while they were flushed goes out in the next turn. */
static bool has_posted(const struct loop *l)
{
	for (uint32_t to = 0; to < l->node->loops_n; to++)
		if (l->post.open[to] || l->post.full[to])
			return true;
	return false;
}

static bool is_posted_to(const struct loop *l)
{
	struct node *n = l->node;
	for (uint32_t from = 0; from < n->loops_n; from++)
		if (from != l->index && !spsc_is_empty(&node_mailbox(n, from, l->index)->there))
			return true;
	return false;
}

bool loop_has_mail(const struct loop *l)
{
	must(l->node != NULL);
	return has_posted(l) || is_posted_to(l);
}

static bool is_waited_for(struct loop *l)
{
	struct node *n = l->node;
	return is_posted_to(l) || journal_has_done(n->journal, l->index) ||
	       checkpoint_is_waited_for(l) || atomic_load(&n->version) != l->seen_version ||
	       view_is_waited_for(l) || forward_is_waited_for(l) ||
	       atomic_load(&n->alarms) != l->alarms_seen ||
	       (atomic_load(&n->alarms) & ALARM_MEMORY && block_is_returned(&l->home)) ||
	       n->setup.secrets[l->index]->ops->has(n->setup.secrets[l->index]);
}

/* Asleep is said before the last look, and whoever posts looks at it after posting, both by an
 * exchange: the later of the two sees what the earlier one has done. */
static bool fall_asleep(struct loop *l)
{
	inside_wait(l);
	exchange_tally_end(&l->exchanges);
	atomic_store(&l->seen, SEEN_ASLEEP);
	atomic_exchange(&l->is_asleep, true);
	l->is_offline = true;
	if (!is_waited_for(l))
		return true;
	come_online(l);
	return false;
}

static void shards_tick(struct loop *l)
{
	for (uint32_t i = 0; i < l->shards_n; i++)
		shard_tick(&l->shards[i]);
}

void loop_clock(struct loop *l, uint64_t now_ms, uint64_t wall_ms)
{
	must(now_ms >= l->now_ms);
	uint64_t passed_ms = now_ms - l->now_ms;
	l->now_ms = now_ms;
	if (wall_ms >= l->wall_ms)
		l->wall_ms = wall_ms;
	else if (l->wall_ms - wall_ms > WALL_BACK_MS)
		l->wall_ms += passed_ms; /* somebody has set it back: what waits does not wait on */
}

void loop_begin(struct loop *l, uint64_t now_ms, uint64_t wall_ms)
{
	loop_clock(l, now_ms, wall_ms);
	l->count.turns++;
	come_online(l);
	block_collect(&l->home);
	shards_tick(l);
	conns_tick(l);
	inside_tick(l);
}

/* What it uses is told, and averages move, while it is awake; nobody wakes it for that. */
static void tell_memory(struct loop *l)
{
	const int64_t used = memory_used(&l->memory); /* below 0: what others have taken */
	must(l->world.lane != NULL);
	atomic_store_explicit(&l->used_bytes, used, memory_order_relaxed);
	meter_set(l->world.lane, METER_memory_bytes, (uint64_t)used);
	if (l->now_ms < l->meter_ms)
		return;
	l->meter_ms = l->now_ms + METER_EVERY_MS;
	meter_look(&l->node->meter, l->now_ms);
}

bool loop_end(struct loop *l, bool is_more)
{
	is_more |= stop_work(l);
	is_more |= checkpoint_work(l);
	is_more |= forward_work(l);
	call_writer(l);
	block_collect(&l->home); /* what this turn has let go of is used no more */
	is_more |= block_has_ended(&l->home);
	tell_memory(l);
	is_more |= alarms_look(l);
	if (journal_keeper_to_wake(l->node->journal))
		l->net->ops->work(l->net, NET_KEEPER);
	return is_more || l->is_congested || has_posted(l) || !fall_asleep(l);
}

uint64_t loop_deadline(const struct loop *l)
{
	uint64_t at = wheel_next_ms(&l->wheel);
	if (inside_deadline(l) < at)
		at = inside_deadline(l);
	if (l->look_free_ms < at)
		at = l->look_free_ms;
	for (uint32_t i = 0; i < l->shards_n; i++) {
		uint64_t wall = l->shards[i].deadline_ms;
		if (wall == UINT64_MAX)
			continue;
		uint64_t in_ms = wall > l->wall_ms ? wall - l->wall_ms : 0;
		at = l->now_ms + in_ms < at ? l->now_ms + in_ms : at;
	}
	return at;
}
