#include "node/recover.h"

#include "base/must.h"
#include "base/text.h"
#include "core/logged.h"
#include "core/policy.h"
#include "journal/path.h"
#include "msg/big.h"
#include "node/loop.h"
#include "node/tx.h"
#include "node/seed.h"

#define ROOM_BYTES ((uint32_t)LOGGED_RUN_BYTES)

static bool is_durable_shard(const struct node *n, uint16_t no)
{
	return no < n->shards_n && no <= LIMIT_SHARD_DATA_N;
}

/* Entries beyond the limit stay in the checkpoint. */
static void entries_budget(struct node *n)
{
	for (uint32_t i = 0; i < n->loops_n; i++) {
		keep_tell(&n->loops[i]);
		keep_budget(&n->loops[i]);
	}
}

static enum err restore_units(struct node *n, struct text *why)
{
	for (;;) {
		struct ckpt_unit u;
		bool is_more;
		TRY(journal_recover_unit(n->journal, &u, &is_more, why));
		if (!is_more)
			break;
		if (!is_durable_shard(n, u.shard)) {
			text_putf(why,
				  "checkpoint/: a unit is of shard %u, which this version does not "
				  "have: start the version that wrote it, or a later one",
				  u.shard);
			return ERR_NOT_IMPLEMENTED;
		}
		struct shard *s = n->shard[u.shard];
		struct unit_key key = { u.a, u.b };
		enum err e = s->catalog ? catalog_restore(s->catalog, key, u.bytes)
					: core_restore(s->core, key, u.bytes);
		if (s->core)
			entries_budget(n);
		if (e != ERR_OK) {
			text_putf(
				why,
				"checkpoint/: unit %llu of shard %u makes no sense: " JOURNAL_MEND,
				(unsigned long long)u.a, u.shard);
			return e;
		}
	}
	for (uint16_t no = 0; no <= LIMIT_SHARD_DATA_N; no++) {
		struct shard *s = n->shard[no];
		TRY(s->catalog ? catalog_restored(s->catalog) : core_restored(s->core));
	}
	return ERR_OK;
}

static enum err restore_shards(struct node *n)
{
	for (;;) {
		struct ckpt_shard c;
		bool is_more;
		TRY(journal_recover_shard(n->journal, &c, &is_more));
		if (!is_more)
			return ERR_OK;
		if (is_durable_shard(n, c.shard))
			repl_init(&n->shard[c.shard]->repl, c.shard, c.epoch, c.index,
				  c.next_wall_ms);
	}
}

static enum err refused(const struct record *rec, uint64_t loc, enum err e, struct text *why)
{
	struct path p = path_of(PATH_SEGMENT, (uint32_t)(loc >> 32));
	must(e != ERR_OK);
	text_putf(why, "%s: record %llu of shard %u at byte %llu ", p.z,
		  (unsigned long long)rec->index, rec->shard,
		  (unsigned long long)(loc & UINT32_MAX));
	text_puts(why, e == ERR_NOT_IMPLEMENTED
			       ? "says what this version does not know: start the version that "
				 "wrote it, or a later one"
			       : "makes no sense: " JOURNAL_MEND);
	return e;
}

static enum err replay(struct node *n, struct run *room, struct text *why)
{
	for (;;) {
		struct record rec;
		uint64_t loc;
		bool is_more;
		TRY(journal_recover_record(n->journal, &rec, &loc, &is_more, why));
		if (!is_more)
			return ERR_OK;
		if (rec.kind == RECORD_BODY)
			continue;
		enum err e = ERR_NOT_IMPLEMENTED;
		if (rec.kind == RECORD_OUTCOMES && is_durable_shard(n, rec.shard))
			e = shard_replay(n->shard[rec.shard], &rec, loc, room, ROOM_BYTES);
		TRY(n->unread);
		if (e != ERR_OK)
			return refused(&rec, loc, e, why);
		if (rec.wall_ms > n->setup.wall_ms)
			n->setup.wall_ms = rec.wall_ms;
	}
}

/* The chunks of a big body, whose list the journal has. */
static enum err count_chunks(struct node *n, struct core *c, const struct live_walk *at,
			     const struct freed *entry, struct text *why)
{
	struct mem *mem = &n->boot_memory.mem;
	uint32_t bytes = (uint32_t)entry->bytes;
	uint8_t *room = mem_get(mem, bytes, "recovery");
	if (!room)
		return ERR_LIMIT;
	struct slice list;
	enum err e = journal_recover_read(n->journal, entry->loc, room, bytes, why);
	if (e == ERR_OK && big_find(slice_of(room, bytes), &list) == ERR_OK) {
		store_count(n->journal, list, 1);
		core_retain_pieces(c, at->queue, at->id, big_n(list));
	}
	mem_put(mem, room, bytes);
	return e;
}

