#include "node/shard.h"

#include "base/must.h"
#include "core/logged.h"
#include "msg/big.h"
#include "node/dump.h"
#include "node/loop.h"
#include "node/tx.h"
#include "session/views.h"

/* Small segments have small pages of streams: one message of a page for so many bytes. */
#define PAGE_PART 32768
/* A record is a quarter of one at most, and half of it is for what messages are made of. */
#define RUN_PART  8

enum err shard_init(struct shard *s, struct loop *l, uint16_t no, uint64_t seed)
{
	*s = (struct shard){ .no = no, .loop = l, .deadline_ms = UINT64_MAX };
	s->is_volatile = no > LIMIT_SHARD_DATA_N;
	outcomes_init(&s->now, &l->memory.mem);
	outcomes_init(&s->later, &l->memory.mem);
	deque_init(&s->places, sizeof(struct place), "places");
	deque_init(&s->txs, sizeof(struct tx), "transactions");
	repl_init(&s->repl, no, 1, 1, 0);
	if (no == 0) {
		post_init(&s->held, l->index, l->node->loops_n, &l->memory.mem);
		s->catalog = catalog_new(&l->memory.mem, seed);
		if (!s->catalog)
			return ERR_LIMIT;
		catalog_read_by(s->catalog, session_arguments);
		catalog_match_by(s->catalog, l->node->setup.patterns[l->index]);
		catalog_bound(s->catalog, (struct catalog_bounds){
						  .vhosts = l->node->config->vhost_max,
						  .queues = l->node->config->queue_max,
						  .exchanges = l->node->config->exchange_max });
		catalog_name_vhost(s->catalog, slice_str(l->node->config->default_vhost));
		return ERR_OK;
	}
	s->core = core_new(&l->memory.mem, no);
	if (!s->core)
		return ERR_LIMIT;
	core_retain_limit(s->core, (uint64_t)l->node->config->retained_max_messages,
			  (uint64_t)l->node->config->retained_max_bytes);
	if (l->node->config->counts_classic)
		core_count_classic(s->core);
	core_views(s->core, header_ops_of);
	core_page_rows(s->core, (uint32_t)(l->node->config->journal_segment_bytes / PAGE_PART));
	core_run_bytes(s->core, (uint32_t)(l->node->config->journal_segment_bytes / RUN_PART));
	return ERR_OK;
}

void shard_fini(struct shard *s)
{
	struct mem *mem = &s->loop->memory.mem;
	outcomes_fini(&s->now);
	outcomes_fini(&s->later);
	deque_fini(&s->places, mem);
	deque_fini(&s->txs, mem);
	core_free(s->core);
	catalog_free(s->catalog);
	if (s->no == 0)
		post_fini(&s->held);
	*s = (struct shard){ 0 };
}

/* What was removed no longer lives in the journal. */
void shard_freed(struct shard *s)
{
	struct journal *j = s->loop->node->journal;
	struct freed gone[32];
	uint32_t n;
	while ((n = core_freed_take(s->core, gone, 32)) > 0)
		for (uint32_t i = 0; i < n; i++) {
			if (gone[i].flags & ENTRY_BIG)
				store_free(s->loop, &gone[i]);
			else if (gone[i].flags & ENTRY_SPILLED)
				journal_spill_free(j, gone[i].loc, (uint32_t)gone[i].bytes);
			else
				journal_live(j, gone[i].loc, -(int64_t)gone[i].bytes,
					     -(int64_t)gone[i].n);
		}
}

/* An entry with a big body counts on its chunks, and its list need not stay in memory: what it
 * costs there is no measure of what it holds. A queue or a store of last messages looks how long it
 * is first. */
static void place_big(struct shard *s, const struct run *o, struct add_row *row, struct slice body)
{
	struct journal *j = s->loop->node->journal;
	struct slice list, stored = SLICE_EMPTY;
	if (body.n > 0)
		stored = slice_sub(body, (size_t)row->loc, row->bytes);
	must(row->mem || stored.n > 0);
	if (row->mem) {
		store_count(j, big_list(msg_of(row->mem)), 1);
		if (o->kind != OUTCOME_STREAM_ADD)
			return;
		msg_unref(row->mem, 1);
		row->mem = 0;
	} else if (big_find(stored, &list) == ERR_OK) {
		store_count(j, list, 1);
	}
}

/* A row's loc is an offset in its record until the record has a place. Runs of rows lie in one
 * segment, so their live bytes are counted in one step. `body` is the record's in replay. */
