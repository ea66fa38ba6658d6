#include "base/text.h"
#include "journal/wreck_state.h"

#include "base/byteorder.h"

/* All records of all segments, past whatever is damaged between them. */

#define RECORD_BYTES_MAX (RECORD_HEAD_BYTES + LIMIT_RECORD_BYTES_MAX + RECORD_ALIGN)

typedef unsigned long long ull;

static struct path seg_path(const struct wreck *s)
{
	must(s->seg != NULL);
	return path_of(PATH_SEGMENT, s->seg->number);
}

static bool say(struct wreck *s, enum wreck_kind kind, const char *what, struct wreck_item *out,
		struct text *said)
{
	struct path p = seg_path(s);
	must(kind == WRECK_LOST || kind == WRECK_DAMAGED);
	text_putf(said, "%s: %s", p.z, what);
	*out = (struct wreck_item){ .kind = kind };
	return true;
}

/* damaged tells of a place; what lies below the floor is in the checkpoint. */
static bool damaged(struct wreck *s, uint64_t from, uint64_t to, const char *what,
		    struct wreck_item *out, struct text *said)
{
	struct path p = seg_path(s);
	must(from < to);
	bool is_covered = loc_of(s->seg->number, (uint32_t)from) < s->chosen.floor;
	text_putf(said, "%s: bytes %llu to %llu%s", p.z, (ull)from, (ull)to - 1, what);
	*out = (struct wreck_item){ .kind = is_covered ? WRECK_DAMAGED : WRECK_LOST };
	return true;
}

/* is_zero: what is called damaged is what fills up to the next commit. */
static bool is_zero(struct wreck *s, uint64_t from, uint64_t to)
{
	struct slice p;
	must(from < to);
	if (to - from > COMMIT_ALIGN ||
	    filebuf_get(&s->buf, from, (size_t)(to - from), &p) != ERR_OK)
		return false;
	for (size_t i = 0; i < p.n; i++)
		if (p.p[i])
			return false;
	return p.n == to - from;
}

/* ---- records ---------------------------------------------------------------------------- */

/* may_begin: the first bytes of a record of this segment could lie at `at`. */
static bool may_begin(struct wreck *s, uint64_t at, uint64_t end)
{
	struct slice p;
	must(at % RECORD_ALIGN == 0);
	if (end - at < RECORD_HEAD_BYTES ||
	    filebuf_get(&s->buf, at, RECORD_HEAD_BYTES, &p) != ERR_OK || p.n < RECORD_HEAD_BYTES)
		return false;
	uint32_t bytes = load_le32(p.p + 8);
	return load_le32(p.p + 4) == s->seg->number && bytes >= RECORD_HEAD_BYTES &&
	       bytes <= RECORD_HEAD_BYTES + LIMIT_RECORD_BYTES_MAX && bytes <= end - at &&
	       load_le16(p.p + 14) < JOURNAL_SHARDS_MAX;
}

static bool record_at(struct wreck *s, uint64_t at, uint64_t end, struct record *out_r,
		      uint32_t *out_space)
{
	struct slice p;
	if (at >= end || !may_begin(s, at, end))
		return false;
	size_t n = (size_t)min_u64(align_up(end, RECORD_ALIGN) - at, RECORD_BYTES_MAX);
	must(n >= RECORD_HEAD_BYTES);
	return filebuf_get(&s->buf, at, n, &p) == ERR_OK &&
	       record_get(p, s->seg->number, out_r, out_space) == ERR_OK;
}

/* resume gives where the next whole record begins behind a damaged one at `at`, or `end`. */
static uint64_t resume(struct wreck *s, uint64_t at, uint64_t end)
{
	struct record r;
	struct slice p;
	uint32_t space;
	must(at < end);
	if (filebuf_get(&s->buf, at, RECORD_HEAD_BYTES, &p) == ERR_OK && p.n == RECORD_HEAD_BYTES) {
		uint64_t next = at + align_up(load_le32(p.p + 8), RECORD_ALIGN);
		if (next > at && (next == end || record_at(s, next, end, &r, &space)))
			return next;
	}
	for (at += RECORD_ALIGN; at < end; at += RECORD_ALIGN)
		if (record_at(s, at, end, &r, &space))
			return at;
	return end;
}

/* False: no more of this commit. */
static bool next_record(struct wreck *s, struct wreck_item *out, struct text *said)
{
	uint32_t space;
	uint64_t at = s->record_at;
	if (at >= s->records_end)
		return false;
	if (s->is_headless && is_zero(s, at, s->records_end)) {
		s->record_at = s->records_end;
		return false;
	}
	if (record_at(s, at, s->records_end, &out->record, &space)) {
		out->kind = WRECK_RECORD;
		out->loc = loc_of(s->seg->number, (uint32_t)at + RECORD_HEAD_BYTES);
		s->record_at += space;
		return true;
	}
	s->record_at = resume(s, at, s->records_end);
	must(s->record_at > at);
	return damaged(s, at, s->record_at, "", out, said);
}

/* ---- commits ---------------------------------------------------------------------------- */

static bool head_at(struct wreck *s, uint64_t at, struct commit *out_c)
{
	struct slice p;
	must(at % COMMIT_ALIGN == 0);
	return at + COMMIT_HEAD_BYTES <= s->file_bytes &&
	       filebuf_get(&s->buf, at, COMMIT_HEAD_BYTES, &p) == ERR_OK &&
	       commit_get(p, s->seg->number, out_c) == ERR_OK;
}

