#include "base/byteorder.h"
#include "base/text.h"
#include "core/logged.h"
#include "msg/msg.h"
#include "salvage/state.h"

/* A message lies in the log as long as it waits, so a lost unit of the checkpoint can be made again
 * of what the log adds and removes. Only removals can be missing: their segments may be gone. */

#define MOVED_HEAD_BYTES 16u /* of a message that was moved: u64 queue, u64 id */

typedef unsigned long long ull;

/* is_wanted: ids from `first` to `last` of the queue can be in a lost unit. */
static bool is_wanted(const struct salvage *s, uint16_t shard, uint64_t queue, uint64_t first,
		      uint64_t last)
{
	must(shard < SALVAGE_SHARDS);
	for (size_t i = 0; i < s->wanted.n; i++) {
		const struct wanted *w = deque_at(&s->wanted, i);
		if (w->shard == shard && w->key.queue == queue && last > w->gap.above &&
		    first < w->gap.below)
			return true;
	}
	return false;
}

void find_begin(struct salvage *s)
{
	for (size_t i = 0; i < s->wanted.n; i++) {
		struct wanted *w = deque_at(&s->wanted, i);
		must(w->shard > 0 && w->shard < SALVAGE_SHARDS);
		w->gap = core_gap(s->core[w->shard], w->key);
	}
}

static struct found *find(const struct salvage *s, uint64_t queue, uint64_t id)
{
	must(queue != 0);
	for (size_t i = s->found.n; i-- > 0;) {
		struct found *f = deque_at(&s->found, i);
		if (f->queue == queue && f->entry.id == id)
			return f;
	}
	return NULL;
}

/* forget takes out what is removed: the ids of a queue, or all of a transaction. */
static void forget(struct salvage *s, uint64_t queue, uint64_t first, uint64_t last, uint64_t tx)
{
	struct found one;
	must(first <= last);
	for (size_t n = s->found.n; n > 0 && deque_pop(&s->found, &one); n--) {
		bool is_gone = tx ? one.tx == tx
				  : one.queue == queue && one.entry.id >= first &&
					       one.entry.id <= last;
		if (is_gone)
			continue;
		enum err e = deque_push(&s->found, s->mem, &one); /* there was room */
		must(e == ERR_OK);
	}
}

static enum err add(struct salvage *s, const struct wreck_item *item, struct run *o,
		    uint32_t ordinal)
{
	const struct add_row *row = run_rows(o);
	uint16_t shard = item->record.shard;
	must(outcome_enters(o->kind));
	for (uint32_t i = 0; i < o->n; i++) {
		uint64_t id = item->record.index << 16 | (ordinal + i);
		struct found f = { .queue = o->queue, .tx = s->finding_tx[shard], .shard = shard };
		if (!is_wanted(s, shard, o->queue, id, id))
			continue;
		f.entry = (struct core_entry){ .id = id,
					       .loc = item->loc + row[i].loc,
					       .expiry_ms = row[i].expiry_ms,
					       .bytes = row[i].bytes,
					       .flags = row[i].flags & ENTRY_STORED,
					       .priority = row[i].priority };
		if (o->kind == OUTCOME_ADD_ONCE)
			f.entry.once = load_le64(run_tail(o).p);
		TRY(deque_push(&s->found, s->mem, &f));
	}
	return ERR_OK;
}

static enum err run(struct salvage *s, const struct wreck_item *item, struct run *o,
		    uint32_t ordinal)
{
	uint16_t shard = item->record.shard;
	bool is_of_queue = o->kind < OUTCOME_EXCHANGE_DECLARE &&
			   is_wanted(s, shard, o->queue, 0, UINT64_MAX);
	must(shard > 0);
	if (o->kind == OUTCOME_TX_BEGIN)
		s->finding_tx[shard] = o->arg;
	else if (o->kind == OUTCOME_TX_PREPARE || o->kind == OUTCOME_TX_END)
		s->finding_tx[shard] = 0;
	if (o->kind == OUTCOME_TX_ABORT && o->arg)
		forget(s, 0, 0, 0, o->arg);
	if (!is_of_queue)
		return ERR_OK;
	if (outcome_enters(o->kind))
		return add(s, item, o, ordinal);
	if (o->kind == OUTCOME_QUEUE_DROP)
		forget(s, o->queue, 0, UINT64_MAX, 0);
	const struct remove_row *row = run_rows(o);
	for (uint32_t i = 0; o->kind == OUTCOME_REMOVE && i < o->n; i++)
		if (is_wanted(s, shard, o->queue, row[i].first_id, row[i].last_id))
			forget(s, o->queue, row[i].first_id, row[i].last_id, 0);
	return ERR_OK;
}

