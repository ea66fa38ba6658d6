#include "core/core.h"

#include "base/ablate.h"
#include "core/core_group.h"
#include "core/core_mark.h"
#include "core/core_attempt.h"
#include "core/core_once.h"
#include "core/core_retain.h"
#include "core/core_select.h"
#include "core/core_shed.h"
#include "core/core_stream.h"
#include "core/core_use.h"

#define QUEUE_SLAB_BYTES 16384u
#define FREED_KEPT       1024u
#define QUEUE_SEED       0x51756575655f6964u /* any: ids are our own numbers */

struct core *core_new(struct mem *mem, uint16_t shard)
{
	struct core *c = mem_get(mem, sizeof *c, "core");
	if (!c)
		return NULL;
	memset(c, 0, offsetof(struct core, wheel));
	c->mem = mem;
	c->shard = shard;
	c->cache_max = UINT64_MAX;
	core_retain_limit(c, UINT64_MAX, UINT64_MAX);
	map_init(&c->queues, NULL, 0, QUEUE_SEED);
	pool_init(&c->queue_pool, sizeof(struct queue), _Alignof(struct queue));
	chunk_pool_init(&c->chunks, mem);
	consumers_init(&c->consumers, mem);
	core_shed_init(c);
	list_init(&c->active);
	list_init(&c->dirty);
	list_init(&c->late);
	list_init(&c->select.late);
	list_init(&c->select.full);
	list_init(&c->select.grouped);
	deque_init(&c->select.wants, sizeof(struct core_look), "selectors");
	wheel_init(&c->wheel, 0);
	deque_init(&c->asks, sizeof(struct ask), "asks");
	deque_init(&c->freed, sizeof(struct freed), "freed");
	deque_init(&c->cold.wants, sizeof(struct unit_key), "cold chunks");
	deque_init(&c->cold.asks, sizeof(struct ask), "asks");
	c->cold.bytes_max = UINT64_MAX;
	deque_init(&c->checkpoint.tombs, sizeof(struct unit_key), "tombs");
	list_init(&c->streams.outs);
	list_init(&c->streams.used);
	deque_init(&c->streams.wants, sizeof(struct core_page), "stream pages");
	c->streams.rows_max = STREAM_ROWS_MAX;
	c->run_bytes_max = LIMIT_RECORD_BYTES_MAX / 2; /* a record must hold it */
	c->checkpoint.epoch = 1;
	return c;
}

void core_free(struct core *c)
{
	if (!c)
		return;
	struct mem *mem = c->mem;
	size_t cursor = 0;
	for (struct map_slot *m; (m = map_next(&c->queues, &cursor)) != NULL;) {
		struct queue *q = (struct queue *)(uintptr_t)m->value;
		while (q->consumers_n) {
			struct list_node *n = list_first(list_is_empty(&q->able) ? &q->idle
										 : &q->able);
			consumer_remove(&c->consumers, containerof(n, struct consumer, node));
		}
		(void)core_stream_forget(c, q);
		(void)core_drop_all(c, q);
		(void)core_retain_forget(c, q);
		if (list_has_node(&q->active))
			list_remove(&q->active);
		if (list_has_node(&q->dirty))
			list_remove(&q->dirty);
		core_dead_forget(c, q);
		core_rules_forget(c, q);
		core_attempts_forget(c, q);
		core_shed_forget(c, q);
		core_single_forget(c, q);
		core_retry_forget(c, q);
		core_delay_forget(c, q);
		core_select_forget(c, q);
		core_group_forget(c, q);
		lanes_off(q, mem);
		queue_fini(q, mem);
	}
	core_claims_free(c);
	map_fini(&c->queues, mem);
	pool_fini(&c->queue_pool, mem);
	chunk_pool_fini(&c->chunks);
	consumers_fini(&c->consumers);
	deque_fini(&c->asks, mem);
	deque_fini(&c->freed, mem);
	deque_fini(&c->cold.wants, mem);
	deque_fini(&c->cold.asks, mem);
	deque_fini(&c->select.wants, mem);
	deque_fini(&c->checkpoint.tombs, mem);
	deque_fini(&c->streams.wants, mem);
	mem_put(mem, c->order, c->order_cap * sizeof *c->order);
	must(c->cached_bytes == 0);
	mem_put(mem, c, sizeof *c);
}

