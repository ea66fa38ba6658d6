#include "journal/ahead.h"

#include "base/ablate.h"
#include "journal/state.h"

static const uint8_t zeros[65536];

_Static_assert(AHEAD_PIECE_BYTES % sizeof zeros == 0 &&
		       AHEAD_PIECE_BYTES / sizeof zeros <= DISK_PARTS_MAX,
	       "a piece is one write");
_Static_assert(AHEAD_SYNC_BYTES % AHEAD_PIECE_BYTES == 0, "syncs fall between pieces");

/* put_head makes a file, whose name ends in .new, segment `seg`: head and name are durable then. */
static enum err put_head(struct journal *j, struct segment *seg)
{
	const struct disk_ops *ops = j->disk->ops;
	struct path from = path_of(PATH_SEGMENT_NEW, seg->number);
	struct path to = path_of(PATH_SEGMENT, seg->number);
	must(seg->file >= 0 && !seg->is_closed);
	struct head h = {
		.kind = HEAD_SEGMENT,
		.store = j->store_id,
		.cluster = j->cluster_id,
		.number = seg->number,
		.wall_ms = j->setup.wall_ms,
		.end = j->setup.segment_bytes,
	};
	uint8_t bytes[HEAD_BYTES];
	head_put(bytes, &h);
	struct slice part = { bytes, sizeof bytes };
	TRY(ops->write(j->disk, seg->file, 0, &part, 1));
	TRY(ops->sync(j->disk, seg->file));
	TRY(ops->rename(j->disk, from.z, to.z));
	return ops->sync_dir(j->disk, PATH_SEGMENTS);
}

/* open_new opens the file of `seg` under its first name: a recycled one, or a new one. */
static enum err open_new(struct journal *j, struct segment *seg)
{
	struct ahead *a = &j->ahead;
	const struct disk_ops *ops = j->disk->ops;
	struct path name = path_of(PATH_SEGMENT_NEW, seg->number);
	unsigned how = DISK_READ | DISK_WRITE;
	must(a->spares_n <= AHEAD_SPARES && seg->file < 0);
	if (a->spares_n > 0) {
		struct segment *spare = a->spare[a->spares_n - 1];
		struct path old = path_of(PATH_SEGMENT, spare->number);
		reader_forget(j, spare->number, false);
		TRY(ops->rename(j->disk, old.z, name.z));
		a->spares_n--;
		segments_remove(&j->segments, j->mem, spare);
		TRY(ops->sync_dir(j->disk, PATH_SEGMENTS));
	} else {
		how |= DISK_CREATE;
	}
	return ops->open(j->disk, name.z, how, &seg->file);
}

static void drop(struct journal *j, struct segment *own_seg)
{
	must(own_seg != j->ahead.made);
	if (own_seg->file >= 0) {
		struct path name = path_of(PATH_SEGMENT_NEW, own_seg->number);
		j->disk->ops->close(j->disk, own_seg->file);
		(void)j->disk->ops->remove(j->disk, name.z);
		own_seg->file = -1;
	}
	segments_remove(&j->segments, j->mem, own_seg);
}

/* make begins the next segment: after it, ahead.made has a durable head and name. */
static enum err make(struct journal *j)
{
	struct ahead *a = &j->ahead;
	struct segment *seg;
	ahead_check(a);
	must(a->made == NULL);
	TRY(segments_add_next(&j->segments, j->mem, &seg));
	enum err e = open_new(j, seg);
	if (e == ERR_OK)
		e = put_head(j, seg);
	if (e == ERR_OK)
		e = j->disk->ops->size(j->disk, seg->file, &seg->file_bytes);
	if (e != ERR_OK) {
		drop(j, seg);
		return e;
	}
	atomic_store_explicit(&seg->end, SEGMENT_DATA_AT, memory_order_relaxed);
	a->made = seg;
	a->zeroed = max_u64(seg->file_bytes, SEGMENT_DATA_AT);
	return ERR_OK;
}

void ahead_check(const struct ahead *a)
{
	must(a->spares_n <= AHEAD_SPARES);
	for (uint32_t i = 0; i < a->spares_n; i++)
		must(a->spare[i]->is_closed && a->spare[i]->file < 0);
	must_if(a->made != NULL, a->made->file >= 0 && !a->made->is_closed);
	must_if(a->made != NULL, a->zeroed >= SEGMENT_DATA_AT);
}

static void hand_over(struct journal *j)
{
	struct ahead *a = &j->ahead;
	must(a->made != NULL && a->made->file >= 0);
	bool is_in = spsc_push(&j->ready, a->made);
	must(is_in);
	a->made = NULL;
	atomic_store_explicit(&j->writer_has_work, true, memory_order_release);
}

/* write_through writes the next piece of zeros; synced now and then, so that no sync of the
 * writer's has to wait for all of it. */
