#include "journal/checkpoint.h"

#include "base/ablate.h"
#include "base/text.h"
#include "journal/space.h"
#include "journal/state.h"

void checkpoint_init(struct checkpoint *c)
{
	memset(c, 0, sizeof *c);
	c->file = c->old_file = -1;
	spsc_init(&c->empty, c->slots, CHECKPOINT_BLOCKS);
	spsc_init(&c->full, c->slots + CHECKPOINT_BLOCKS, CHECKPOINT_BLOCKS);
}

void checkpoint_check(const struct checkpoint *c)
{
	must((c->now.file == 0) == (c->now.units_n == 0 && c->now.number == 0));
	must_if(c->before.number != 0, c->before.number < c->now.number);
	must(c->before.floor <= c->now.floor);
	must_if(c->file >= 0, c->file_number != 0 && c->at >= CHECKPOINT_FILE_AT);
	must_if(c->old_file >= 0, c->old_at >= CHECKPOINT_FILE_AT && c->file >= 0);
}

static void close_file(struct journal *j, int *file)
{
	must(*file >= -1);
	if (*file >= 0)
		j->disk->ops->close(j->disk, *file);
	*file = -1;
}

static void blocks_free(struct journal *j)
{
	struct checkpoint *c = &j->checkpoint;
	for (uint32_t i = 0; i < CHECKPOINT_BLOCKS; i++) {
		mem_put(j->mem, c->blocks[i], sizeof *c->blocks[i]);
		c->blocks[i] = NULL;
	}
	spsc_init(&c->empty, c->slots, CHECKPOINT_BLOCKS);
	spsc_init(&c->full, c->slots + CHECKPOINT_BLOCKS, CHECKPOINT_BLOCKS);
}

void checkpoint_fini(struct journal *j)
{
	struct checkpoint *c = &j->checkpoint;
	must(c->file < 0 || c->file != c->old_file);
	blocks_free(j);
	units_fini(&c->units, j->mem);
	close_file(j, &c->file);
	close_file(j, &c->old_file);
}

/* file_path: of the file being written, for a message. */
static struct path file_path(const struct checkpoint *c)
{
	must(c->file_number != 0 || c->file < 0);
	return c->file_number ? path_of(PATH_CHECKPOINT, c->file_number)
			      : path_in(PATH_CHECKPOINT, "");
}

/* went takes the end of an operation: a full disk or memory spoils this checkpoint, anything else
 * the journal. True: it went well. */
static bool went(struct journal *j, enum err e, const char *what)
{
	must(what != NULL);
	struct checkpoint *c = &j->checkpoint;
	if (e == ERR_OK)
		return true;
	c->has_failed = true;
	if (e != ERR_NO_SPACE && e != ERR_LIMIT && e != ERR_RESOURCE_ERROR) {
		struct path p = file_path(c);
		(void)journal_break(j, e, what, &p, c->at);
	}
	return false;
}

/* ---- writing: the keeper's side --------------------------------------------------------- */

static bool append(struct journal *j, const uint8_t *p, uint32_t n)
{
	struct checkpoint *c = &j->checkpoint;
	must_if(n > 0, c->file >= 0 && c->at >= CHECKPOINT_FILE_AT);
	struct slice part = { p, n };
	if (n == 0 || !went(j, j->disk->ops->write(j->disk, c->file, c->at, &part, 1), "write"))
		return n == 0;
	c->at += n;
	return true;
}

/* begin_file starts a new checkpoint file; the one there was becomes the old one. */
static enum err begin_file(struct journal *j)
{
	struct checkpoint *c = &j->checkpoint;
	const struct disk_ops *ops = j->disk->ops;
	uint32_t number = (uint32_t)max_u64(c->now.file, c->before.file) + 1;
	must(number != 0 && c->old_file < 0);
	struct path p = path_of(PATH_CHECKPOINT, number);
	struct head h = {
		.kind = HEAD_CHECKPOINT,
		.store = j->store_id,
		.cluster = j->cluster_id,
		.number = number,
	};
	uint8_t bytes[HEAD_BYTES];
	struct slice part = { bytes, sizeof bytes };
	int file;
	head_put(bytes, &h);
	TRY(ops->open(j->disk, p.z, DISK_READ | DISK_WRITE | DISK_CREATE, &file));
	enum err e = ops->truncate(j->disk, file, 0);
	if (e == ERR_OK)
		e = ops->write(j->disk, file, 0, &part, 1);
	if (e != ERR_OK) {
		ops->close(j->disk, file);
		return e;
	}
	c->old_file = c->file;
	c->old_at = CHECKPOINT_FILE_AT;
	units_age(&c->units);
	c->file = file;
	c->file_number = number;
	c->at = CHECKPOINT_FILE_AT;
	return ERR_OK;
}

