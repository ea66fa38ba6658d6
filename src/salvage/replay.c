#include "base/bits.h"
#include "base/text.h"
#include "core/logged.h"
#include "salvage/state.h"

typedef unsigned long long ull;

/* A stream comes over empty: that is said once, when its name is known. */
static enum err leave_stream(struct salvage *s, uint64_t queue)
{
	must(s->catalog != NULL && queue != 0);
	return map_find(&s->streams, queue) ? ERR_OK : map_set(s, &s->streams, queue, 1);
}

/* ---- the checkpoint --------------------------------------------------------------------- */

enum err replay_unit(struct salvage *s, const struct ckpt_unit *u)
{
	struct unit_key key = { u->a, u->b };
	must(u->bytes.n > 0);
	enum err e = ERR_NOT_IMPLEMENTED;
	if (u->shard > 0 && u->a > 0 && core_unit_is_stream(u->bytes))
		return leave_stream(s, u->a);
	if (u->shard == 0)
		e = catalog_restore(s->catalog, key, u->bytes);
	else if (u->shard < SALVAGE_SHARDS)
		e = core_restore(s->core[u->shard], key, u->bytes);
	if (e == ERR_OK || e == ERR_LIMIT)
		return e;
	text_putf(say_lost(s), "checkpoint: unit %llu %llu of shard %u makes no sense", (ull)u->a,
		  (ull)u->b, u->shard);
	say_end(s);
	s->is_catalog_lost |= u->shard == 0;
	return ERR_OK;
}

void replay_shard(struct salvage *s, const struct ckpt_shard *c)
{
	if (c->shard >= SALVAGE_SHARDS)
		return;
	struct lane *l = &s->lane[c->shard];
	must(l->index <= 1);
	*l = (struct lane){
		.index = c->index, .epoch = c->epoch, .wall_ms = c->next_wall_ms, .is_told = true
	};
	l->scanned = l->restored = l->index;
}

/* A shard whose units do not fit each other has none. */
static enum err give_up(struct salvage *s, uint16_t shard)
{
	core_free(s->core[shard]);
	s->core[shard] = core_new(s->mem, shard);
	must(shard > 0);
	text_putf(say_lost(s), "checkpoint: the units of shard %u do not fit each other", shard);
	say_end(s);
	s->lane[shard].index = s->lane[shard].scanned = 1;
	return s->core[shard] ? ERR_OK : ERR_LIMIT;
}

void replay_catalog(struct salvage *s)
{
	must(s->core[0] == NULL);
	if (s->is_restored)
		return;
	s->is_restored = true;
	uint64_t n = catalog_salvaged(s->catalog);
	if (n > 0) {
		text_putf(say_lost(s),
			  "catalog: %llu objects or bindings hang on others that are lost", (ull)n);
		say_end(s);
		s->is_catalog_lost = true;
	}
	for (uint16_t no = 0; no < SALVAGE_SHARDS; no++)
		s->lane[no].is_unknown = wreck_is_in_pieces(s->in) && !s->lane[no].is_told;
}

enum err replay_restored(struct salvage *s)
{
	must(s->is_restored);
	for (uint16_t no = 1; no < SALVAGE_SHARDS; no++)
		if (core_restored(s->core[no]) != ERR_OK)
			TRY(give_up(s, no));
	for (uint16_t no = 0; no < SALVAGE_SHARDS; no++) {
		struct lane *l = &s->lane[no];
		uint64_t seen = no > 0 ? core_last_id(s->core[no]) >> 16 : 0;
		if (l->is_unknown && seen > l->index)
			l->index = l->scanned = seen;
		l->restored = l->index;
	}
	return ERR_OK;
}

/* ---- the log ---------------------------------------------------------------------------- */

static void say_record(struct salvage *s, const struct wreck_item *item, const char *what)
{
	const struct record *rec = &item->record;
	must(what != NULL);
	text_putf(say_lost(s), "shard %u: record %llu at byte %llu of segment %llu %s", rec->shard,
		  (ull)rec->index, (ull)(item->loc & UINT32_MAX), (ull)(item->loc >> 32), what);
	say_end(s);
}

/* A binding is made of what is there, and nothing when it is not. */
static bool is_binding_known(const struct salvage *s, const struct run *o)
{
	const struct catalog_view *v = catalog_view(s->catalog);
	struct bind b;
	must(o->kind == OUTCOME_BIND);
	if (bind_get(run_tail(o), &b) != ERR_OK)
		return false;
	bool is_there = b.to_exchange ? catalog_exchange(v, b.vhost, b.queue) != NULL
				      : catalog_queue(v, b.vhost, b.queue) != NULL;
	return is_there && catalog_exchange(v, b.vhost, b.exchange);
}

