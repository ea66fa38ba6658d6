#include "journal/spill.h"

#include "journal/state.h"

#define FILES_BYTES (SPILL_FILES_MAX * sizeof(struct spill_file))
#define COUNT_BITS  24
#define COUNT_MASK  ((1u << COUNT_BITS) - 1)

_Static_assert(LIMIT_LOOPS_MAX < 1 << (32 - COUNT_BITS), "a number names its loop");

void spill_init(struct spill *s)
{
	atomic_init(&s->files, NULL);
	s->count = 0;
	s->file = -1;
}

void spill_fini(struct spill *s, struct mem *mem, struct disk *d)
{
	must(mem != NULL && d != NULL);
	if (s->file >= 0)
		d->ops->close(d, s->file);
	mem_put(mem, atomic_load_explicit(&s->files, memory_order_acquire), FILES_BYTES);
	spill_init(s);
}

static struct spill_file *slot_of(struct spill_file *files, uint32_t number)
{
	must(files != NULL && number != 0);
	return &files[number % SPILL_FILES_MAX];
}

/* file_of finds a spill file by number, whosever it is; NULL: there is none. */
static struct spill_file *file_of(struct journal *j, uint32_t number)
{
	must(number != 0);
	uint32_t loop = (number >> COUNT_BITS) - 1;
	if (loop >= j->loops_n)
		return NULL;
	struct spill *s = &j->loops[loop].spill;
	struct spill_file *files = atomic_load_explicit(&s->files, memory_order_acquire);
	struct spill_file *f = files ? slot_of(files, number) : NULL;
	return f && atomic_load_explicit(&f->number, memory_order_acquire) == number ? f : NULL;
}

static enum err files_ready(struct spill *s, struct mem *mem)
{
	if (atomic_load_explicit(&s->files, memory_order_relaxed))
		return ERR_OK;
	struct spill_file *files = mem_get(mem, FILES_BYTES, "spill files");
	if (!files)
		return ERR_LIMIT;
	for (uint32_t i = 0; i < SPILL_FILES_MAX; i++) {
		atomic_init(&files[i].number, 0);
		atomic_init(&files[i].is_closed, false);
		atomic_init(&files[i].live_bytes, 0);
		atomic_init(&files[i].end, 0);
	}
	atomic_store_explicit(&s->files, files, memory_order_release);
	return ERR_OK;
}

/* begin opens the next file of a loop. ERR_LIMIT: all slots still hold something. */
static enum err begin(struct journal *j, uint32_t loop)
{
	must(loop < j->loops_n);
	struct spill *s = &j->loops[loop].spill;
	must(s->file < 0);
	uint32_t number = (loop + 1) << COUNT_BITS | ((s->count + 1) & COUNT_MASK);
	struct spill_file *f = slot_of(atomic_load_explicit(&s->files, memory_order_relaxed),
				       number);
	if (atomic_load_explicit(&f->number, memory_order_acquire) != 0)
		return ERR_LIMIT;
	struct path p = path_of(PATH_SPILL, number);
	int file;
	TRY(j->disk->ops->open(j->disk, p.z, DISK_READ | DISK_WRITE | DISK_CREATE, &file));
	s->file = file;
	s->count++;
	atomic_store_explicit(&f->is_closed, false, memory_order_relaxed);
	atomic_store_explicit(&f->live_bytes, 0, memory_order_relaxed);
	atomic_store_explicit(&f->end, 0, memory_order_relaxed);
	atomic_store_explicit(&f->number, number, memory_order_release);
	return ERR_OK;
}

static struct spill_file *open_file(struct journal *j, uint32_t loop)
{
	struct spill *s = &j->loops[loop].spill;
	must(s->file < 0 || s->count > 0);
	return s->file < 0 ? NULL : file_of(j, (loop + 1) << COUNT_BITS | (s->count & COUNT_MASK));
}

static void give_garbage(struct journal *j)
{
	atomic_store_explicit(&j->has_spill_garbage, true, memory_order_release);
	keeper_give_work(j);
}