static bool blocks_ready(struct journal *j)
{
	struct checkpoint *c = &j->checkpoint;
	must(!c->blocks[0] && !c->blocks[1]);
	for (uint32_t i = 0; i < CHECKPOINT_BLOCKS; i++) {
		c->blocks[i] = mem_get(j->mem, sizeof *c->blocks[i], "checkpoint blocks");
		if (c->blocks[i])
			c->blocks[i]->len = 0;
	}
	if (c->blocks[0] && c->blocks[1])
		return true;
	blocks_free(j);
	return false;
}

static void begin(struct journal *j)
{
	struct checkpoint *c = &j->checkpoint;
	checkpoint_check(c);
	c->number = c->now.number + 1;
	c->has_failed = false;
	space_mark_empty(j, c->number);
	c->begun_loc = atomic_load_explicit(&j->durable_loc, memory_order_acquire);
	for (uint32_t s = 0; s < JOURNAL_SHARDS_MAX; s++)
		c->begun_index[s] = atomic_load_explicit(&j->written_index[s],
							 memory_order_relaxed);
	uint64_t slack = min_u64(CHECKPOINT_SLACK_BYTES, j->setup.segment_bytes);
	if (c->file < 0 || c->at > 2 * c->units.live_bytes + slack)
		(void)went(j, begin_file(j), "begin");
	for (uint32_t i = 0; i < CHECKPOINT_BLOCKS; i++) {
		bool is_in = !c->blocks[i] || spsc_stage(&c->empty, c->blocks[i]);
		must(is_in);
	}
	spsc_publish(&c->empty);
	atomic_store_explicit(&c->phase, CKPT_OPEN, memory_order_release);
}

/* take_block notes the units of a block and appends it. */
static void take_block(struct journal *j, struct ckpt_block *b)
{
	struct checkpoint *c = &j->checkpoint;
	must(b->len <= sizeof b->at && b->len % 8 == 0);
	uint32_t at = 0;
	while (at < b->len && !c->has_failed) {
		struct unit u;
		uint32_t space;
		enum err e = unit_get(slice_of(b->at + at, b->len - at), &u, &space);
		must(e == ERR_OK);
		if (went(j, checkpoint_take(j, &u, c->at + at), "note"))
			at += space;
	}
	if (!c->has_failed)
		(void)append(j, b->at, b->len);
	b->len = 0;
	bool is_in = spsc_push(&c->empty, b);
	must(is_in);
}

/* copy_old brings over what still counts of the old file, a block a step. False: all is over. */
static bool copy_old(struct journal *j)
{
	struct checkpoint *c = &j->checkpoint;
	must(c->blocks[0] && c->blocks[1] && c->blocks[1]->len == 0);
	struct filebuf f = { .disk = j->disk,
			     .file = c->old_file,
			     .buf = c->blocks[0]->at,
			     .cap = CHECKPOINT_BLOCK_BYTES };
	struct ckpt_block *out = c->blocks[1];
	bool is_more = c->old_file >= 0;
	while (is_more && out->len + UNIT_HEAD_BYTES + UNIT_CONTENT_MAX + 8 <= sizeof out->at) {
		struct unit u = { 0 };
		uint64_t from = c->old_at;
		if (!went(j, checkpoint_next(&f, &c->old_at, c->now.end, &u, &is_more), "copy"))
			break;
		struct unit_row *r = NULL;
		if (is_more && u.kind == UNIT_CONTENT)
			r = units_find(&c->units, u.shard, u.a, u.b);
		if (!r || !r->is_old || r->at != from)
			continue;
		unit_put(out->at + out->len, &u);
		r->is_old = 0;
		r->at = c->at + out->len;
		out->len += r->space;
	}
	if (!c->has_failed)
		(void)append(j, out->at, out->len);
	out->len = 0;
	if (!is_more || c->has_failed)
		close_file(j, &c->old_file);
	return c->old_file >= 0;
}

/* put_shards appends how far each shard goes, and the padding behind it all. */
static void put_shards(struct journal *j)
{
	struct checkpoint *c = &j->checkpoint;
	struct ckpt_block *b = c->blocks[0];
	must(b != NULL && c->old_file < 0);
	b->len = 0;
	for (uint16_t s = 0; s < JOURNAL_SHARDS_MAX; s++) {
		if (c->given.is_there[s]) {
			c->shards.is_there[s] = true;
			c->shards.at[s] = c->given.at[s];
		}
		if (!c->shards.is_there[s])
			continue;
		const struct ckpt_shard *at = &c->shards.at[s];
		uint8_t next[8];
		store_le64(next, at->next_wall_ms);
		struct unit u = { UNIT_SHARD, s,         c->number,
				  at->index,  at->epoch, { next, sizeof next } };
		unit_put(b->at + b->len, &u);
		b->len += unit_space(sizeof next);
	}
	b->len += unit_pad(b->at + b->len, c->at + b->len, c->number);
	(void)append(j, b->at, b->len);
}