/* A message that was moved says whose it is. The one that it was moved from may be gone. */
static enum err moved(struct salvage *s, const struct wreck_item *item)
{
	struct slice body = item->record.body;
	uint16_t shard = item->record.shard;
	if (body.n <= MOVED_HEAD_BYTES + MSG_STORED_HEAD_BYTES)
		return ERR_OK;
	uint64_t queue = load_le64(body.p), id = load_le64(body.p + 8);
	if (queue == 0 || !is_wanted(s, shard, queue, id, id))
		return ERR_OK;
	struct found *there = find(s, queue, id), fresh = { .queue = queue, .shard = shard };
	struct core_entry e = there ? there->entry : (struct core_entry){ .id = id };
	bool is_big = body.p[MOVED_HEAD_BYTES + 4] == MSG_CHUNKS;
	must(item->loc != 0);
	e.loc = item->loc + MOVED_HEAD_BYTES;
	e.bytes = (uint32_t)body.n - MOVED_HEAD_BYTES;
	e.flags = ENTRY_PERSISTENT | (is_big ? ENTRY_BIG : 0);
	fresh.entry = e;
	if (!there)
		return deque_push(&s->found, s->mem, &fresh);
	there->entry = e;
	return ERR_OK;
}

enum err find_record(struct salvage *s, const struct wreck_item *item)
{
	const struct record *rec = &item->record;
	if (rec->shard == 0 || rec->shard >= SALVAGE_SHARDS)
		return ERR_OK;
	if (rec->kind == RECORD_BODY)
		return moved(s, item);
	uint64_t index = s->lane[rec->shard].index;
	if (rec->kind != RECORD_OUTCOMES || rec->index == 0 || scan_is_new(s, item, &index))
		return ERR_OK;
	struct rd r = rd_of(rec->body);
	uint32_t ordinal = 0;
	while (rd_left(&r) > 0 && logged_get(&r, rec->body, s->room, LOGGED_RUN_BYTES) == ERR_OK) {
		TRY(run(s, item, s->room, ordinal));
		ordinal += outcome_enters(s->room->kind) ? s->room->n : 0;
	}
	must(ordinal <= LIMIT_RECORD_BYTES_MAX);
	return ERR_OK;
}

/* ---- into their places ------------------------------------------------------------------ */

/* The newest of those in the gap, at most as many as a unit has, in the order of their ids. */
static uint32_t collect(const struct salvage *s, const struct wanted *w, struct core_gap gap,
			struct core_entry *out)
{
	uint32_t n = 0;
	must(gap.above < gap.below);
	for (size_t i = 0; i < s->found.n; i++) {
		const struct found *f = deque_at(&s->found, i);
		if (f->queue != w->key.queue || f->entry.id <= gap.above ||
		    f->entry.id >= gap.below || (n == CORE_UNIT_ENTRIES && f->entry.id < out[0].id))
			continue;
		if (n == CORE_UNIT_ENTRIES)
			memmove(out, out + 1, --n * sizeof *out);
		uint32_t at = n++;
		for (; at > 0 && out[at - 1].id > f->entry.id; at--)
			out[at] = out[at - 1];
		out[at] = f->entry;
	}
	return n;
}

static enum err fill(struct salvage *s, struct wanted w, uint64_t *io_n)
{
	struct core_entry *entries = (struct core_entry *)(void *)s->room;
	_Static_assert(CORE_UNIT_ENTRIES * sizeof *entries <= LOGGED_RUN_BYTES, "they fit there");
	for (;;) {
		struct core_gap gap = core_gap(s->core[w.shard], w.key);
		if (gap.units_n == 0 || gap.above >= gap.below)
			return ERR_OK;
		uint32_t n = collect(s, &w, gap, entries);
		if (n == 0)
			return ERR_OK;
		enum err e = core_restore_entries(s->core[w.shard], w.key, entries, n);
		if (e != ERR_OK)
			return e == ERR_LIMIT ? e : ERR_OK;
		*io_n += n;
		if (n < CORE_UNIT_ENTRIES || w.key.chunk == 0)
			return ERR_OK;
		w.key.chunk--; /* what was removed meanwhile may be among them: there is more */
	}
}

/* The last unit of each queue comes first: what does not fit goes before it. */
enum err find_over(struct salvage *s)
{
	while (s->wanted.n > 0) {
		size_t last = 0;
		uint64_t n = 0;
		struct wanted w;
		for (size_t i = 1; i < s->wanted.n; i++)
			if (((const struct wanted *)deque_at(&s->wanted, i))->key.chunk >
			    ((const struct wanted *)deque_at(&s->wanted, last))->key.chunk)
				last = i;
		w = *(const struct wanted *)deque_at(&s->wanted, last);
		bool was_there = deque_pop_back(&s->wanted, deque_at(&s->wanted, last));
		must(was_there);
		TRY(fill(s, w, &n));
		if (n == 0)
			continue;
		text_puts(s->lines, "found: ");
		say_queue(s, w.key.queue);
		text_putf(s->lines,
			  ": %llu messages of the lost part are in the log; some may have been "
			  "acknowledged\n",
			  (ull)n);
	}
	return ERR_OK;
}