struct queue *core_find_queue(struct core *c, uint64_t id)
{
	if (c->found && c->found->id == id)
		return c->found;
	uint64_t at;
	if (!map_get(&c->queues, id, &at))
		return NULL;
	c->found = (struct queue *)(uintptr_t)at;
	must(c->found->id == id);
	return c->found;
}

struct queue *core_make_queue(struct core *c, uint64_t id, uint8_t flags)
{
	must(!core_find_queue(c, id));
	if (map_make_room(&c->queues, c->mem, "queues by id") != ERR_OK ||
	    pool_make_room(&c->queue_pool, c->mem, QUEUE_SLAB_BYTES, "queues") != ERR_OK)
		return NULL;
	struct queue *q = pool_take(&c->queue_pool);
	queue_init(q, id, flags);
	map_put(&c->queues, id, (uint64_t)(uintptr_t)q);
	c->order_is_stale = true;
	c->found = q;
	return q;
}

void core_forget_queue(struct core *c, struct queue *own_q)
{
	bool was_there = map_del(&c->queues, own_q->id, NULL);
	must(was_there);
	if (list_has_node(&own_q->active))
		list_remove(&own_q->active);
	if (list_has_node(&own_q->dirty))
		list_remove(&own_q->dirty);
	core_dead_forget(c, own_q);
	core_rules_forget(c, own_q);
	core_attempts_forget(c, own_q);
	core_shed_forget(c, own_q);
	(void)core_stream_forget(c, own_q);
	(void)core_retain_forget(c, own_q);
	core_single_forget(c, own_q);
	core_retry_forget(c, own_q);
	core_delay_forget(c, own_q);
	core_cancels_forget(c, own_q);
	core_select_forget(c, own_q);
	core_group_forget(c, own_q);
	lanes_off(own_q, c->mem);
	queue_fini(own_q, c->mem);
	pool_put(&c->queue_pool, own_q);
	c->order_is_stale = true;
	c->found = NULL;
}

void core_admit(struct core *c, struct run *cmd, uint64_t now_ms, struct outcomes *now,
		struct outcomes *later, struct post *fx)
{
	core_lead(c, now_ms);
	switch ((enum cmd)cmd->kind) {
	case CMD_PUBLISH: core_publish(c, cmd, now, later, fx); break;
	case CMD_SETTLE: core_settle(c, cmd, later); break;
	case CMD_CREDIT: core_credit(c, cmd); break;
	case CMD_SUBSCRIBE: core_subscribe(c, cmd, fx); break;
	case CMD_UNSUBSCRIBE: core_unsubscribe(c, cmd, fx); break;
	case CMD_GET: core_get(c, cmd, false, later, fx); break;
	case CMD_PURGE: core_purge(c, cmd, false, later, fx); break;
	case CMD_QUEUE_STAT: core_stat(c, cmd, false, later, fx); break;
	case CMD_REPLAY: core_replay(c, cmd, fx); break;
	case CMD_FIND: core_retain_find(c, cmd, later, fx); break;
	case CMD_BROWSE: core_browse(c, cmd, (const void *)(cmd + 1), false, later, fx); break;
	case CMD_LIST: core_list(c, cmd, fx); break;
	case CMD_CANCEL: core_cancel(c, cmd, later, fx); break;
	case CMD_QUEUE_OPEN: core_open(c, cmd, later, fx); break;
	case CMD_QUEUE_DELETE: core_delete(c, cmd, later, fx); break;
	case CMD_QUEUE_DROP: core_drop(c, cmd, now, later, fx); break;
	case CMD_SESSION_GONE: core_session_gone(c, cmd, fx); break;
	case CMD_CLAIM: core_claim(c, cmd, fx); break;
	case CMD_YIELD: core_yield(c, cmd, fx); break;
	case CMD_CLAIM_MOVED: core_claim_moved(c, cmd, fx); break;
	case CMD_DUMP: core_describe(c, cmd, fx); break;
	case CMD_DIGEST: core_answer_digest(c, cmd, fx); break;
	default: must(!"a command for a queue's shard");
	}
}

