#include "journal/reader.h"

#include "base/text.h"
#include "journal/state.h"

void reader_init(struct reader *r)
{
	*r = (struct reader){ 0 };
}

void reader_check(const struct reader *r)
{
	must(r->want_at <= r->want_n && r->want_n <= READER_GATHER);
	must(r->window_n <= READER_WINDOW_BYTES);
	must_if(r->window_n > 0, r->window != NULL && r->window_loc != 0);
	for (uint32_t i = 0; i < READER_FILES; i++)
		must(r->files[i].used <= r->clock);
}

static void close_file(struct journal *j, struct reader_file *f)
{
	must_if(f->number != 0, f->file >= 0);
	if (f->number)
		j->disk->ops->close(j->disk, f->file);
	*f = (struct reader_file){ 0 };
}

void reader_fini(struct journal *j)
{
	struct reader *r = &j->reader;
	must(r->want_n <= READER_GATHER);
	for (uint32_t i = 0; i < READER_FILES; i++)
		close_file(j, &r->files[i]);
	mem_put(j->mem, r->window, READER_WINDOW_BYTES);
	r->window = NULL;
	r->window_n = 0;
}

void reader_forget(struct journal *j, uint32_t number, bool is_spill)
{
	must(number != 0);
	for (uint32_t i = 0; i < READER_FILES; i++) {
		struct reader_file *f = &j->reader.files[i];
		if (f->number == number && f->is_spill == is_spill)
			close_file(j, f);
	}
}

/* file_of opens a file, or gives the handle that is open; the longest unused one makes room. */
static enum err file_of(struct journal *j, uint32_t number, bool is_spill, int *out_file)
{
	struct reader *r = &j->reader;
	struct reader_file *victim = &r->files[0];
	must(number != 0);
	for (uint32_t i = 0; i < READER_FILES; i++) {
		struct reader_file *f = &r->files[i];
		if (f->number == number && f->is_spill == is_spill) {
			f->used = ++r->clock;
			*out_file = f->file;
			return ERR_OK;
		}
		if (f->used < victim->used)
			victim = f;
	}
	close_file(j, victim);
	struct path p = path_of(is_spill ? PATH_SPILL : PATH_SEGMENT, number);
	int file;
	TRY(j->disk->ops->open(j->disk, p.z, DISK_READ, &file));
	*victim = (struct reader_file){ number, is_spill, file, ++r->clock };
	*out_file = file;
	return ERR_OK;
}

/* ---- gathering -------------------------------------------------------------------------- */

static bool is_before(const struct jread *a, const struct jread *b)
{
	must(a->loc != 0 && b->loc != 0);
	if (a->is_spill != b->is_spill)
		return b->is_spill;
	return a->loc < b->loc;
}

/* sort is an insertion sort: what loops ask for comes nearly in order. */
static void sort(struct jread **at, uint32_t n)
{
	must(n <= READER_GATHER);
	for (uint32_t i = 1; i < n; i++) {
		struct jread *r = at[i];
		uint32_t k = i;
		for (; k > 0 && is_before(r, at[k - 1]); k--)
			at[k] = at[k - 1];
		at[k] = r;
	}
}

/* Units are answered at once: bit l = loop l has some. */
static uint64_t gather(struct journal *j)
{
	struct reader *r = &j->reader;
	uint64_t answered = 0;
	must(r->want_at == r->want_n);
	r->want_at = r->want_n = 0;
	for (uint32_t l = 0; l < j->loops_n; l++) {
		uint32_t share = READER_GATHER / j->loops_n;
		struct jread *ask;
		while (share-- > 0 && (ask = spsc_pop(&j->loops[l].asked)) != NULL) {
			if (!ask->is_unit) {
				r->want[r->want_n++] = ask;
				continue;
			}
			checkpoint_answer(j, ask);
			bool is_in = spsc_stage(&j->loops[l].answered, ask);
			must(is_in);
			answered |= UINT64_C(1) << l;
		}
	}
	sort(r->want, r->want_n);
	return answered;
}

/* ---- reading ---------------------------------------------------------------------------- */

/* end_of: the bytes of a file that may be read; 0: no such file. */
static uint32_t end_of(struct journal *j, const struct jread *ask)
{
	uint32_t number = loc_segment(ask->loc);
	must(number != 0);
	if (ask->is_spill)
		return spill_end(j, number);
	const struct segment *seg = segments_find(&j->segments, number);
	return seg ? atomic_load_explicit(&seg->end, memory_order_acquire) : 0;
}

static uint64_t loc_end(const struct jread *ask)
{
	return ask->loc + ask->bytes;
}

static bool in_window(const struct reader *r, const struct jread *ask)
{
	must(r->window_n <= READER_WINDOW_BYTES);
	return r->window_n > 0 && r->window_is_spill == ask->is_spill &&
	       ask->loc >= r->window_loc && loc_end(ask) <= r->window_loc + r->window_n;
}

