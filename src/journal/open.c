#include "base/ablate.h"
#include "base/text.h"
#include "journal/state.h"

#define NAMES_BYTES_MIN 65536u

/* ---- names ------------------------------------------------------------------------------ */

/* list gives the names of a directory in a block of its own; the caller puts it back. */
static enum err list(struct journal *j, const char *dir, char **out_names, size_t *out_cap,
		     size_t *out_len)
{
	must(j->disk != NULL && dir != NULL);
	for (size_t cap = NAMES_BYTES_MIN;; cap *= 2) {
		char *names = mem_get(j->mem, cap, "names");
		if (!names)
			return ERR_LIMIT;
		enum err e = j->disk->ops->list(j->disk, dir, names, cap, out_len);
		if (e == ERR_OK) {
			*out_names = names;
			*out_cap = cap;
			return ERR_OK;
		}
		mem_put(j->mem, names, cap);
		if (e != ERR_LIMIT)
			return e;
	}
}

typedef enum err each_name(struct journal *j, const char *name, struct text *why);

/* each calls `look` for every name of a directory; one that is not there is empty. */
static enum err each(struct journal *j, const char *dir, each_name *look, struct text *why)
{
	must(look != NULL);
	char *names;
	size_t cap, len = 0;
	enum err e = list(j, dir, &names, &cap, &len);
	if (e == ERR_NOT_FOUND)
		return ERR_OK;
	if (e != ERR_OK) {
		text_putf(why, "%s: %s", dir, j->disk->ops->why(j->disk));
		return e;
	}
	for (size_t at = 0; at < len && e == ERR_OK; at += strlen(names + at) + 1)
		e = look(j, names + at, why);
	mem_put(j->mem, names, cap);
	return e;
}

/* ---- a new data directory --------------------------------------------------------------- */

/* Names that may stand beside a store that is not made yet. */
static bool is_known(const char *name)
{
	must(name[0] != '\0');
	static const char *const ours[] = { PATH_LOCK,        PATH_STORE_NEW, PATH_SEGMENTS,
					    PATH_CHECKPOINTS, PATH_SPILLS,    "lost+found" };
	static const char *const endings[] = { ".sock", ".pid", ".log", ".conf" };
	size_t n = strlen(name);
	for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
		if (strcmp(name, ours[i]) == 0)
			return true;
	for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
		size_t k = strlen(endings[i]);
		if (n > k && strcmp(name + n - k, endings[i]) == 0)
			return true;
	}
	return name[0] == '.';
}

static enum err refuse_stranger(struct journal *j, const char *name, struct text *why)
{
	(void)j;
	if (is_known(name))
		return ERR_OK;
	text_puts(why, "the data directory holds something else, such as ");
	text_put_printable(why, slice_str(name));
	text_puts(why, ", and no store: name an empty one");
	return ERR_CORRUPT;
}

static enum err notice_store(struct journal *j, const char *name, struct text *why)
{
	(void)j, (void)why;
	return strcmp(name, PATH_STORE) == 0 ? ERR_EXISTS : ERR_OK;
}

/* Before anything is written: not even a lock may be left in the directory of somebody else. */
static enum err refuse_foreign(struct journal *j, struct text *why)
{
	must(!j->has_lock);
	enum err e = each(j, ".", notice_store, why);
	if (e == ERR_OK)
		return each(j, ".", refuse_stranger, why);
	return e == ERR_EXISTS ? ERR_OK : e;
}

static enum err refuse_orphan(struct journal *j, const char *name, struct text *why)
{
	(void)j;
	text_putf(why, "the file %s is missing, but there is %s: restore it from a copy",
		  PATH_STORE, name);
	return ERR_CORRUPT;
}

static enum err make_dir(struct journal *j, const char *dir)
{
	enum err e = j->disk->ops->make_dir(j->disk, dir);
	return e == ERR_EXISTS ? ERR_OK : e;
}

static enum err make_files(struct journal *j)
{
	must(j->setup.store_id != 0 && j->store.file < 0);
	struct head h = {
		.kind = HEAD_STORE,
		.store = j->setup.store_id,
		.cluster = j->setup.cluster_id,
		.wall_ms = j->setup.wall_ms,
		.end = CHECKPOINT_FILE_AT,
	};
	TRY(make_dir(j, PATH_SEGMENTS));
	TRY(make_dir(j, PATH_CHECKPOINTS));
	TRY(make_dir(j, PATH_SPILLS));
	TRY(store_make(j->disk, &h));
	return j->disk->ops->sync_dir(j->disk, ".");
}