void core_apply(struct core *c, struct run *o, uint64_t index, uint32_t ordinal, struct post *fx)
{
	if (o->flags & RUN_LOGGED) {
		must(index >= c->index && !c->checkpoint.is_open);
		c->index = index;
	}
	if (fx)
		core_lead(c, c->now_ms);
	switch (o->kind) {
	case OUTCOME_ADD:
	case OUTCOME_ADD_ONCE: core_apply_add(c, o, index, ordinal, fx); break;
	case OUTCOME_REMOVE: core_apply_remove(c, o); break;
	case OUTCOME_STREAM_ADD: core_stream_apply_add(c, o, fx); break;
	case OUTCOME_STREAM_TRIM: core_stream_apply_trim(c, o); break;
	case OUTCOME_RETAIN: core_retain_apply_add(c, o, index, fx); break;
	case OUTCOME_FORGET: core_retain_apply_forget(c, o, fx); break;
	case OUTCOME_FIND: core_retain_find(c, o, NULL, fx); break;
	case OUTCOME_COUNT:
	case OUTCOME_RETURN: core_apply_back(c, o); break;
	case OUTCOME_AGAIN: core_delay_apply_again(c, o); break;
	case OUTCOME_GIVE_MARK: core_apply_mark(c, o); break;
	case OUTCOME_UNUSED: core_apply_unused(c, o); break;
	case OUTCOME_QUEUE_DROP: core_apply_drop(c, o, fx); break;
	case OUTCOME_BARRIER: core_apply_barrier(c, o, fx); break;
	case OUTCOME_CONFIRM: core_apply_confirm(c, o, fx); break;
	case OUTCOME_TX_BEGIN: /* transactions are the node's: it decides when they are applied */
	case OUTCOME_TX_PREPARE:
	case OUTCOME_TX_END:
	case OUTCOME_TX_ABORT:
	case OUTCOME_CHUNK:
	case OUTCOME_CHUNK_DROP: break; /* uploads are the node's: no entry knows of them yet */
	default: must(!"an outcome for a queue's shard");
	}
}

enum err core_sound(const struct core *c, const struct run *o, uint32_t ordinal)
{
	bool is_catalogs = o->kind >= OUTCOME_EXCHANGE_DECLARE && o->kind < OUTCOME_TX_BEGIN;
	bool is_of_tx = o->kind >= OUTCOME_TX_BEGIN && o->kind <= OUTCOME_TX_ABORT;
	must(!c->is_leading && o->flags & RUN_LOGGED);
	if (is_catalogs || (is_of_tx && o->arg == 0) || ordinal + o->n > 1u << 16)
		return ERR_CORRUPT;
	return core_stream_sound(c, o) && core_retain_sound(c, o) ? ERR_OK : ERR_CORRUPT;
}

void core_reply(const struct core *c, const struct run *cmd, struct reply_row what, struct post *fx)
{
	if (!fx || !cmd->session)
		return;
	struct run head = core_fx(c, FX_REPLY, cmd);
	(void)post_run(fx, session_loop(cmd->session), &head, &what, sizeof what, 1, SLICE_EMPTY);
}

void core_freed(struct core *c, uint64_t loc, uint32_t bytes, uint8_t flags)
{
	must(loc != 0);
	const uint8_t own_row = ENTRY_BIG | ENTRY_SPILLED;
	flags &= ENTRY_STORED | ENTRY_SPILLED;
	struct freed *last = c->freed.n ? deque_at(&c->freed, c->freed.n - 1) : NULL;
	if (last && last->loc >> 32 == loc >> 32 && !((last->flags | flags) & own_row)) {
		last->bytes += bytes;
		last->n++;
		return;
	}
	struct freed row = { .loc = loc, .bytes = bytes, .n = 1, .flags = flags };
	enum err err = deque_push(&c->freed, c->mem, &row);
	must(err == ERR_OK);
}

