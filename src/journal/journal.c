#include "journal/journal.h"

#include "base/text.h"
#include "journal/state.h"

enum err journal_break(struct journal *j, enum err e, const char *what, const struct path *p,
		       uint64_t at)
{
	must(e != ERR_OK);
	if (atomic_exchange(&j->is_breaking, true))
		return e;
	struct text t = text_of(j->why, sizeof j->why);
	text_putf(&t, "%s: %s at byte %llu failed: %s", p->z, what, (unsigned long long)at,
		  j->disk->ops->why(j->disk));
	atomic_store_explicit(&j->broken, e, memory_order_release);
	return e;
}

const char *journal_why(const struct journal *j)
{
	must_if(journal_broken(j) != ERR_OK, j->why[0] != '\0');
	return journal_broken(j) == ERR_OK ? "" : j->why;
}

static void close_file(struct journal *j, int *file)
{
	must(j->disk != NULL);
	if (*file >= 0)
		j->disk->ops->close(j->disk, *file);
	*file = -1;
}

static void close_segments(struct journal *j)
{
	must(j->disk != NULL);
	struct segment *seg;
	for (uint32_t at = 0; (seg = segments_each(&j->segments, &at)) != NULL;)
		close_file(j, &seg->file);
}

void journal_close(struct journal *own_j)
{
	struct journal *j = own_j;
	if (!j)
		return;
	if (j->recover.is_ended && journal_broken(j) == ERR_OK)
		writer_seal(j);
	for (uint32_t l = 0; l < j->loops_n; l++)
		jloop_fini(&j->loops[l], j->disk);
	mem_put(j->mem, j->loops, j->setup.loops_n * sizeof *j->loops);
	if (!j->recover.is_ended)
		close_file(j, &j->recover.buf.file);
	recover_fini(&j->recover, j->mem);
	reader_fini(j);
	checkpoint_fini(j);
	if (atomic_load_explicit(&j->segments.slots, memory_order_relaxed)) {
		close_segments(j);
		segments_fini(&j->segments, j->mem);
	}
	close_file(j, &j->store.file);
	if (j->has_lock)
		j->disk->ops->unlock(j->disk);
	mem_put(j->mem, j, sizeof *j);
}

uint64_t journal_appended(const struct journal *j)
{
	return atomic_load_explicit(&j->appended, memory_order_relaxed);
}

uint64_t journal_free_bytes(const struct journal *j)
{
	return atomic_load_explicit(&j->free_bytes, memory_order_relaxed);
}

uint64_t journal_store_id(const struct journal *j)
{
	return j->store_id;
}

struct journal_recovery journal_recovery(const struct journal *j)
{
	must_if(j->recover.is_ended, j->store_id != 0);
	return j->recover.sum;
}

void journal_dump(const struct journal *j, struct text *out)
{
	must(j->recover.is_ended);
	uint64_t newest = atomic_load_explicit(&j->durable_loc, memory_order_relaxed);
	text_putf(out, "store: %016llx\nsegments: %u\nnewest: %u:%u\nappended_bytes: %llu\n",
		  (unsigned long long)j->store_id,
		  atomic_load_explicit(&j->told.segments_n, memory_order_relaxed),
		  loc_segment(newest), loc_offset(newest), (unsigned long long)journal_appended(j));
	text_putf(out, "free_disk_bytes: %llu\ncheckpoints: %llu\ncheckpoints_failed: %llu\n",
		  (unsigned long long)journal_free_bytes(j),
		  (unsigned long long)journal_checkpoint_done(j),
		  (unsigned long long)journal_checkpoint_failed(j));
	text_putf(
		out, "checkpoint: %llu\ncheckpoint_units: %u\ncheckpoint_bytes: %llu\n",
		(unsigned long long)atomic_load_explicit(&j->told.checkpoint, memory_order_relaxed),
		atomic_load_explicit(&j->told.units_n, memory_order_relaxed),
		(unsigned long long)atomic_load_explicit(&j->told.unit_bytes,
							 memory_order_relaxed));
	int64_t live_n = 0, live_bytes = 0;
	struct segment *seg;
	for (uint32_t at = 0; (seg = segments_each(&j->segments, &at)) != NULL;) {
		live_n += atomic_load_explicit(&seg->live_count, memory_order_relaxed);
		live_bytes += atomic_load_explicit(&seg->live_bytes, memory_order_relaxed);
	}
	text_putf(out, "live_messages: %lld\nlive_bytes: %lld\n", (long long)live_n,
		  (long long)live_bytes);
	text_putf(out, "broken: %s\n", journal_why(j));
}