static enum err make_store(struct journal *j, struct text *why)
{
	must(j->store.file < 0);
	TRY(each(j, PATH_SEGMENTS, refuse_orphan, why));
	TRY(each(j, PATH_CHECKPOINTS, refuse_orphan, why));
	j->is_new = true;
	enum err e = make_files(j);
	if (e == ERR_OK)
		e = store_open(j->disk, DISK_READ | DISK_WRITE, &j->store, why);
	if (e != ERR_OK)
		text_putf(why, "the data directory cannot be made: %s", j->disk->ops->why(j->disk));
	return e;
}

/* ---- an old one ------------------------------------------------------------------------- */

/* read_head reads the head of a segment file and its length. */
static enum err read_head(struct journal *j, const struct path *p, struct head *out_h,
			  uint64_t *out_bytes)
{
	const struct disk_ops *ops = j->disk->ops;
	uint8_t bytes[HEAD_BYTES];
	size_t n = 0;
	int file;
	must(p->z[0] != '\0');
	TRY(ops->open(j->disk, p->z, DISK_READ, &file));
	enum err e = ops->read(j->disk, file, 0, bytes, sizeof bytes, &n);
	if (e == ERR_OK)
		e = ops->size(j->disk, file, out_bytes);
	ops->close(j->disk, file);
	if (e != ERR_OK)
		return e;
	e = head_get(slice_of(bytes, n), HEAD_SEGMENT, out_h);
	return e == ERR_MORE || e == ERR_NOT_FOUND ? ERR_CORRUPT : e;
}

static enum err look_segment(struct journal *j, const char *name, struct text *why)
{
	uint32_t number;
	struct head h = { 0 };
	uint64_t bytes = 0;
	struct segment *seg;
	must(j->store_id != 0);
	if (!path_number(PATH_SEGMENT, name, &number))
		return ERR_OK;
	struct path p = path_of(PATH_SEGMENT, number);
	enum err e = read_head(j, &p, &h, &bytes);
	const char *what = NULL;
	if (e == ERR_CORRUPT)
		what = "its head is damaged: " JOURNAL_MEND;
	else if (e == ERR_NOT_IMPLEMENTED)
		what = "it has a format that this build does not know: start the version that "
		       "wrote it";
	else if (e != ERR_OK)
		what = j->disk->ops->why(j->disk);
	else if (h.store != j->store_id || h.cluster != j->cluster_id)
		what = "it belongs to another store: move it out of the data directory";
	else if (h.number != number)
		what = "its head names another segment: " JOURNAL_MEND;
	if (what) {
		text_putf(why, "%s: %s", p.z, what);
		return e == ERR_OK ? ERR_CORRUPT : e;
	}
	bool is_needed = number >= loc_segment(j->store.slot[0].floor) ||
			 (j->store.has_slot[1] && number >= loc_segment(j->store.slot[1].floor));
	TRY(segments_add(&j->segments, j->mem, number, is_needed, &seg));
	seg->file_bytes = bytes;
	seg->is_closed = true;
	atomic_store_explicit(&seg->end, (uint32_t)min_u64(bytes, UINT32_MAX),
			      memory_order_relaxed);
	j->recover.sum.segments_n++;
	return ERR_OK;
}

/* load takes the newest checkpoint that is whole. */
static enum err load(struct journal *j, struct text *why)
{
	struct filebuf f;
	must(j->store.has_slot[0] && j->checkpoint.file < 0);
	TRY(filebuf_init(&f, j->disk, j->mem, checkpoint_buffer_bytes(&j->store.slot[0])));
	enum err e = checkpoint_load(j, &j->store.slot[0], &f, why);
	if ((e == ERR_CORRUPT || e == ERR_NOT_FOUND) && j->store.has_slot[1]) {
		text_puts(why, "; ");
		e = checkpoint_load(j, &j->store.slot[1], &f, why);
		if (e == ERR_OK)
			text_puts(why, "the one before it is used, nothing is lost");
	} else if (e == ERR_OK && j->store.has_slot[1]) {
		j->checkpoint.before = j->store.slot[1];
	}
	filebuf_fini(&f, j->mem);
	if (e == ERR_NOT_FOUND)
		e = ERR_CORRUPT;
	if (e == ERR_CORRUPT)
		text_puts(why, ": " JOURNAL_MEND);
	return e;
}

/* ---- leftovers -------------------------------------------------------------------------- */

static enum err remove_new(struct journal *j, const char *name, struct text *why)
{
	uint32_t number;
	(void)why;
	if (!path_number(PATH_SEGMENT_NEW, name, &number))
		return ERR_OK;
	struct path p = path_of(PATH_SEGMENT_NEW, number);
	return j->disk->ops->remove(j->disk, p.z);
}