/* reach: how far to read for the request and those behind it that are near. */
static uint32_t reach(const struct reader *r, const struct jread *first, uint32_t end)
{
	must(end >= loc_offset(first->loc) + first->bytes);
	uint64_t to = loc_end(first), limit = first->loc + READER_WINDOW_BYTES;
	bool is_next = r->window_n > 0 && r->window_is_spill == first->is_spill &&
		       first->loc - r->window_loc <= (uint64_t)r->window_n + READER_GAP_BYTES;
	if (is_next && r->window_given_n >= r->window_n / 4 * 3)
		to = max_u64(to, min_u64(first->loc + 2 * (uint64_t)r->window_n, limit));
	for (uint32_t i = r->want_at + 1; i < r->want_n; i++) {
		const struct jread *ask = r->want[i];
		if (ask->is_spill != first->is_spill || ask->loc > to + READER_GAP_BYTES ||
		    loc_end(ask) > limit)
			break;
		to = max_u64(to, loc_end(ask));
	}
	return (uint32_t)min_u64(to - first->loc, end - loc_offset(first->loc));
}

static enum err read_at(struct journal *j, const struct jread *ask, uint8_t *to, uint32_t n)
{
	int file;
	size_t got = 0;
	must(n >= ask->bytes);
	TRY(file_of(j, loc_segment(ask->loc), ask->is_spill, &file));
	TRY(j->disk->ops->read(j->disk, file, loc_offset(ask->loc), to, n, &got));
	return got == n ? ERR_OK : ERR_CORRUPT;
}

static enum err fill_window(struct journal *j, const struct jread *ask, uint32_t n)
{
	struct reader *r = &j->reader;
	must(n <= READER_WINDOW_BYTES && r->window != NULL);
	r->window_n = 0;
	TRY(read_at(j, ask, r->window, n));
	r->window_loc = ask->loc;
	r->window_is_spill = ask->is_spill;
	r->window_n = n;
	r->window_given_n = 0;
	return ERR_OK;
}

/* answer does one request and adds what was read for it to *read. */
static enum err answer(struct journal *j, const struct jread *ask, uint64_t *read)
{
	struct reader *r = &j->reader;
	must(ask->to != NULL || ask->bytes == 0);
	uint32_t end = end_of(j, ask);
	if (loc_offset(ask->loc) + (uint64_t)ask->bytes > end)
		return ERR_CORRUPT;
	if (!in_window(r, ask)) {
		uint32_t n = reach(r, ask, end);
		*read += n;
		if (n > READER_WINDOW_BYTES)
			return read_at(j, ask, ask->to, ask->bytes);
		if (!r->window)
			r->window = mem_get(j->mem, READER_WINDOW_BYTES, "read window");
		if (!r->window)
			return read_at(j, ask, ask->to, ask->bytes);
		TRY(fill_window(j, ask, n));
	}
	if (ask->bytes)
		memcpy(ask->to, r->window + (ask->loc - r->window_loc), ask->bytes);
	r->window_given_n += ask->bytes;
	return ERR_OK;
}

bool reader_step(struct journal *j, uint64_t *out_wake)
{
	struct reader *r = &j->reader;
	uint64_t read = 0, wake = 0;
	reader_check(r);
	if (r->want_at == r->want_n)
		wake = gather(j);
	if (r->want_n == 0 && !wake)
		return false;
	while (r->want_at < r->want_n && read < READER_STEP_BYTES) {
		struct jread *ask = r->want[r->want_at];
		ask->err = answer(j, ask, &read);
		r->want_at++;
		wake |= UINT64_C(1) << ask->loop;
		bool is_in = spsc_stage(&j->loops[ask->loop].answered, ask);
		must(is_in);
	}
	for (uint64_t left = wake; left; left &= left - 1)
		spsc_publish(&j->loops[bits_lowest(left)].answered);
	*out_wake |= wake;
	return true;
}

/* ---- recovery -------------------------------------------------------------------------- */

enum err journal_recover_read(struct journal *j, uint64_t loc, uint8_t *to, uint32_t bytes,
			      struct text *why)
{
	struct jread ask = { .loc = loc, .bytes = bytes, .to = to };
	uint64_t read = 0;
	must(!j->recover.is_ended && loc != 0);
	enum err e = answer(j, &ask, &read);
	if (e != ERR_OK) {
		struct path p = path_of(PATH_SEGMENT, loc_segment(loc));
		text_putf(why, "%s: a message at byte %u %s%s", p.z, loc_offset(loc),
			  e == ERR_CORRUPT ? "is damaged: " JOURNAL_MEND : "cannot be read: ",
			  e == ERR_CORRUPT ? "" : j->disk->ops->why(j->disk));
	}
	return e;
}

/* ---- the loop's side -------------------------------------------------------------------- */

bool journal_read(struct journal *j, struct jread *r)
{
	must(r->loop < j->loops_n && (r->loc != 0 || r->is_unit));
	struct jloop *l = &j->loops[r->loop];
	if (l->reads_out == JOURNAL_READS)
		return false;
	l->reads_out++;
	bool is_in = spsc_push(&l->asked, r);
	must(is_in);
	keeper_give_work(j);
	return true;
}

struct jread *journal_read_done(struct journal *j, uint32_t loop)
{
	must(loop < j->loops_n);
	struct jloop *l = &j->loops[loop];
	struct jread *r = spsc_pop(&l->answered);
	l->reads_out -= r != NULL;
	return r;
}