/* Entries of the checkpoint were not counted record by record. */
static enum err count_live(struct node *n, struct text *why)
{
	for (uint16_t no = 1; no <= LIMIT_SHARD_DATA_N; no++) {
		struct core *c = n->shard[no]->core;
		struct freed one;
		struct live_walk walk = { 0 };
		while (core_stream_live_next(c, &walk, &one)) {
			journal_live(n->journal, one.loc, (int64_t)one.bytes, one.n);
			if (one.flags & ENTRY_BIG)
				TRY(count_chunks(n, c, &walk, &one, why));
		}
		walk = (struct live_walk){ 0 };
		while (core_live_next_many(c, &walk, &one)) {
			journal_live(n->journal, one.loc, (int64_t)one.bytes, one.n);
			if (one.flags & ENTRY_BIG)
				TRY(count_chunks(n, c, &walk, &one, why));
		}
	}
	return ERR_OK;
}

/* By priority and by delay entries are found only when they are looked at; those of a quorum queue
 * need not be where all of a unit have the same. */
static enum err open_queue(struct node *n, const struct catalog_view *v,
			   const struct queue_record *q, struct text *why)
{
	struct queue_rules r = rules_none();
	struct {
		struct run run;
		uint8_t rules[RULES_BYTES_MAX];
	} open = { .run = { .kind = CMD_QUEUE_OPEN,
			    .flags = (uint8_t)q->flags,
			    .shard = q->shard,
			    .vhost = q->vhost,
			    .queue = q->id } };
	struct patterns *patterns = catalog_patterns(n->shard[0]->catalog);
	open.run.tail_len = policy_rules(v, patterns, q, open.rules);
	open.run.len = (uint32_t)sizeof open.run + open.run.tail_len;
	must(open.run.tail_len <= sizeof open.rules);
	TRY(rules_get(slice_of(open.rules, open.run.tail_len), &r));
	const bool is_whole = r.max_priority != RULE_NONE || r.keeper != RULE_NONE;
	if (is_whole || rules_have_ranks(&r))
		TRY(warm_queue(n->shard[q->shard], q->id, is_whole, why));
	shard_command(n->shard[q->shard], &open.run);
	return ERR_OK;
}

static enum err open_queues(struct node *n, struct text *why)
{
	const struct catalog_view *v = catalog_view(n->shard[0]->catalog);
	const struct queue_record *q = NULL;
	while ((q = catalog_queue_after(v, q ? q->id : 0)) != NULL)
		TRY(open_queue(n, v, q, why));
	for (uint16_t no = 1; no <= LIMIT_SHARD_DATA_N; no++) {
		uint64_t id = 0;
		while ((id = core_queue_next(n->shard[no]->core, id)) != 0) {
			if (catalog_queue_by_id(v, id))
				continue;
			struct run drop = {
				.kind = CMD_QUEUE_DROP, .shard = no, .queue = id, .len = sizeof drop
			};
			shard_command(n->shard[no], &drop);
		}
	}
	return ERR_OK;
}

static void log_begun(struct node *n, struct text *why)
{
	struct journal_recovery r = journal_recovery(n->journal);
	struct log_value begun[2] = { log_u64(r.segments_n), log_u64(r.checkpoint) };
	if (why->n > 0) {
		struct log_value damage[1] = { log_str(text_slice(why)) };
		node_log(n, LOG_checkpoint_damaged, damage, 1);
		*why = text_of(why->p, why->cap);
	}
	node_log(n, LOG_recovery_begun, begun, 2);
}

static void log_done(struct node *n)
{
	struct journal_recovery r = journal_recovery(n->journal);
	struct core_held held = { 0 };
	if (r.torn_bytes) {
		struct path p = path_of(PATH_SEGMENT, (uint32_t)(r.torn_loc >> 32));
		struct log_value torn[3] = { log_str(slice_str(p.z)),
					     log_u64(r.torn_loc & UINT32_MAX),
					     log_u64(r.torn_bytes) };
		node_log(n, LOG_torn_tail_cut, torn, 3);
	}
	for (uint16_t no = 1; no <= LIMIT_SHARD_DATA_N; no++)
		core_held(n->shard[no]->core, &held);
	struct log_value done[3] = { log_u64(held.messages_n), log_u64(held.queues_n),
				     log_u64(r.records_n) };
	node_log(n, LOG_recovery_done, done, 3);
}

enum err node_recover(struct node *n, struct text *why)
{
	struct mem *mem = &n->boot_memory.mem;
	struct run *room = mem_get(mem, ROOM_BYTES, "recovery");
	if (!room)
		return ERR_LIMIT;
	log_begun(n, why);
	n->why = why;
	deque_init(&n->decided, sizeof(uint64_t), "decided transactions");
	enum err e = restore_units(n, why);
	if (e == ERR_OK)
		e = restore_shards(n);
	if (e == ERR_OK)
		e = count_live(n, why);
	if (e == ERR_OK)
		e = replay(n, room, why);
	mem_put(mem, room, ROOM_BYTES);
	if (e == ERR_OK)
		tx_recovered(n);
	deque_fini(&n->decided, mem);
	TRY(e);
	TRY(n->unread);
	for (uint32_t i = 0; i < n->loops_n; i++)
		n->loops[i].wall_ms = n->setup.wall_ms;
	TRY(journal_recovered(n->journal, why));
	TRY(node_seed(n, why));
	n->shard[0]->is_applied = true;
	view_release(n->shard[0]->loop);
	TRY(open_queues(n, why));
	log_done(n);
	return ERR_OK;
}