static enum err remove_checkpoint(struct journal *j, const char *name, struct text *why)
{
	uint32_t number;
	const struct checkpoint *c = &j->checkpoint;
	must(c->now.file != c->before.file || c->now.end >= c->before.end);
	(void)why;
	if (!path_number(PATH_CHECKPOINT, name, &number) || number == c->now.file ||
	    number == c->before.file)
		return ERR_OK;
	struct path p = path_of(PATH_CHECKPOINT, number);
	return j->disk->ops->remove(j->disk, p.z);
}

static enum err remove_spill(struct journal *j, const char *name, struct text *why)
{
	(void)why;
	struct path p = path_in(PATH_SPILL, name);
	return j->disk->ops->remove(j->disk, p.z);
}

/* at_file puts the file's path before the sentence that its failure is going to be. */
static enum err at_file(enum err e, const char *path, struct text *why)
{
	if (e != ERR_OK)
		text_putf(why, "%s: ", path);
	return e;
}

static enum err sync_checkpoint(struct journal *j, struct text *why)
{
	if (j->checkpoint.file < 0)
		return ERR_OK;
	struct path p = path_of(PATH_CHECKPOINT, (uint32_t)j->checkpoint.now.file);
	return at_file(j->disk->ops->sync(j->disk, j->checkpoint.file), p.z, why);
}

/* settle removes what a crash has left, and makes durable what was read: a process that was killed
 * may have left names and bytes that were never synced. */
static enum err settle(struct journal *j, struct text *why)
{
	const struct disk_ops *ops = j->disk->ops;
	must(j->has_lock && !j->writer.active);
	TRY(each(j, PATH_SEGMENTS, remove_new, why));
	TRY(each(j, PATH_CHECKPOINTS, remove_checkpoint, why));
	TRY(make_dir(j, PATH_SPILLS));
	TRY(each(j, PATH_SPILLS, remove_spill, why));
	if (ABLATED(tail_sync) || j->is_new)
		return ERR_OK;
	enum err e = store_write(j->disk, j->store.file, &j->checkpoint.now);
	TRY(at_file(e, PATH_STORE, why));
	TRY(sync_checkpoint(j, why));
	TRY(ops->sync_dir(j->disk, PATH_SEGMENTS));
	TRY(ops->sync_dir(j->disk, PATH_CHECKPOINTS));
	return ops->sync_dir(j->disk, ".");
}

/* ---- open ------------------------------------------------------------------------------- */

static enum err take_lock(struct journal *j, struct text *why)
{
	must(!j->has_lock);
	enum err e = j->disk->ops->lock(j->disk, PATH_LOCK);
	const char *said = e == ERR_OK ? "" : j->disk->ops->why(j->disk);
	if (e == ERR_BUSY)
		text_putf(why, "the data directory is %s: stop that, or name another one", said);
	else if (e != ERR_OK)
		text_putf(why, "the data directory cannot be locked: %s", said);
	j->has_lock = e == ERR_OK;
	return e;
}

static enum err take_store(struct journal *j, struct text *why)
{
	must(j->has_lock);
	enum err e = store_open(j->disk, DISK_READ | DISK_WRITE, &j->store, why);
	if (e == ERR_NOT_FOUND)
		e = make_store(j, why);
	else if (e != ERR_OK && e != ERR_CORRUPT && e != ERR_NOT_IMPLEMENTED)
		text_putf(why, "%s: %s", PATH_STORE, j->disk->ops->why(j->disk));
	if (e != ERR_OK)
		return e;
	j->store_id = j->store.slot[0].store;
	j->cluster_id = j->store.slot[0].cluster;
	return ERR_OK;
}

static enum err open_all(struct journal *j, struct text *why)
{
	must(!j->has_lock);
	TRY(refuse_foreign(j, why));
	TRY(take_lock(j, why));
	TRY(take_store(j, why));
	TRY(each(j, PATH_SEGMENTS, look_segment, why));
	return load(j, why);
}

static enum err look_free(struct journal *j)
{
	uint64_t bytes = 0;
	TRY(j->disk->ops->free_bytes(j->disk, &bytes));
	atomic_store_explicit(&j->free_bytes, bytes, memory_order_relaxed);
	return ERR_OK;
}

static enum err init(struct journal *j, const struct journal_setup *s)
{
	must(s->disk != NULL && s->mem != NULL && s->loop_mem != NULL);
	memset(j, 0, sizeof *j);
	j->disk = s->disk;
	j->mem = s->mem;
	j->setup = *s;
	j->setup.loop_mem = NULL;
	j->setup.segment_bytes -= j->setup.segment_bytes % SEGMENT_DATA_AT;
	j->store.file = -1;
	j->recover.buf.file = -1;
	reader_init(&j->reader);
	checkpoint_init(&j->checkpoint);
	spsc_init(&j->ready, j->segment_slots, SEGMENT_RING);
	spsc_init(&j->closed, j->segment_slots + SEGMENT_RING, SEGMENT_RING);
	TRY(segments_init(&j->segments, j->mem));
	j->loops = mem_get(j->mem, s->loops_n * sizeof *j->loops, "journal loops");
	if (!j->loops)
		return ERR_LIMIT;
	for (uint32_t l = 0; l < s->loops_n; l++)
		jloop_init(&j->loops[l], l, s);
	j->loops_n = s->loops_n;
	return ERR_OK;
}

