#include "core/retain.h"

#include "base/must.h"
#include "base/rd.h"
#include "base/wr.h"

/* A search goes over the keys in their order. One that does not match says where the next one that
 * can may lie: behind all that begin as it does up to its last `*`, or at the filter's next
 * word. */

#define STAR '+' /* folded */
#define HASH '$' /* likewise */
_Static_assert('*' < '.' && STAR == '*' + 1 && HASH == '#' + 1, "as retain_fold has them");

enum verdict { HIT, NEXT, SEEK };

/* ---- words ------------------------------------------------------------------------------- */

/* Behind the last word; where words begin is below it. No bytes are no words. */
static uint32_t end_of(struct slice words)
{
	return words.n ? (uint32_t)words.n + 1 : 0;
}

static struct slice word_at(struct slice words, uint32_t at)
{
	size_t end = at;
	must(at <= words.n);
	while (end < words.n && words.p[end] != 0)
		end++;
	return slice_of(words.p + at, end - at);
}

static bool is_wild(struct slice word, uint8_t what)
{
	return word.n == 1 && word.p[0] == what;
}

static int compare(struct slice a, struct slice b)
{
	size_t n = min_size(a.n, b.n);
	int by = n ? memcmp(a.p, b.p, n) : 0;
	if (by == 0)
		by = a.n < b.n ? -1 : a.n > b.n;
	return by;
}

/* Do words match a filter that begins with `#`, both from where they are on? When it fails, the
 * last `#` takes one word more. */
static bool globs(struct slice filter, uint32_t fi, struct slice words, uint32_t wi,
		  uint32_t *io_steps)
{
	uint32_t f_end = end_of(filter), w_end = end_of(words), back_fi = f_end, back_wi = wi;
	while (fi < f_end || wi < w_end) {
		struct slice f = fi < f_end ? word_at(filter, fi) : SLICE_EMPTY;
		*io_steps -= *io_steps > 1;
		if (fi < f_end && is_wild(f, HASH)) {
			back_fi = fi;
			back_wi = wi;
			fi += 2;
			continue;
		}
		struct slice w = wi < w_end ? word_at(words, wi) : SLICE_EMPTY;
		if (fi < f_end && wi < w_end && (is_wild(f, STAR) || compare(f, w) == 0)) {
			fi += (uint32_t)f.n + 1;
			wi += (uint32_t)w.n + 1;
			continue;
		}
		if (back_wi == w_end)
			return false;
		must(back_fi < f_end);
		back_wi += (uint32_t)word_at(words, back_wi).n + 1;
		wi = back_wi;
		fi = back_fi + 2;
	}
	return true;
}

/* ---- the cursor -------------------------------------------------------------------------- */

/* The smallest words above all that begin with the first `n` bytes as words of their own. */
static void behind_all(struct slice words, uint32_t n, struct retain_cursor *out)
{
	must(n <= words.n && n < RETAIN_CURSOR_WORDS);
	if (n)
		memmove(out->words, words.p, n);
	out->words[n] = 1;
	out->words_n = n + 1;
	out->number = 0;
}

static void behind_one(const struct retained *e, struct retain_cursor *out)
{
	must(!out->is_end);
	memcpy(out->words, e->words, e->words_n);
	out->words_n = e->words_n;
	out->number = e->number + 1;
	if (out->number == 0) /* there is no number above its own: the words with one more, empty */
		out->words[out->words_n++] = 0;
}

static void to_word(struct slice words, uint32_t at, struct slice word, struct retain_cursor *out)
{
	must(at + word.n < RETAIN_CURSOR_WORDS);
	if (at)
		memcpy(out->words, words.p, at);
	if (word.n)
		memcpy(out->words + at, word.p, word.n);
	out->words_n = at + (uint32_t)word.n;
	out->number = 0;
}

/* ---- matching ---------------------------------------------------------------------------- */

/* Where to go on when nothing more can match in what the words begin with: behind the last word
 * that a `*` took, which ends at `star`. */
static enum verdict behind_star(struct slice words, uint32_t star, struct retain_cursor *out)
{
	if (star == UINT32_MAX)
		out->is_end = true;
	else
		behind_all(words, star, out);
	must(star == UINT32_MAX || star <= words.n);
	return SEEK;
}

static enum verdict look(struct slice filter, struct slice words, struct retain_cursor *out,
			 uint32_t *io_steps)
{
	uint32_t f_end = end_of(filter), w_end = end_of(words), fi = 0, wi = 0, star = UINT32_MAX;
	while (fi < f_end) {
		struct slice f = word_at(filter, fi);
		if (is_wild(f, HASH))
			return fi + 2 == f_end || globs(filter, fi, words, wi, io_steps) ? HIT
											 : NEXT;
		if (wi == w_end)
			return NEXT; /* those that go on from here are next */
		struct slice w = word_at(words, wi);
		int by = is_wild(f, STAR) ? 0 : compare(w, f);
		if (by > 0)
			return behind_star(words, star, out);
		if (by < 0) {
			to_word(words, wi, f, out);
			return SEEK;
		}
		if (is_wild(f, STAR))
			star = wi + (uint32_t)w.n;
		fi += (uint32_t)f.n + 1;
		wi += (uint32_t)w.n + 1;
	}
	must(fi == f_end && wi <= w_end);
	return wi == w_end ? HIT : behind_star(words, star, out);
}

struct retained *retain_next(const struct retain *r, struct slice filter,
			     struct retain_cursor *io_at, uint32_t *io_steps)
{
	must(filter.n <= LIMIT_SHORTSTR);
	while (!io_at->is_end && *io_steps > 0) {
		--*io_steps;
		struct retain_key from = { slice_of(io_at->words, io_at->words_n), io_at->number };
		struct retained *e = retain_from(r, from, io_at->is_numbered);
		if (!e) {
			io_at->is_end = true;
			break;
		}
		enum verdict v = look(filter, retained_key(e).words, io_at, io_steps);
		if (v != SEEK)
			behind_one(e, io_at);
		if (v == HIT)
			return e;
	}
	return NULL;
}

/* ---- kept and handed out ----------------------------------------------------------------- */

uint32_t retain_cursor_put(const struct retain_cursor *at, uint8_t *buf)
{
	struct wr w = wr_of(buf, RETAIN_CURSOR_BYTES);
	must(!at->is_end);
	wr_le64(&w, at->number);
	wr_slice(&w, slice_of(at->words, at->words_n));
	must(wr_ok(&w));
	return (uint32_t)w.n;
}

bool retain_cursor_get(struct slice from, struct retain_cursor *out)
{
	out->number = 0;
	out->words_n = 0;
	out->is_end = out->is_numbered = false;
	if (from.n == 0)
		return true;
	struct rd r = rd_of(from);
	out->number = rd_le64(&r);
	struct slice words = rd_rest(&r);
	if (!rd_ok(&r) || words.n > RETAIN_CURSOR_WORDS)
		return false;
	if (words.n)
		memcpy(out->words, words.p, words.n);
	out->words_n = (uint32_t)words.n;
	must(out->words_n <= RETAIN_CURSOR_WORDS);
	return true;
}