void shard_place(struct shard *s, struct run *o, uint64_t record_loc, struct slice body)
{
	struct add_row *row = run_rows(o);
	int64_t bytes = 0, n = 0;
	for (uint32_t i = 0; i < o->n; i++) {
		if (!(row[i].flags & ENTRY_PERSISTENT))
			continue;
		if (row[i].flags & ENTRY_BIG)
			place_big(s, o, &row[i], body);
		row[i].loc += record_loc;
		bytes += row[i].bytes;
		n++;
	}
	if (n > 0)
		journal_live(s->loop->node->journal, record_loc, bytes, n);
}

/* What is replayed is told to nobody. */
void shard_apply(struct shard *s, struct run *o, uint64_t index, uint32_t ordinal, bool is_replay)
{
	s->count.outcomes_applied++;
	shard_touch(s);
	if (s->catalog) {
		catalog_apply(s->catalog, o, index, is_replay ? NULL : &s->held);
		if (is_replay) /* there is no reader yet */
			catalog_collect(s->catalog, catalog_version(catalog_view(s->catalog)));
		s->is_applied = true;
		return;
	}
	if (is_replay) {
		struct node *n = s->loop->node;
		if (n->unread == ERR_OK)
			n->unread = warm_first(s, o, n->why);
		if (n->unread != ERR_OK)
			return;
	}
	core_apply(s->core, o, index, ordinal, is_replay ? NULL : &s->loop->post);
}

/* Records before `index` have been applied: their places are used up. */
static void places_forget(struct shard *s, uint64_t index)
{
	for (const struct place *p; (p = deque_peek(&s->places)) != NULL && p->index < index;) {
		must(s->waiting_bytes >= p->bytes);
		s->waiting_bytes -= p->bytes;
		deque_pop(&s->places, NULL);
	}
}

/* Applies what needs no log, then what is committed. */
void shard_apply_ready(struct shard *s)
{
	uint64_t index;
	uint32_t ordinal;
	struct run *o;
	while ((o = outcomes_unproposed(&s->now)) != NULL)
		outcomes_propose(&s->now, s->repl.committed, 0);
	while ((o = outcomes_ready(&s->now, s->repl.committed, &index, &ordinal)) != NULL) {
		shard_apply(s, o, index, ordinal, false);
		outcomes_pop(&s->now);
	}
	while (!s->is_frozen &&
	       (o = outcomes_ready(&s->later, s->repl.committed, &index, &ordinal)) != NULL) {
		places_forget(s, index);
		if (s->txs.n > 0 && tx_holds(s, o))
			return;
		const struct place *p = deque_peek(&s->places);
		if (outcome_adds(o->kind) && (o->flags & RUN_LOGGED)) {
			must(p && p->index == index);
			shard_place(s, o, p->loc, SLICE_EMPTY);
		}
		if (s->txs.n == 0 || !tx_passed(s, o))
			shard_apply(s, o, index, ordinal, false);
		outcomes_pop(&s->later);
	}
	if (!s->is_frozen)
		places_forget(s, s->repl.committed + 1);
}

uint64_t shard_applied(struct shard *s)
{
	uint64_t index;
	uint32_t ordinal;
	must(!s->is_frozen);
	const struct run *o = outcomes_ready(&s->later, s->repl.committed, &index, &ordinal);
	must(!o || (o->kind == OUTCOME_TX_BEGIN && index > 0)); /* which begins its record */
	return o ? index - 1 : s->repl.committed;
}

void shard_touch(struct shard *s)
{
	struct loop *l = s->loop;
	s->is_touched = true;
	l->touched_shards |= (uint64_t)1 << (s - l->shards);
}

bool shard_serve(struct shard *s)
{
	struct loop *l = s->loop;
	if (!s->is_touched)
		return false;
	s->is_touched = false;
	if (!s->core) {
		shard_apply_ready(s); /* what was committed while a checkpoint froze it */
		return true;
	}
	core_give(s->core, l->wall_ms, &s->now, &s->later, &l->post);
	if (core_has_wants(s->core))
		warm_ask(s);
	if (core_has_looks(s->core))
		looks_ask(s);
	shard_apply_ready(s);
	shard_freed(s);
	notes_shed(s);
	if (core_has_pages(s->core))
		l->paging_shards |= (uint64_t)1 << (s - l->shards);
	s->deadline_ms = core_deadline(s->core);
	return true;
}

void shard_command(struct shard *s, struct run *cmd)
{
	struct loop *l = s->loop;
	if (cmd->kind >= CMD_DUMP && dump_shard(s, cmd))
		return;
	s->count.commands++;
	shard_touch(s);
	if (cmd->kind >= CMD_TX && cmd->kind <= CMD_TX_DONE) {
		tx_command(s, cmd);
		shard_apply_ready(s);
		return;
	}
	if (cmd->kind == CMD_PUBLISH)
		keep_rows(l, cmd);
	if (s->catalog)
		catalog_admit(s->catalog, cmd, l->wall_ms, &s->now, &s->later, &l->post);
	else
		core_admit(s->core, cmd, l->wall_ms, &s->now, &s->later, &l->post);
	shard_apply_ready(s);
}