/* What units that count may have. It is not known which of them do, so a feature stays. */
static uint64_t features(const struct checkpoint *c)
{
	uint64_t all = c->now.features;
	must(!(all & ~FEATURES_KNOWN));
	for (uint16_t s = 0; s < JOURNAL_SHARDS_MAX; s++)
		all |= c->shards.is_there[s] ? c->shards.at[s].features : 0;
	return all;
}

/* make_durable syncs the file, and then says so in the store. */
static enum err make_durable(struct journal *j, struct head *out_h)
{
	struct checkpoint *c = &j->checkpoint;
	const struct disk_ops *ops = j->disk->ops;
	must(c->at % UNIT_ALIGN == 0);
	struct head h = {
		.kind = HEAD_STORE,
		.store = j->store_id,
		.cluster = j->cluster_id,
		.number = c->number,
		.features = features(c),
		.file = c->file_number,
		.end = c->at,
		.floor = space_floor(j),
		.units_n = c->units.n,
	};
	if (!ABLATED(checkpoint_sync)) {
		TRY(ops->sync(j->disk, c->file));
		if (h.file != c->now.file)
			TRY(ops->sync_dir(j->disk, PATH_CHECKPOINTS));
	}
	TRY(store_write(j->disk, j->store.file, &h));
	*out_h = h;
	return ERR_OK;
}

/* settle ends a checkpoint that is durable. */
static enum err settle(struct journal *j, const struct head *h)
{
	struct checkpoint *c = &j->checkpoint;
	checkpoint_check(c);
	uint64_t gone = c->before.file;
	must(h->number == c->now.number + 1 && h->floor >= c->now.floor);
	c->before = c->now;
	c->now = *h;
	if (gone != 0 && gone != c->before.file) {
		struct path p = path_of(PATH_CHECKPOINT, (uint32_t)gone);
		TRY(j->disk->ops->remove(j->disk, p.z));
	}
	return space_recycle(j);
}

/* give_up brings back what the store has: the checkpoint before. */
static enum err give_up(struct journal *j)
{
	struct checkpoint *c = &j->checkpoint;
	must(c->has_failed);
	char buf[JOURNAL_WHY_BYTES];
	struct text why = text_of(buf, sizeof buf);
	uint32_t failed = c->file_number;
	struct filebuf f = {
		.disk = j->disk, .file = -1, .buf = c->blocks[0]->at, .cap = CHECKPOINT_BLOCK_BYTES
	};
	struct head now = c->now;
	close_file(j, &c->old_file);
	close_file(j, &c->file);
	if (failed != now.file && failed != 0) {
		struct path p = path_of(PATH_CHECKPOINT, failed);
		(void)j->disk->ops->remove(j->disk, p.z);
	}
	c->file_number = 0;
	return checkpoint_load(j, &now, &f, &why);
}

static void finish(struct journal *j)
{
	struct checkpoint *c = &j->checkpoint;
	must(atomic_load_explicit(&c->phase, memory_order_relaxed) == CKPT_OPEN);
	must(spsc_is_empty(&c->full));
	struct head h;
	if (!c->has_failed)
		put_shards(j);
	bool is_kept = !c->has_failed && went(j, make_durable(j, &h), "sync");
	enum err e = is_kept ? settle(j, &h) : ERR_OK;
	if (!is_kept && journal_broken(j) == ERR_OK)
		e = give_up(j);
	if (e != ERR_OK) {
		struct path p = file_path(c);
		(void)journal_break(j, e, "end", &p, c->at);
		return;
	}
	blocks_free(j);
	atomic_fetch_add_explicit(is_kept ? &c->done : &c->failed, 1, memory_order_release);
	atomic_store_explicit(&c->phase, CKPT_IDLE, memory_order_release);
}

bool checkpoint_step(struct journal *j, enum err *out_err)
{
	struct checkpoint *c = &j->checkpoint;
	must(j->recover.is_ended);
	uint32_t phase = atomic_load_explicit(&c->phase, memory_order_acquire);
	if (phase == CKPT_IDLE)
		return false;
	if (phase == CKPT_WANTED) {
		c->is_short = !blocks_ready(j);
		if (c->is_short)
			return false;
		begin(j);
	} else {
		bool is_ended = atomic_load_explicit(&c->is_ended, memory_order_acquire);
		struct ckpt_block *b = spsc_pop(&c->full);
		if (b)
			take_block(j, b);
		else if (!is_ended)
			return false;
		else if (c->has_failed || !copy_old(j))
			finish(j);
	}
	*out_err = journal_broken(j);
	return true;
}
