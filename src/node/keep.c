/* What a publish leaves in memory: dense copies when blocks are pinned by too few messages, and the
 * spill file when memory is short. Both before the shard sees the run. */
#include "node/inspect.h"
#include "node/loop.h"

#include "base/must.h"

static const struct msg *copy_into(struct block *b, const struct msg *m, uint32_t bytes)
{
	uint32_t off = (b->fill + 7u) & ~7u;
	struct wr w = wr_of((uint8_t *)b + off, bytes);
	msg_store(m, &w);
	b->fill = off + bytes;
	const struct msg *copy;
	enum err e = msg_load(b, off, bytes, &copy);
	must(e == ERR_OK);
	block_give(b, 1);
	return copy;
}

static void keep_dense(struct loop *l, uint64_t *io_mem)
{
	const struct msg *m = msg_of(*io_mem);
	uint32_t bytes = msg_stored_bytes(m);
	struct block *b = bytes <= BLOCK_COMMON_MAX ? block_for(&l->home, bytes) : NULL;
	if (!b)
		return;
	uint64_t old = *io_mem;
	*io_mem = msg_mem(copy_into(b, m, bytes));
	msg_unref(old, 1);
}

/* False: the message stays in memory. */
static bool spill(struct loop *l, struct publish_row *row)
{
	const struct msg *m = msg_of(row->mem);
	uint32_t bytes = msg_stored_bytes(m);
	uint8_t *buf = mem_get(&l->memory.mem, bytes, "spill");
	if (!buf)
		return false;
	struct wr w = wr_of(buf, bytes);
	msg_store(m, &w);
	uint64_t loc;
	enum err e = journal_spill(l->node->journal, l->index, slice_of(buf, bytes), &loc);
	mem_put(&l->memory.mem, buf, bytes);
	if (e != ERR_OK)
		return false;
	msg_unref(row->mem, 1);
	row->mem = loc;
	row->flags |= ENTRY_SPILLED;
	return true;
}

/* How far behind a row the same message may come again, for another queue: messages come one after
 * the other with all their queues, or queue by queue. */
static uint32_t period_of(const struct publish_row *row, uint32_t n)
{
	uint32_t i = 1;
	must(n > 0);
	while (i < n && row[i].mem != row[0].mem)
		i++;
	return i;
}

void keep_rows(struct loop *l, struct run *publish)
{
	bool is_pinned = l->home.out_bytes > NODE_PINNED_BYTES;
	bool is_short = atomic_load_explicit(&l->node->is_memory_short, memory_order_relaxed);
	if ((!is_pinned && !is_short) || publish->n == 0)
		return;
	struct publish_row *row = run_rows(publish);
	uint64_t old[LIMIT_RUN_ROWS_MAX]; /* where the rows' messages were before */
	uint32_t period = period_of(row, publish->n);
	must(publish->n <= LIMIT_RUN_ROWS_MAX);
	for (uint32_t i = 0; i < publish->n; i++) {
		old[i] = row[i].mem;
		/* a big one's block holds its chunks */
		if (!row[i].mem || (row[i].flags & (ENTRY_PERSISTENT | ENTRY_SPILLED | ENTRY_BIG)))
			continue;
		if (is_short && spill(l, &row[i]))
			continue;
		const struct publish_row *before = i < period ? NULL : &row[i - period];
		if (before && old[i - period] == old[i] && before->mem != old[i] &&
		    !(before->flags & ENTRY_SPILLED)) {
			row[i].mem = before->mem;
			msg_ref(row[i].mem, 1);
			msg_unref(old[i], 1);
			continue;
		}
		keep_dense(l, &row[i].mem);
	}
}

/* Memory of queues: stored messages that are kept, and entries. */
struct kept {
	uint64_t cached, entries;
	struct core_totals all;
};

static struct kept kept_here(const struct loop *l)
{
	struct kept sum = { 0 };
	for (uint32_t i = 0; i < l->shards_n; i++) {
		const struct core *c = l->shards[i].core;
		sum.cached += c ? core_cached_bytes(c) : 0;
		sum.entries += c ? core_entries_bytes(c) : 0;
		const struct core_totals t = c ? core_totals(c)
					       : (struct core_totals){ .queued_n = 0 };
		sum.all.queued_n += t.queued_n;
		sum.all.retained_n += t.retained_n;
		sum.all.bytes += t.bytes;
		sum.all.overflowed_n += t.overflowed_n;
	}
	return sum;
}

void keep_tell(struct loop *l)
{
	struct kept here = kept_here(l);
	atomic_store_explicit(&l->cached_bytes, here.cached, memory_order_relaxed);
	atomic_store_explicit(&l->entry_bytes, here.entries, memory_order_relaxed);
	struct meter_lane *lane = l->world.lane;
	meter_set(lane, METER_queued, here.all.queued_n);
	meter_set(lane, METER_retained, here.all.retained_n);
	meter_set(lane, METER_kept_bytes, here.all.bytes);
	meter_set(lane, METER_overflowed, here.all.overflowed_n);
}

/* kept_elsewhere: by the other loops, as they last told. */
static struct kept kept_elsewhere(const struct loop *l)
{
	const struct node *n = l->node;
	struct kept sum = { 0 };
	for (uint32_t i = 0; i < n->loops_n; i++) {
		const struct loop *o = &n->loops[i];
		if (o == l)
			continue;
		sum.cached += atomic_load_explicit(&o->cached_bytes, memory_order_relaxed);
		sum.entries += atomic_load_explicit(&o->entry_bytes, memory_order_relaxed);
	}
	return sum;
}

/* What one may have who has `own` of what is used: all that is left too, or less by what is too
 * much. */
static uint64_t share_of(const struct node *n, int64_t configured, uint64_t used, uint64_t own)
{
	uint64_t all = min_u64((uint64_t)configured, alarm_memory_limit(n) / 4) + own;
	return all > used ? all - used : 0;
}

/* What is left goes to whichever shard has something to keep. Of the cache no queue may have more
 * than is left, so there is always some. */
void keep_budget(struct loop *l)
{
	const struct node *n = l->node;
	struct kept here = kept_here(l), elsewhere = kept_elsewhere(l);
	uint64_t cached = here.cached + elsewhere.cached;
	uint64_t entries = here.entries + elsewhere.entries;
	for (uint32_t i = 0; i < l->shards_n; i++) {
		struct core *c = l->shards[i].core;
		if (!c)
			continue;
		core_cache_limit(
			c, max_u64(core_cached_bytes(c), share_of(n, n->config->queue_cache_bytes,
								  cached, core_cached_bytes(c))));
		core_entries_limit(c, share_of(n, n->config->queue_entries_bytes, entries,
					       core_entries_bytes(c)));
	}
}
