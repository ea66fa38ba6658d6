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
	windows_check(&r->windows);
	for (uint32_t i = 0; i < READER_FILES; i++)
		must(r->files[i].used <= r->clock);
}

/* arrive waits for what is coming. False: it has not come, and the window is free. */
static bool arrive(struct journal *j, struct window *w)
{
	must(w->n > 0);
	if (!w->is_coming)
		return true;
	size_t got = j->disk->ops->end_past(j->disk, (uint32_t)(w - j->reader.windows.at));
	w->is_coming = false;
	w->n = got >= w->n ? w->n : 0;
	return w->n > 0;
}

/* A file stays open while something of it is coming. */
static void close_file(struct journal *j, struct reader_file *f)
{
	must_if(f->number != 0, f->file >= 0);
	if (!f->number)
		return;
	for (uint32_t i = 0; i < WINDOWS_N; i++) {
		struct window *w = &j->reader.windows.at[i];
		if (w->is_coming && loc_segment(w->loc) == f->number)
			(void)arrive(j, w);
	}
	j->disk->ops->close(j->disk, f->file);
	*f = (struct reader_file){ 0 };
}

void reader_fini(struct journal *j)
{
	struct reader *r = &j->reader;
	must(r->want_n <= READER_GATHER);
	for (uint32_t i = 0; i < READER_FILES; i++)
		close_file(j, &r->files[i]);
	for (uint32_t i = 0; i < WINDOWS_N; i++) {
		must(!r->windows.at[i].is_coming);
		mem_put(j->mem, r->windows.at[i].at, WINDOW_BYTES);
		r->windows.at[i] = (struct window){ 0 };
	}
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

static uint32_t end_now(const struct segment *seg)
{
	uint32_t end = atomic_load_explicit(&seg->end, memory_order_acquire);
	must(seg->number != 0);
	return end;
}

/* end_of: the bytes of a file that may be read; 0: no such file. */
static uint32_t end_of(struct journal *j, const struct jread *ask)
{
	uint32_t number = loc_segment(ask->loc);
	must(number != 0);
	if (ask->is_spill)
		return spill_end(j, number);
	const struct segment *seg = segments_find(&j->segments, number);
	must_if(seg != NULL, seg->past_at <= seg->past_to);
	return seg ? end_now(seg) : 0;
}

static uint64_t loc_end(const struct jread *ask)
{
	must(ask->loc <= UINT64_MAX - ask->bytes);
	return ask->loc + ask->bytes;
}

/* reach: how far to read from `loc` on for the first request and those behind it that are near;
 * at least `n` bytes, if there are so many below `end`. */
static uint32_t reach(const struct reader *r, const struct jread *first, uint64_t loc, uint64_t n,
		      uint32_t end)
{
	must(end >= loc_offset(first->loc) + first->bytes && loc < loc_end(first));
	uint64_t limit = loc + WINDOW_BYTES;
	uint64_t to = max_u64(loc_end(first), min_u64(loc + n, limit));
	for (uint32_t i = r->want_at + 1; i < r->want_n; i++) {
		const struct jread *ask = r->want[i];
		if (ask->is_spill != first->is_spill || ask->loc > to + WINDOW_GAP_BYTES ||
		    loc_end(ask) > limit)
			break;
		to = max_u64(to, loc_end(ask));
	}
	return (uint32_t)min_u64(to - loc, end - loc_offset(loc));
}

/* goes_past: is it to be read past the cache? Notes that what was is read again. */
static bool goes_past(struct segment *seg, uint32_t at, uint32_t n)
{
	must(at % DISK_ALIGN == 0);
	if (!seg)
		return false;
	uint64_t from = max_u64(at, seg->past_at), to = min_u64(at + n, seg->past_to);
	seg->is_read_again |= from < to && to - from > n / 2;
	return !seg->is_read_again;
}

static void has_gone_past(struct segment *seg, uint32_t at, uint32_t n)
{
	must(at % DISK_ALIGN == 0 && n > 0);
	seg->past_at = seg->past_to ? (uint32_t)min_u64(at, seg->past_at) : at;
	seg->past_to = (uint32_t)max_u64(at + n, seg->past_to);
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

/* clear gives a window up, and gives it its memory if it has none. */
static bool clear(struct journal *j, struct window *w)
{
	must(w->n <= WINDOW_BYTES);
	if (w->n > 0)
		(void)arrive(j, w);
	w->n = 0;
	if (!w->at)
		w->at = mem_get(j->mem, WINDOW_BYTES, "read window");
	return w->at != NULL;
}

static enum err fill(struct journal *j, struct window *w, bool is_spill, uint64_t loc, uint32_t n)
{
	struct segment *seg = is_spill ? NULL : segments_find(&j->segments, loc_segment(loc));
	bool is_past = n >= READER_PAST_BYTES && goes_past(seg, loc_offset(loc), n);
	must(w->n == 0 && w->at != NULL);
	if (is_past)
		has_gone_past(seg, loc_offset(loc), n);
	TRY(read_at(j, loc, is_spill, is_past, w->at, n));
	window_take(&j->reader.windows, w, loc, is_spill, n);
	return ERR_OK;
}

/* demand reads a window with the byte at `from`, within a request. No window: it is to be read
 * alone. */
static enum err demand(struct journal *j, const struct jread *ask, uint64_t from,
		       struct window **out_w)
{
	struct reader *r = &j->reader;
	uint64_t loc = from & ~(uint64_t)(DISK_ALIGN - 1);
	const struct window *before = windows_before(&r->windows, from, ask->is_spill);
	uint32_t wish = before ? window_wish(before) : 0;
	uint32_t n = reach(r, ask, loc, wish, end_of(j, ask));
	struct window *w = n <= WINDOW_BYTES ? windows_spare(&r->windows, NULL) : NULL;
	must(n > WINDOW_BYTES || w != NULL);
	*out_w = NULL;
	if (!w || !clear(j, w))
		return ERR_OK;
	TRY(fill(j, w, ask->is_spill, loc, n));
	w->goes_on = wish > 0;
	w->wish = wish > n ? wish : n;
	*out_w = w;
	return ERR_OK;
}

/* ---- reading ahead ---------------------------------------------------------------------- */

/* behind gives the segment and the place that a window ends at; at the end of a full segment that
 * is the first place of the next. NULL: there is no more, or too little of it yet. */
static struct segment *behind(struct journal *j, const struct window *w, uint64_t *out_loc)
{
	struct segment *seg = segments_find(&j->segments, loc_segment(w->loc));
	must(w->n > 0 && !w->is_spill);
	*out_loc = w->loc + w->n;
	if (seg && seg->is_closed && loc_offset(*out_loc) >= end_now(seg)) {
		*out_loc = loc_of(seg->number + 1, SEGMENT_DATA_AT);
		seg = segments_find(&j->segments, seg->number + 1);
	}
	uint32_t least = seg && !seg->is_closed ? READER_PAST_BYTES : 1;
	return seg && loc_offset(*out_loc) + least <= end_now(seg) ? seg : NULL;
}

/* begin begins to read the window behind `w`. NULL: it could not be. */
static struct window *begin(struct journal *j, const struct window *w, struct window *next,
			    struct segment *seg, uint64_t loc)
{
	uint32_t at = loc_offset(loc), end = end_now(seg);
	uint32_t wish = window_wish(w), n = wish < end - at ? wish : end - at;
	uint32_t slot = (uint32_t)(next - j->reader.windows.at);
	int file;
	must(at < end && w != next && WINDOWS_N <= DISK_AHEAD_MAX);
	if (!goes_past(seg, at, n) || !clear(j, next) ||
	    file_of(j, seg->number, false, &file) != ERR_OK ||
	    !j->disk->ops->begin_past(j->disk, slot, file, at, next->at, align_up(n, DISK_ALIGN)))
		return NULL;
	has_gone_past(seg, at, n);
	window_take(&j->reader.windows, next, loc, false, n);
	next->is_coming = next->goes_on = next->is_ahead = true;
	next->wish = wish;
	return next;
}

/* follow gives the window behind `w`, and begins to read it if there is none. NULL: nor can it. */
static struct window *follow(struct journal *j, struct window *w, const struct window *current)
{
	struct windows *ws = &j->reader.windows;
	uint64_t loc;
	struct segment *seg = behind(j, w, &loc);
	struct window *next = seg ? windows_find(ws, loc, false) : NULL;
	must(w->goes_on && current->goes_on);
	if (!seg || next || w->is_followed)
		return next;
	next = windows_promised_n(ws) < WINDOWS_AHEAD ? windows_spare(ws, current) : NULL;
	if (!next || next == w)
		return NULL;
	w->is_followed = true;
	return begin(j, w, next, seg, loc & ~(uint64_t)(DISK_ALIGN - 1));
}

/* look_ahead: somebody has read up to `to`; as long as most is wanted, the windows behind are. */
static void look_ahead(struct journal *j, struct window *w, uint64_t to)
{
	const struct window *current = w;
	must(w->n > 0 && !w->is_coming && to > w->loc);
	if (!w->goes_on || w->is_spill || w->given_n < (to - w->loc) / 4 * 3)
		return;
	for (uint32_t i = 0; w && w->goes_on && i < WINDOWS_AHEAD; i++)
		w = follow(j, w, current);
}

/* ---- answering -------------------------------------------------------------------------- */

/* give copies what a window has of a request, from its byte `done` on, and gives how much. */
static uint32_t give(struct reader *r, struct window *w, const struct jread *ask, uint32_t done)
{
	uint64_t loc = ask->loc + done;
	uint32_t n = (uint32_t)min_u64(ask->bytes - done, w->loc + w->n - loc);
	must(!w->is_coming && loc >= w->loc && n > 0);
	memcpy(ask->to + done, w->at + (loc - w->loc), n);
	window_use(&r->windows, w, n);
	return n;
}

/* answer does one request and adds what was read for it to *read. */
static enum err answer(struct journal *j, const struct jread *ask, uint64_t *read)
{
	struct reader *r = &j->reader;
	must(ask->to != NULL || ask->bytes == 0);
	uint32_t end = end_of(j, ask);
	if (loc_offset(ask->loc) + (uint64_t)ask->bytes > end)
		return ERR_CORRUPT;
	for (uint32_t done = 0; done < ask->bytes;) {
		struct window *w = windows_find(&r->windows, ask->loc + done, ask->is_spill);
		if (w && !arrive(j, w))
			continue;
		if (!w) {
			TRY(demand(j, ask, ask->loc + done, &w));
			if (!w)
				return read_alone(j, ask, read);
			*read += w->n;
		}
		done += give(r, w, ask, done);
		if (j->recover.is_ended)
			look_ahead(j, w, ask->loc + done);
	}
	return ERR_OK;
}

bool reader_step(struct journal *j, uint64_t *out_wake)
{
	struct reader *r = &j->reader;
	uint64_t read = 0, wake = 0, told = 0;
	reader_check(r);
	if (r->want_at == r->want_n)
		wake = gather(j);
	if (r->want_n == 0 && !wake)
		return false;
	while (r->want_at < r->want_n && read < READER_STEP_BYTES && told < READER_TELL_BYTES) {
		struct jread *ask = r->want[r->want_at];
		ask->err = answer(j, ask, &read);
		told += ask->bytes;
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