static void finish(struct journal *j, struct spill *s, struct spill_file *f)
{
	must(s->file >= 0 && f != NULL);
	j->disk->ops->close(j->disk, s->file);
	s->file = -1;
	atomic_store_explicit(&f->is_closed, true, memory_order_release);
	give_garbage(j);
}

/* room_for gives the open file with room for `n` bytes, beginning one if it must. */
static enum err room_for(struct journal *j, uint32_t loop, size_t n, struct spill_file **out_f)
{
	struct spill *s = &j->loops[loop].spill;
	must(n > 0 && n <= j->setup.segment_bytes);
	TRY(files_ready(s, j->loops[loop].mem));
	struct spill_file *f = open_file(j, loop);
	uint32_t end = f ? atomic_load_explicit(&f->end, memory_order_relaxed) : 0;
	bool is_wasted = f && end > j->setup.segment_bytes / 64 &&
			 atomic_load_explicit(&f->live_bytes, memory_order_acquire) == 0;
	if (f && (is_wasted || end + n > j->setup.segment_bytes)) {
		finish(j, s, f);
		f = NULL;
	}
	if (!f) {
		TRY(begin(j, loop));
		f = open_file(j, loop);
	}
	*out_f = f;
	return ERR_OK;
}

enum err journal_spill(struct journal *j, uint32_t loop, struct slice bytes, uint64_t *out_loc)
{
	must(loop < j->loops_n && bytes.n > 0);
	struct spill *s = &j->loops[loop].spill;
	struct spill_file *f;
	if (bytes.n > j->setup.segment_bytes)
		return ERR_LIMIT;
	TRY(room_for(j, loop, bytes.n, &f));
	uint32_t end = atomic_load_explicit(&f->end, memory_order_relaxed);
	TRY(j->disk->ops->write(j->disk, s->file, end, &bytes, 1));
	*out_loc = loc_of(atomic_load_explicit(&f->number, memory_order_relaxed), end);
	atomic_fetch_add_explicit(&f->live_bytes, (int64_t)bytes.n, memory_order_relaxed);
	atomic_store_explicit(&f->end, end + (uint32_t)bytes.n, memory_order_release);
	return ERR_OK;
}

void journal_spill_free(struct journal *j, uint64_t loc, uint32_t bytes)
{
	struct spill_file *f = file_of(j, loc_segment(loc));
	must(f != NULL);
	int64_t was = atomic_fetch_sub_explicit(&f->live_bytes, bytes, memory_order_acq_rel);
	must(was >= bytes);
	if (was == bytes && atomic_load_explicit(&f->is_closed, memory_order_acquire))
		give_garbage(j);
}

uint32_t spill_end(struct journal *j, uint32_t number)
{
	must(number != 0);
	struct spill_file *f = file_of(j, number);
	return f ? atomic_load_explicit(&f->end, memory_order_acquire) : 0;
}

static bool is_done_with(struct spill_file *f)
{
	return atomic_load_explicit(&f->number, memory_order_acquire) != 0 &&
	       atomic_load_explicit(&f->is_closed, memory_order_acquire) &&
	       atomic_load_explicit(&f->live_bytes, memory_order_acquire) == 0;
}

static bool sweep_loop(struct journal *j, struct spill_file *files)
{
	must(j->setup.segment_bytes > 0);
	for (uint32_t i = 0; files && i < SPILL_FILES_MAX; i++) {
		struct spill_file *f = &files[i];
		if (!is_done_with(f))
			continue;
		uint32_t number = atomic_load_explicit(&f->number, memory_order_relaxed);
		struct path p = path_of(PATH_SPILL, number);
		reader_forget(j, number, true);
		(void)j->disk->ops->remove(j->disk, p.z);
		atomic_store_explicit(&f->number, 0, memory_order_release);
		return true;
	}
	return false;
}

bool spill_sweep(struct journal *j)
{
	if (!atomic_exchange(&j->has_spill_garbage, false))
		return false;
	for (uint32_t l = 0; l < j->loops_n; l++) {
		struct spill *s = &j->loops[l].spill;
		while (sweep_loop(j, atomic_load_explicit(&s->files, memory_order_acquire))) {
		}
	}
	return true;
}