enum err journal_open(const struct journal_setup *s, struct journal **out_j, struct text *why)
{
	must(s->loops_n > 0 && s->loops_n <= LIMIT_LOOPS_MAX && s->store_id != 0);
	must(s->segment_bytes >= 65536 && s->segment_bytes < UINT32_MAX / 2);
	struct journal *j = mem_get(s->mem, sizeof *j, "journal");
	if (!j)
		return ERR_LIMIT;
	enum err e = init(j, s);
	if (e == ERR_OK)
		e = open_all(j, why);
	if (e == ERR_OK)
		e = look_free(j);
	if (e != ERR_OK) {
		journal_close(j);
		return e;
	}
	j->recover.sum.checkpoint = j->checkpoint.now.number;
	*out_j = j;
	return ERR_OK;
}

/* ---- the end of recovery ---------------------------------------------------------------- */

/* sort_out finds the segments that no commit was ever begun in, as far as one can tell. They may
 * hold a part of one, so they are not begun under their numbers. */
static enum err sort_out(struct journal *j)
{
	must(j->ahead.spares_n == 0);
	uint32_t tail = loc_segment(j->recover.last_loc);
	struct segment *seg;
	for (uint32_t at = 0; (seg = segments_each(&j->segments, &at)) != NULL;)
		if (seg->number > tail)
			TRY(ahead_spare(j, seg));
	return ERR_OK;
}

/* rewrite_at writes the last commit once more, and syncs it. */
static enum err rewrite_at(struct journal *j, int file, uint32_t at)
{
	struct recover *r = &j->recover;
	must(at >= SEGMENT_DATA_AT && r->last.records_n > 0);
	struct slice s;
	filebuf_turn_to(&r->buf, file);
	TRY(filebuf_get(&r->buf, at, commit_space(r->last.bytes), &s));
	TRY(j->disk->ops->write(j->disk, file, at, &s, 1));
	return j->disk->ops->sync(j->disk, file);
}

/* secure_tail makes the last commit durable, of which nothing says that it is. A sync alone would
 * not do: had a sync failed before the process ended, the system may take the pages for clean. A
 * seal may be lost. */
static enum err secure_tail(struct journal *j, struct text *why)
{
	struct recover *r = &j->recover;
	must_if(r->last.records_n > 0, r->last_loc != 0);
	if (r->last.records_n == 0 || ABLATED(tail_sync))
		return ERR_OK;
	struct path p = path_of(PATH_SEGMENT, loc_segment(r->last_loc));
	int file;
	TRY(j->disk->ops->open(j->disk, p.z, DISK_READ | DISK_WRITE, &file));
	enum err e = rewrite_at(j, file, loc_offset(r->last_loc));
	j->disk->ops->close(j->disk, file);
	return at_file(e, p.z, why);
}

static enum err go_on(struct journal *j, struct text *why)
{
	struct recover *r = &j->recover;
	must(r->is_ended);
	TRY(secure_tail(j, why));
	recover_fini(r, j->mem);
	reader_fini(j); /* what recovery has read is read no more */
	TRY(sort_out(j));
	writer_init(&j->writer, &r->last, r->last_loc);
	atomic_store_explicit(&j->durable_loc, r->last_loc, memory_order_relaxed);
	TRY(ahead_begin(j));
	keeper_tell(j);
	return ERR_OK;
}

enum err journal_recovered(struct journal *j, struct text *why)
{
	struct recover *r = &j->recover;
	must(r->is_begun && !r->seg && !r->is_ended);
	if (r->buf.file >= 0)
		j->disk->ops->close(j->disk, r->buf.file);
	filebuf_turn_to(&r->buf, -1);
	uint32_t missing = atomic_load_explicit(&r->missing, memory_order_relaxed);
	if (missing) {
		struct path p = path_of(PATH_SEGMENT, missing);
		text_putf(why, "%s is missing, and messages are in it: restore it from a copy",
			  p.z);
		return ERR_CORRUPT;
	}
	r->is_ended = true;
	enum err e = settle(j, why);
	if (e == ERR_OK)
		e = go_on(j, why);
	if (e != ERR_OK)
		text_putf(why, "the journal cannot go on: %s", j->disk->ops->why(j->disk));
	return e;
}