void core_freed_many(struct core *c, uint64_t loc, uint64_t bytes, uint32_t n)
{
	must(loc != 0 && n > 0);
	struct freed row = { .loc = loc, .bytes = bytes, .n = n, .flags = ENTRY_PERSISTENT };
	enum err err = deque_push(&c->freed, c->mem, &row);
	must(err == ERR_OK);
}

uint32_t core_freed_take(struct core *c, struct freed *out, uint32_t max)
{
	must(max > 0);
	uint32_t n = 0;
	while (n < max && deque_pop(&c->freed, &out[n]))
		n++;
	if (n < max && c->freed.cap > FREED_KEPT) /* a large queue was purged */
		deque_trim(&c->freed, c->mem);
	return n;
}

void core_drop_entry(struct core *c, struct queue *q, struct chunk *k, uint32_t slot,
		     struct refs *gone)
{
	struct entry *e = &k->entry[slot];
	must(bits_test(k->live, slot) && q->live_bytes >= e->bytes);
	if (bits_test(k->ready, slot))
		queue_off(q, k, slot);
	bits_clear(k->live, slot);
	k->live_n--;
	q->live_n--;
	q->live_bytes -= e->bytes;
	c->all.queued_n--;
	c->all.bytes -= e->bytes;
	if (e->flags & ENTRY_PERSISTENT) {
		k->durable_n--;
		q->durable_n--;
		if (!ABLATED(checkpoint_settled))
			core_changed(c, q, k);
	}
	uint64_t mem = core_unmem(c, q, e);
	if (mem)
		refs_drop(gone, mem);
	if (k->once)
		core_once_left(q, k, slot);
	if (k->loc[slot])
		core_freed(c, k->loc[slot], e->bytes, e->flags);
}

static void release(struct core *c, struct queue *q, struct chunk *k)
{
	if (k->is_stored && !ABLATED(checkpoint_settled)) {
		struct unit_key key = { q->id, k->number };
		enum err err = deque_push(&c->checkpoint.tombs, c->mem, &key);
		must(err == ERR_OK);
	}
	core_unwatch(c, k);
	core_rule_unweigh(c, k);
	core_once_drop(c, k);
	core_returned_drop(c, k);
	core_select_drop(c, k);
	lanes_drop(k, c->mem);
	q->cold_n -= k->is_cold;
	queue_unlink(q, k);
	chunk_put(&c->chunks, k);
}

void core_release(struct core *c, struct queue *q, struct chunk *k)
{
	must(queue_chunk(q, k->number) == k);
	bool is_tail = k->number + 1 == queue_end(q);
	if (k->live_n == 0 && (!is_tail || q->live_n == 0))
		release(c, q, k);
	else if (k->is_cold && k->live_n == 0)
		core_cold_end(c, q, k);
	/* A tail that was only kept for its place ends with the last entry before it. */
	if (q->live_n == 0 && q->chunks.n)
		release(c, q, queue_chunk(q, queue_end(q) - 1));
	if (q->chunks.n == 0 && q->has->lanes)
		lanes_idle(q, c->mem);
	if (q->chunks.n == 0 && q->chunks.cap > 64)
		deque_trim(&q->chunks, c->mem);
}

void core_cache_limit(struct core *c, uint64_t bytes_max)
{
	must(c->mem != NULL);
	c->cache_max = bytes_max;
}

struct core_totals core_totals(const struct core *c)
{
	struct core_totals all = c->all;
	must(c->mem != NULL);
	all.overflowed_n = c->count.overflowed + c->count.refused;
	return all;
}

uint64_t core_cached_bytes(const struct core *c)
{
	must(c->mem != NULL);
	return c->cached_bytes;
}

uint64_t core_features(const struct core *c)
{
	must(c->checkpoint.epoch > 0);
	return c->checkpoint.features;
}