void shard_tick(struct shard *s)
{
	struct loop *l = s->loop;
	if (!s->core || l->wall_ms < s->deadline_ms)
		return;
	shard_touch(s);
	core_tick(s->core, l->wall_ms, &s->now, &s->later, &l->post);
	shard_apply_ready(s);
}

/* ---- the log --------------------------------------------------------------------------- */

struct building { /* one record being filled */
	uint8_t *body;
	uint32_t cap, len, ordinal;
	struct logged_last last;
};

static void record_end(struct shard *s, struct building *b)
{
	struct loop *l = s->loop;
	uint32_t off;
	uint64_t index = repl_propose(&s->repl, l->batch, l->wall_ms, b->len, b->last.sum, &off);
	struct flight *f = l->flight;
	must(f->n < LOOP_INFLIGHT_RECORDS);
	f->at[f->n++] = (struct inflight){ .shard = s, .index = index, .off = off };
	struct place p = { .index = index, .bytes = b->len };
	s->waiting_bytes += b->len;
	enum err e = deque_push(&s->places, &l->memory.mem, &p);
	must(e == ERR_OK);
	s->count.records++;
	*b = (struct building){ 0 };
}

static enum err record_begin(struct shard *s, struct building *b)
{
	struct loop *l = s->loop;
	if (l->flight->n == LOOP_INFLIGHT_RECORDS)
		return ERR_LIMIT;
	*b = (struct building){ 0 };
	return repl_begin(&s->repl, l->batch, &b->body, &b->cap);
}

/* A transaction begins a record, so that the records before it are applied as a whole while it is
 * undecided. */
static bool fits(const struct building *b, const struct run *o, uint32_t need)
{
	return o && b->cap - b->len >= need && (o->kind != OUTCOME_TX_BEGIN || b->len == 0);
}

bool shard_propose(struct shard *s)
{
	struct building b = { 0 };
	bool is_room = true;
	for (;;) {
		struct run *o = outcomes_unproposed(&s->later);
		bool is_logged = o && o->flags & RUN_LOGGED;
		uint32_t need = is_logged ? logged_bytes(o, &b.last) : 0;
		if (b.body && !fits(&b, o, need))
			record_end(s, &b);
		if (!o)
			break;
		if (!is_logged) {
			outcomes_propose(&s->later, s->repl.proposed + (b.body ? 1 : 0), 0);
			continue;
		}
		if (!b.body && record_begin(s, &b) != ERR_OK) {
			is_room = false;
			break;
		}
		need = logged_bytes(o, &b.last);
		must(b.cap - b.len >= need);
		struct wr w = wr_of(b.body, b.cap);
		w.n = b.len;
		logged_put(o, &w, &b.last);
		must(w.n == b.len + need);
		b.len = (uint32_t)w.n;
		outcomes_propose(&s->later, s->repl.proposed + 1, b.ordinal);
		if (s->txs.n > 0)
			tx_proposed(s, o, s->repl.proposed + 1);
		b.ordinal += outcome_enters(o->kind) ? o->n : 0;
	}
	shard_apply_ready(s);
	return is_room;
}

/* Places are pushed in the order of indexes, and become known in the same order. */
void shard_durable(struct shard *s, uint64_t index, uint64_t loc)
{
	struct place *first = deque_peek(&s->places);
	must(first && index >= first->index);
	struct place *p = deque_at(&s->places, index - first->index);
	must(p->index == index);
	p->loc = loc;
	if (repl_durable(&s->repl, index)) {
		shard_touch(s);
		if (s->txs.n > 0)
			tx_durable(s);
		shard_apply_ready(s);
	}
}

enum err shard_replay(struct shard *s, const struct record *rec, uint64_t loc, struct run *room,
		      uint32_t room_bytes)
{
	TRY(repl_recovered(&s->repl, rec));
	struct rd r = rd_of(rec->body);
	uint32_t ordinal = 0;
	while (rd_left(&r) > 0) {
		TRY(logged_get(&r, rec->body, room, room_bytes));
		TRY(s->catalog ? catalog_sound(s->catalog, room)
			       : core_sound(s->core, room, ordinal));
		TRY(tx_sound(s, room));
		if (!tx_replay(s, room, rec, ordinal, loc)) {
			if (outcome_adds(room->kind))
				shard_place(s, room, loc, rec->body);
			shard_apply(s, room, rec->index, ordinal, true);
		}
		ordinal += outcome_enters(room->kind) ? room->n : 0;
	}
	if (s->core)
		shard_freed(s);
	return ERR_OK;
}