static void apply_catalog(struct salvage *s, const struct wreck_item *item, struct run *o)
{
	must(item->record.shard == 0);
	if (catalog_sound(s->catalog, o) != ERR_OK)
		say_record(s, item, "changes something that hangs on what is lost: left out");
	else if (o->kind == OUTCOME_BIND && !is_binding_known(s, o))
		say_record(s, item, "binds something that is lost: left out");
	else
		catalog_apply(s->catalog, o, item->record.index, NULL);
	catalog_collect(s->catalog, catalog_version(catalog_view(s->catalog)));
}

/* tx_skips: what is asked for is of a transaction that never was. */
static bool tx_skips(struct salvage *s, struct lane *l, const struct run *o)
{
	bool is_mark = o->kind >= OUTCOME_TX_BEGIN && o->kind <= OUTCOME_TX_ABORT;
	if (!is_mark)
		return l->skipping != 0;
	must(o->arg != 0);
	if (o->kind == OUTCOME_TX_BEGIN)
		l->skipping = scan_is_nothing(s, o->arg) ? o->arg : 0;
	else if (l->skipping == o->arg)
		l->skipping = 0;
	return true;
}

static void apply_queues(struct salvage *s, const struct wreck_item *item, struct run *o,
			 uint32_t ordinal)
{
	struct core *c = s->core[item->record.shard];
	struct add_row *row = run_rows(o);
	struct freed gone[32];
	must(c != NULL);
	if (core_sound(c, o, ordinal) != ERR_OK) {
		say_record(s, item, "says what no shard can have decided: left out");
		return;
	}
	if (tx_skips(s, &s->lane[item->record.shard], o))
		return;
	if (o->kind == OUTCOME_STREAM_ADD || o->kind == OUTCOME_STREAM_TRIM) {
		if (leave_stream(s, o->queue) != ERR_OK)
			say_record(s, item, "is a stream's: left out");
		return;
	}
	for (uint32_t i = 0; outcome_adds(o->kind) && i < o->n; i++)
		row[i].loc += item->loc;
	core_apply(c, o, item->record.index, ordinal, NULL);
	while (core_freed_take(c, gone, 32) > 0)
		; /* the old directory stays as it is */
}

static void replay_runs(struct salvage *s, const struct wreck_item *item)
{
	struct slice body = item->record.body;
	struct rd r = rd_of(body);
	uint32_t ordinal = 0;
	while (rd_left(&r) > 0) {
		enum err e = logged_get(&r, body, s->room, LOGGED_RUN_BYTES);
		if (e != ERR_OK) {
			say_record(s, item, "makes no sense from some place on");
			return;
		}
		uint32_t n = outcome_enters(s->room->kind) ? s->room->n : 0;
		if (item->record.shard == 0)
			apply_catalog(s, item, s->room);
		else
			apply_queues(s, item, s->room, ordinal);
		ordinal += n;
		must(ordinal <= LIMIT_RECORD_BYTES_MAX);
	}
}

static void say_gap(struct salvage *s, uint16_t shard, uint64_t from, uint64_t to)
{
	must(from < to);
	text_putf(say_lost(s), "shard %u: record", shard);
	if (to - from == 1)
		text_putf(s->lines, " %llu", (ull)from);
	else
		text_putf(s->lines, "s %llu to %llu", (ull)from, (ull)to - 1);
	say_end(s);
	s->lane[shard].skipping = scan_headless(s, shard, to);
	if (s->lane[shard].skipping && !scan_is_nothing(s, s->lane[shard].skipping))
		s->lane[shard].skipping = 0;
	s->is_catalog_lost |= shard == 0;
}

void replay_record(struct salvage *s, const struct wreck_item *item)
{
	const struct record *rec = &item->record;
	if (rec->kind == RECORD_BODY)
		return;
	if (rec->shard >= SALVAGE_SHARDS || rec->kind != RECORD_OUTCOMES) {
		say_record(s, item, "is of a kind that this version does not know");
		return;
	}
	struct lane *l = &s->lane[rec->shard];
	if (rec->index == 0 || !scan_is_new(s, item, &l->index))
		return;
	if (rec->index > l->index + 1)
		say_gap(s, rec->shard, l->index + 1, rec->index);
	l->index = rec->index;
	l->epoch = max_u64(l->epoch, rec->epoch);
	l->wall_ms = max_u64(l->wall_ms, rec->wall_ms);
	must(l->index <= l->scanned);
	replay_runs(s, item);
}

void replay_over(struct salvage *s)
{
	for (uint16_t no = 1; no < SALVAGE_SHARDS; no++) {
		uint64_t id = 0, last = s->lane[no].index << 16 | UINT16_MAX;
		must(s->core[no] != NULL);
		while (s->is_any_lost && (id = core_queue_next(s->core[no], id)) != 0) {
			struct run mark = { .kind = OUTCOME_GIVE_MARK,
					    .flags = RUN_LOGGED,
					    .len = sizeof mark,
					    .queue = id,
					    .arg = last };
			core_apply(s->core[no], &mark, s->lane[no].index, 0, NULL);
		}
	}
}