static uint64_t next_head(struct wreck *s, uint64_t at)
{
	struct commit c;
	must(at % COMMIT_ALIGN == 0);
	for (at += COMMIT_ALIGN; at < s->file_bytes; at += COMMIT_ALIGN)
		if (head_at(s, at, &c))
			return at;
	return 0;
}

/* The commit before the first one of a segment may lie where nothing whole was found. */
static bool is_before_lost(const struct wreck *s, const struct commit *c)
{
	must(c->number > 0);
	return s->is_first && c->prev != 0 && c->prev != s->last_loc && c->prev != s->lost_loc &&
	       c->prev > s->last_loc && segments_find(&s->segments, loc_segment(c->prev));
}

static bool take_commit(struct wreck *s, const struct commit *c, struct wreck_item *out,
			struct text *said)
{
	bool is_lost = is_before_lost(s, c);
	must(c->bytes >= COMMIT_HEAD_BYTES);
	if (is_lost) {
		struct path p = path_of(PATH_SEGMENT, loc_segment(c->prev));
		text_putf(said, "%s: the write at byte %u, the last in it, is lost", p.z,
			  loc_offset(c->prev));
		out->kind = WRECK_LOST;
	}
	s->is_first = s->is_headless = false;
	s->last_loc = loc_of(s->seg->number, (uint32_t)s->commit_at);
	s->record_at = s->commit_at + COMMIT_HEAD_BYTES;
	s->records_end = s->commit_at + c->bytes;
	s->commit_at += commit_space(c->bytes);
	return is_lost;
}

/* Behind the last commit: what a crash has torn, or what is damaged, looks the same. False: there
 * is nothing at all. */
static bool take_tail(struct wreck *s, struct wreck_item *out, struct text *said)
{
	struct slice p;
	struct record r;
	uint32_t space;
	uint64_t at = s->commit_at, from = at + COMMIT_HEAD_BYTES;
	uint64_t end = min_u64(s->file_bytes, at + COMMIT_BYTES_MAX) & ~(uint64_t)7;
	s->commit_at = s->file_bytes;
	if (from >= end)
		return false;
	bool is_begun = filebuf_get(&s->buf, at, 12, &p) == ERR_OK && p.n == 12 &&
			memcmp(p.p, "GWcm", 4) == 0 && load_le32(p.p + 8) == s->seg->number;
	bool is_there = record_at(s, from, end, &r, &space);
	if (!is_there && !is_begun)
		return false;
	uint64_t first = is_there ? from : resume(s, from, end);
	must(first <= end);
	s->lost_loc = loc_of(s->seg->number, (uint32_t)at);
	s->record_at = first;
	s->records_end = first;
	while (record_at(s, s->records_end, end, &r, &space))
		s->records_end += space;
	return damaged(s, at, first == end ? at + COMMIT_HEAD_BYTES : first,
		       ", or torn by a crash before anybody was told of them", out, said);
}

/* True: there is something to say. The records of what was found come next. */
static bool next_commit(struct wreck *s, struct wreck_item *out, struct text *said)
{
	struct commit c;
	uint64_t at = s->commit_at;
	must(at < s->file_bytes);
	if (head_at(s, at, &c))
		return take_commit(s, &c, out, said);
	uint64_t next = next_head(s, at);
	if (next == 0)
		return take_tail(s, out, said);
	s->lost_loc = loc_of(s->seg->number, (uint32_t)at);
	s->record_at = at + COMMIT_HEAD_BYTES;
	s->records_end = s->commit_at = next;
	s->is_headless = true;
	(void)damaged(s, at, s->record_at, ": the head of a commit", out, said);
	out->kind = WRECK_DAMAGED;
	return true;
}

/* ---- segments --------------------------------------------------------------------------- */

/* True: there is something to say. */
static bool next_segment(struct wreck *s, struct wreck_item *out, struct text *said)
{
	struct slice p;
	struct head h = { 0 };
	s->seg = segments_after(&s->segments, s->seg ? s->seg->number : 0);
	s->is_log_over = s->seg == NULL;
	s->record_at = s->records_end = s->commit_at = s->file_bytes = 0;
	if (s->is_log_over)
		return false;
	struct path path = seg_path(s);
	if (!wreck_turn_to(s, &path))
		return say(s, WRECK_LOST, "it cannot be opened", out, said);
	uint64_t bytes = s->file_bytes;
	s->file_bytes = 0;
	enum err e = filebuf_get(&s->buf, 0, HEAD_BYTES, &p);
	if (e == ERR_OK)
		e = head_get(p, HEAD_SEGMENT, &h);
	if (e == ERR_OK && (h.store != s->store_id || h.number != s->seg->number))
		return say(s, WRECK_DAMAGED, "it is of another store, or another segment: left out",
			   out, said);
	s->commit_at = SEGMENT_DATA_AT;
	s->file_bytes = bytes;
	s->is_first = true;
	must(s->seg->number != 0);
	if (e != ERR_OK)
		return say(s, WRECK_DAMAGED, "its head is damaged; what it holds is read", out,
			   said);
	return false;
}

bool wreck_log(struct wreck *s, struct wreck_item *out, struct text *said)
{
	must(s->phase == WRECK_AT_LOG);
	while (!s->is_log_over) {
		if (next_record(s, out, said))
			return true;
		bool is_any = s->seg && s->commit_at < s->file_bytes;
		if (is_any ? next_commit(s, out, said) : next_segment(s, out, said))
			return true;
	}
	return false;
}
