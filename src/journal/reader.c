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
	const struct reader_window *w = &r->window;
	must(w->n <= READER_WINDOW_BYTES);
	must_if(w->n > 0, w->at != NULL && w->loc != 0 && w->loc % DISK_ALIGN == 0);
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
	mem_put(j->mem, r->window.at, READER_WINDOW_BYTES);
	r->window = (struct reader_window){ 0 };
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

/* file_of opens a file, or gives the handle that is open; the longest unused one makes room. The
 * system reads ahead only in those that are read again: elsewhere it would fill its cache with what
 * is then found there, and never go past it. */
static enum err file_of(struct journal *j, uint32_t number, bool is_spill, int *out_file)
{
	const struct segment *seg = is_spill ? NULL : segments_find(&j->segments, number);
	bool is_exact = seg && !seg->is_read_again;
	struct reader *r = &j->reader;
	struct reader_file *victim = &r->files[0];
	must(number != 0);
	for (uint32_t i = 0; i < READER_FILES; i++) {
		struct reader_file *f = &r->files[i];
		bool is_it = f->number == number && f->is_spill == is_spill;
		if (is_it && f->is_exact == is_exact) {
			f->used = ++r->clock;
			*out_file = f->file;
			return ERR_OK;
		}
		if (is_it || f->used < victim->used)
			victim = f;
		if (is_it)
			break;
	}
	close_file(j, victim);
	struct path p = path_of(is_spill ? PATH_SPILL : PATH_SEGMENT, number);
	int file;
	TRY(j->disk->ops->open(j->disk, p.z, DISK_READ | (is_exact ? DISK_EXACT : 0u), &file));
	*victim = (struct reader_file){ number, is_spill, is_exact, file, ++r->clock };
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
	must_if(seg != NULL, seg->past_at <= seg->past_to);
	return seg ? atomic_load_explicit(&seg->end, memory_order_acquire) : 0;
}

static uint64_t loc_end(const struct jread *ask)
{
	must(ask->loc <= UINT64_MAX - ask->bytes);
	return ask->loc + ask->bytes;
}

static bool is_in(const struct reader_window *w, const struct jread *ask)
{
	must(ask->loc != 0 && !ask->is_unit);
	return w->n > 0 && w->is_spill == ask->is_spill && ask->loc >= w->loc &&
	       loc_end(ask) <= w->loc + w->n;
}

/* Does the request go on where the window ends, most of which was wanted? */
static bool goes_on(const struct reader_window *w, const struct jread *ask)
{
	must(ask->loc != 0);
	return w->n > 0 && w->is_spill == ask->is_spill && ask->loc >= w->loc &&
	       ask->loc - w->loc <= (uint64_t)w->n + READER_GAP_BYTES && w->given_n >= w->n / 4 * 3;
}

/* reach: how far to read from `loc` on for the first request and those behind it that are near;
 * at least `n` bytes, if there are so many below `end`. */
static uint32_t reach(const struct reader *r, const struct jread *first, uint64_t loc, uint64_t n,
		      uint32_t end)
{
	must(end >= loc_offset(first->loc) + first->bytes && loc <= first->loc);
	uint64_t limit = loc + READER_WINDOW_BYTES;
	uint64_t to = max_u64(loc_end(first), min_u64(loc + n, limit));
	for (uint32_t i = r->want_at + 1; i < r->want_n; i++) {
		const struct jread *ask = r->want[i];
		if (ask->is_spill != first->is_spill || ask->loc > to + READER_GAP_BYTES ||
		    loc_end(ask) > limit)
			break;
		to = max_u64(to, loc_end(ask));
	}
	return (uint32_t)min_u64(to - loc, end - loc_offset(loc));
}

/* goes_past notes what is read past the cache, and that it is read again. */
static bool goes_past(struct segment *seg, uint32_t at, uint32_t n)
{
	must(at % DISK_ALIGN == 0);
	if (!seg || n < READER_PAST_BYTES)
		return false;
	uint64_t from = max_u64(at, seg->past_at), to = min_u64(at + n, seg->past_to);
	seg->is_read_again |= from < to && to - from > n / 2;
	if (seg->is_read_again)
		return false;
	seg->past_at = seg->past_to ? (uint32_t)min_u64(at, seg->past_at) : at;
	seg->past_to = (uint32_t)max_u64(at + n, seg->past_to);
	return true;
}

/* read_at reads n bytes; past the cache there may come more, up to a whole DISK_ALIGN. */
static enum err read_at(struct journal *j, uint64_t loc, bool is_spill, bool is_past, uint8_t *to,
			uint32_t n)
{
	int file;
	size_t got = 0;
	const struct disk_ops *ops = j->disk->ops;
	must_if(is_past, !is_spill);
	TRY(file_of(j, loc_segment(loc), is_spill, &file));
	if (is_past)
		TRY(ops->read_past(j->disk, file, loc_offset(loc), to, align_up(n, DISK_ALIGN),
				   &got));
	else
		TRY(ops->read(j->disk, file, loc_offset(loc), to, n, &got));
	return got >= n ? ERR_OK : ERR_CORRUPT;
}

/* read_alone is for what no window has room for, or when there is no memory for one. */
static enum err read_alone(struct journal *j, const struct jread *ask, uint64_t *read)
{
	must_if(ask->bytes > 0, ask->to != NULL);
	*read += ask->bytes;
	return read_at(j, ask->loc, ask->is_spill, false, ask->to, ask->bytes);
}

static enum err fill(struct journal *j, struct reader_window *w, const struct jread *ask,
		     uint64_t loc, uint32_t n)
{
	struct segment *seg = ask->is_spill ? NULL : segments_find(&j->segments, loc_segment(loc));
	must(n <= READER_WINDOW_BYTES && w->at != NULL);
	w->n = 0;
	TRY(read_at(j, loc, ask->is_spill, goes_past(seg, loc_offset(loc), n), w->at, n));
	w->loc = loc;
	w->is_spill = ask->is_spill;
	w->n = n;
	w->given_n = 0;
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
	struct reader_window *w = &r->window;
	if (!is_in(w, ask)) {
		uint64_t loc = ask->loc & ~(uint64_t)(DISK_ALIGN - 1);
		uint32_t n = reach(r, ask, loc, goes_on(w, ask) ? 2 * (uint64_t)w->n : 0, end);
		if (!w->at && n <= READER_WINDOW_BYTES)
			w->at = mem_get(j->mem, READER_WINDOW_BYTES, "read window");
		if (!w->at || n > READER_WINDOW_BYTES)
			return read_alone(j, ask, read);
		*read += n;
		TRY(fill(j, w, ask, loc, n));
	}
	w->given_n += ask->bytes;
	if (ask->bytes)
		memcpy(ask->to, w->at + (ask->loc - w->loc), ask->bytes);
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