static enum err write_through(struct journal *j)
{
	struct ahead *a = &j->ahead;
	must(a->zeroed >= SEGMENT_DATA_AT && a->zeroed < j->setup.segment_bytes);
	uint64_t n = min_u64(AHEAD_PIECE_BYTES, j->setup.segment_bytes - a->zeroed);
	struct slice parts[AHEAD_PIECE_BYTES / sizeof zeros];
	uint32_t parts_n = 0;
	for (uint64_t left = n; left > 0; left -= parts[parts_n++].n)
		parts[parts_n] = slice_of(zeros, (size_t)min_u64(left, sizeof zeros));
	TRY(j->disk->ops->write(j->disk, a->made->file, a->zeroed, parts, parts_n));
	a->zeroed += n;
	a->made->file_bytes = a->zeroed;
	if (a->zeroed % AHEAD_SYNC_BYTES != 0 && a->zeroed != j->setup.segment_bytes)
		return ERR_OK;
	atomic_store_explicit(&j->look_free, true, memory_order_relaxed);
	return j->disk->ops->sync(j->disk, a->made->file);
}

/* full: the disk has no room. What is there must do; the writer alone cannot go on without. */
static enum err full(struct journal *j, struct segment *made)
{
	struct ahead *a = &j->ahead;
	must(made == a->made);
	if (made) {
		hand_over(j);
		return ERR_OK;
	}
	if (atomic_load_explicit(&j->writer_waits, memory_order_acquire)) {
		struct path p = path_in(PATH_SEGMENT, "");
		return journal_break(j, ERR_NO_SPACE, "make a segment", &p, 0);
	}
	a->retry_at = journal_appended(j) + AHEAD_PIECE_BYTES;
	return ERR_OK;
}

static enum err step(struct journal *j, bool is_hurry)
{
	struct ahead *a = &j->ahead;
	struct segment *made = a->made;
	must_if(made, made->file >= 0);
	if (made && (is_hurry || a->zeroed >= j->setup.segment_bytes)) {
		hand_over(j);
		return ERR_OK;
	}
	enum err e = made ? write_through(j) : make(j);
	if (e == ERR_OK)
		return ERR_OK;
	if (e == ERR_NO_SPACE)
		return full(j, made);
	struct path p = path_in(PATH_SEGMENT, "");
	return journal_break(j, e, "make a segment", &p, 0);
}

/* The writer waits for the next segment, or soon will. */
static bool is_hurry(const struct journal *j)
{
	uint64_t used = atomic_load_explicit(&j->active_used, memory_order_relaxed);
	must(used <= j->setup.segment_bytes);
	return atomic_load_explicit(&j->writer_waits, memory_order_acquire) ||
	       used >= j->setup.segment_bytes / 4 * 3;
}

/* Zeros may take of the disk's room, as it was when somebody last looked, what leaves a segment's:
 * the rest is for the log. */
static bool has_room(const struct journal *j)
{
	const uint64_t all = j->setup.segment_bytes, done = min_u64(j->ahead.zeroed, all);
	must(j->ahead.made != NULL);
	return !atomic_load_explicit(&j->is_space_short, memory_order_acquire) &&
	       journal_free_bytes(j) >= all - done + all;
}

bool ahead_is_due(struct journal *j)
{
	const struct ahead *a = &j->ahead;
	uint64_t used = atomic_load_explicit(&j->active_used, memory_order_relaxed);
	if (a->made)
		return is_hurry(j) || has_room(j);
	if (!spsc_is_empty(&j->ready))
		return false;
	return atomic_load_explicit(&j->writer_waits, memory_order_acquire) ||
	       (used >= j->setup.segment_bytes / 4 && journal_appended(j) >= a->retry_at);
}

bool ahead_step(struct journal *j, enum err *out_err)
{
	ahead_check(&j->ahead);
	if (!ahead_is_due(j))
		return false;
	*out_err = step(j, is_hurry(j));
	return true;
}

enum err ahead_begin(struct journal *j)
{
	must(j->recover.is_ended);
	TRY(make(j));
	hand_over(j);
	return ERR_OK;
}

/* give_back gives the file's room to the disk, and has somebody look how much there is now. */
static enum err give_back(struct journal *j, struct segment *own_seg)
{
	struct path p = path_of(PATH_SEGMENT, own_seg->number);
	must(own_seg->is_closed && own_seg->file < 0);
	reader_forget(j, own_seg->number, false);
	enum err e = j->disk->ops->remove(j->disk, p.z);
	segments_remove(&j->segments, j->mem, own_seg);
	if (atomic_load_explicit(&j->is_space_short, memory_order_relaxed))
		atomic_store_explicit(&j->look_free, true, memory_order_relaxed);
	return e;
}

enum err ahead_spare(struct journal *j, struct segment *own_seg)
{
	struct ahead *a = &j->ahead;
	must(own_seg->file < 0);
	if (a->spares_n == AHEAD_SPARES ||
	    atomic_load_explicit(&j->is_space_short, memory_order_relaxed))
		return give_back(j, own_seg);
	a->spare[a->spares_n++] = own_seg;
	return ERR_OK;
}

bool ahead_has_too_much(struct journal *j)
{
	must(j->ahead.spares_n <= AHEAD_SPARES);
	return j->ahead.spares_n > 0 &&
	       atomic_load_explicit(&j->is_space_short, memory_order_acquire);
}

bool ahead_shrink(struct journal *j, enum err *out_err)
{
	struct ahead *a = &j->ahead;
	if (!ahead_has_too_much(j))
		return false;
	must(a->spares_n > 0);
	struct path p = path_in(PATH_SEGMENT, "");
	enum err e = give_back(j, a->spare[--a->spares_n]);
	if (e != ERR_OK)
		*out_err = journal_break(j, e, "remove", &p, 0);
	return true;
}
