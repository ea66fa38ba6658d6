/* What a publish leaves in memory: dense copies when blocks are pinned by too few messages, and the
 * spill file when memory is short. Both before the shard sees the run. */
#include "node/loop.h"

#include "base/must.h"

/* Blocks that may be held by this loop's messages as they came. Beyond it what stays is copied
 * together: else one message in a thousand could pin a whole block. */
#define PINNED_BYTES_MAX (16u << 20)

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
	if (bytes > BLOCK_ALIGN / 4)
		return;
	if (!l->kept || block_room(l->kept) < bytes + BLOCK_HEADER_ROOM) {
		if (l->kept)
			block_close(l->kept);
		l->kept = block_take(&l->home, 0);
		if (!l->kept)
			return;
	}
	uint64_t old = *io_mem;
	*io_mem = msg_mem(copy_into(l->kept, m, bytes));
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
	bool is_pinned = l->home.out_bytes > PINNED_BYTES_MAX;
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

static uint64_t cached_here(const struct loop *l)
{
	uint64_t sum = 0;
	for (uint32_t i = 0; i < l->shards_n; i++)
		sum += l->shards[i].core ? core_cached_bytes(l->shards[i].core) : 0;
	return sum;
}

void keep_tell(struct loop *l)
{
	atomic_store_explicit(&l->cached_bytes, cached_here(l), memory_order_relaxed);
}

/* cached_elsewhere: by the other loops, as they last told. */
static uint64_t cached_elsewhere(const struct loop *l)
{
	const struct node *n = l->node;
	uint64_t sum = 0;
	for (uint32_t i = 0; i < n->loops_n; i++)
		if (i != l->index)
			sum += atomic_load_explicit(&n->loops[i].cached_bytes,
						    memory_order_relaxed);
	return sum;
}

/* What is left of the cache goes to whichever shard has something to keep. No queue may have more
 * than is left, so there is always some. */
void keep_budget(struct loop *l)
{
	uint64_t share = min_u64((uint64_t)l->node->config.queue_cache_bytes,
				 alarm_memory_limit(l->node) / 4);
	uint64_t all = cached_here(l) + cached_elsewhere(l), rest = share > all ? share - all : 0;
	for (uint32_t i = 0; i < l->shards_n; i++)
		if (l->shards[i].core)
			core_cache_limit(l->shards[i].core,
					 core_cached_bytes(l->shards[i].core) + rest);
}
