#include "journal/recover.h"

#include "base/ablate.h"
#include "base/text.h"
#include "journal/state.h"

/* How far behind a damaged commit the next one can begin. */
#define SEARCH_BYTES (COMMIT_BYTES_MAX + COMMIT_ALIGN)

void recover_fini(struct recover *r, struct mem *mem)
{
	filebuf_fini(&r->buf, mem);
}

/* ---- one commit ------------------------------------------------------------------------- */

enum err recover_commit(struct filebuf *f, uint32_t segment, uint32_t at, struct commit *out_c)
{
	must(at >= SEGMENT_DATA_AT && at % COMMIT_ALIGN == 0);
	struct slice s;
	struct record r;
	out_c->number = 0;
	TRY(filebuf_get(f, at, COMMIT_HEAD_BYTES, &s));
	TRY(commit_get(s, segment, out_c));
	uint32_t space = commit_space(out_c->bytes), n = 0;
	if (space > f->cap)
		return ERR_MORE; /* the buffer is as large as any file, or any commit */
	TRY(filebuf_get(f, at, space, &s));
	if (s.n < space)
		return ERR_MORE;
	s = slice_sub(s, COMMIT_HEAD_BYTES, out_c->bytes - COMMIT_HEAD_BYTES);
	for (uint32_t one; s.n > 0; s = slice_from(s, one), n++)
		if (record_get(s, segment, &r, &one) != ERR_OK)
			return ERR_CORRUPT;
	return n == out_c->records_n ? ERR_OK : ERR_CORRUPT;
}

/* ---- where the log goes on -------------------------------------------------------------- */

static enum err describe(const struct segment *seg, uint64_t at, const char *what, struct text *why)
{
	must(what != NULL && seg != NULL);
	struct path p = path_of(PATH_SEGMENT, seg->number);
	text_putf(why, "%s: %s at byte %llu", p.z, what, (unsigned long long)at);
	return ERR_CORRUPT;
}

static enum err damaged(const struct segment *seg, uint64_t at, const char *what, struct text *why)
{
	enum err e = describe(seg, at, what, why);
	text_puts(why, ": " JOURNAL_MEND);
	return e;
}

static enum err io_failed(struct journal *j, const struct segment *seg, enum err e,
			  struct text *why)
{
	must(e != ERR_OK && e != ERR_CORRUPT);
	struct path p = path_of(PATH_SEGMENT, seg->number);
	text_putf(why, "%s: %s", p.z, j->disk->ops->why(j->disk));
	return e;
}

static enum err turn_to(struct journal *j, struct segment *seg, struct text *why)
{
	struct recover *r = &j->recover;
	must(seg->is_closed && !r->is_ended);
	if (r->buf.file >= 0)
		j->disk->ops->close(j->disk, r->buf.file);
	filebuf_turn_to(&r->buf, -1);
	struct path p = path_of(PATH_SEGMENT, seg->number);
	int file;
	enum err e = j->disk->ops->open(j->disk, p.z, DISK_READ, &file);
	if (e != ERR_OK)
		return io_failed(j, seg, e, why);
	filebuf_turn_to(&r->buf, file);
	return ERR_OK;
}

/* has_later looks for the head of a commit behind `at` which says that number `lost` was durable
 * when it was written. */
static enum err has_later(struct journal *j, uint32_t segment, uint32_t at, uint64_t lost,
			  bool *out_found)
{
	must(lost > 0 && segment != 0);
	*out_found = false;
	for (uint32_t to = at + SEARCH_BYTES; at <= to; at += COMMIT_ALIGN) {
		struct commit c;
		struct slice s;
		TRY(filebuf_get(&j->recover.buf, at, COMMIT_HEAD_BYTES, &s));
		if (s.n < COMMIT_HEAD_BYTES)
			break;
		if (commit_get(s, segment, &c) == ERR_OK && c.synced >= lost) {
			*out_found = true;
			break;
		}
	}
	return ERR_OK;
}

/* look_on decides what it means that there is no whole commit behind the last one: *out_next is
 * the segment in which the log goes on; NULL: it has ended. ERR_CORRUPT: neither. */
static enum err look_on(struct journal *j, struct segment **out_next, struct text *why)
{
	struct recover *r = &j->recover;
	must(r->seg != NULL && r->buf.file >= 0);
	uint64_t lost = r->last.number + 1;
	struct segment *seg = r->seg, *next = seg;
	bool is_found;
	enum err e = has_later(j, seg->number, r->at, lost, &is_found);
	*out_next = NULL;
	while (e == ERR_OK && !is_found) {
		next = segments_after(&j->segments, next->number);
		if (!next)
			return ERR_OK;
		TRY(turn_to(j, next, why));
		struct commit c;
		e = recover_commit(&r->buf, next->number, SEGMENT_DATA_AT, &c);
		if (e == ERR_OK && commit_follows(&c, &r->last, r->last_loc)) {
			*out_next = next;
			return ERR_OK;
		}
		if (e == ERR_OK || e == ERR_CORRUPT || e == ERR_MORE)
			e = has_later(j, next->number, SEGMENT_DATA_AT, lost, &is_found);
	}
	if (e != ERR_OK)
		return io_failed(j, next, e, why);
	if (ABLATED(chain))
		return ERR_OK;
	(void)describe(seg, r->at, "a commit is damaged or missing", why);
	struct path p = path_of(PATH_SEGMENT, next->number);
	text_putf(why, ", and %s has a later one: " JOURNAL_MEND, p.z);
	return ERR_CORRUPT;
}

/* ---- the next commit -------------------------------------------------------------------- */

/* note remembers what a whole commit holds of each shard. */
static enum err note(struct journal *j, struct slice records, struct text *why)
{
	struct recover *r = &j->recover;
	must(r->seg->last_index != NULL);
	for (uint32_t at = 0, space; at < records.n; at += space) {
		struct record rec = record_view(slice_from(records, at), &space);
		if (rec.kind == 0 || rec.kind >= RECORD_KIND_N || rec.shard >= JOURNAL_SHARDS_MAX) {
			(void)describe(r->seg, r->record_at + at, "an unknown kind of record", why);
			text_puts(why, ": start the version that wrote it, or a later one");
			return ERR_NOT_IMPLEMENTED;
		}
		journal_note(j, r->seg, rec.shard, rec.index);
	}
	return ERR_OK;
}

/* accept makes `c`, which lies at r->at, the last commit. */
static enum err accept(struct journal *j, const struct commit *c, struct text *why)
{
	struct recover *r = &j->recover;
	must(r->is_any_good || c->number == r->last.number + 1 || ABLATED(generation));
	uint32_t space = commit_space(c->bytes);
	struct slice s;
	TRY(filebuf_get(&r->buf, r->at, c->bytes, &s));
	r->record_at = r->at + COMMIT_HEAD_BYTES;
	r->records_end = r->at + c->bytes;
	TRY(note(j, slice_from(s, COMMIT_HEAD_BYTES), why));
	r->last = *c;
	r->last_loc = loc_of(r->seg->number, r->at);
	r->is_any_good = false;
	r->at += space;
	r->sum.bytes += space;
	atomic_store_explicit(&r->seg->end, r->at, memory_order_relaxed);
	return ERR_OK;
}

static size_t buffer_bytes(const struct journal *j)
{
	must(!j->recover.is_ended);
	uint64_t largest = SEGMENT_DATA_AT;
	struct segment *seg;
	for (uint32_t at = 0; (seg = segments_each(&j->segments, &at)) != NULL;)
		largest = max_u64(largest, seg->file_bytes);
	return (size_t)min_u64(largest, RECOVER_BUFFER_BYTES);
}

static enum err begin(struct journal *j, struct text *why)
{
	struct recover *r = &j->recover;
	uint64_t floor = j->checkpoint.now.floor;
	must(!r->is_begun && !r->is_ended);
	r->is_begun = true;
	filebuf_fini(&r->buf, j->mem); /* of the units, if they were not read to their end */
	TRY(filebuf_init(&r->buf, j->disk, j->mem, buffer_bytes(j)));
	r->is_any_good = floor != 0;
	r->at = floor ? loc_offset(floor) : SEGMENT_DATA_AT;
	r->seg = floor ? segments_find(&j->segments, loc_segment(floor))
		       : segments_after(&j->segments, 0);
	if (floor && !r->seg) {
		struct path p = path_of(PATH_SEGMENT, loc_segment(floor));
		text_putf(why, "%s is missing: " JOURNAL_MEND, p.z);
		return ERR_CORRUPT;
	}
	return r->seg ? turn_to(j, r->seg, why) : ERR_OK;
}

/* next_commit goes on to the next whole commit; r->seg is NULL at the end. */
static enum err next_commit(struct journal *j, struct text *why)
{
	struct recover *r = &j->recover;
	must(r->record_at == r->records_end);
	while (r->seg) {
		struct commit c = { 0 };
		enum err e = recover_commit(&r->buf, r->seg->number, r->at, &c);
		bool is_next = e == ERR_OK && (r->is_any_good || ABLATED(generation) ||
					       commit_follows(&c, &r->last, r->last_loc));
		if (is_next)
			return accept(j, &c, why);
		if (e != ERR_OK && e != ERR_CORRUPT && e != ERR_MORE)
			return io_failed(j, r->seg, e, why);
		if (r->is_any_good)
			return damaged(r->seg, r->at,
				       "the commit where the checkpoint ends is damaged", why);
		if (c.number != 0)
			r->sum.torn_bytes = commit_space(c.bytes);
		struct segment *torn = r->seg, *next;
		TRY(look_on(j, &next, why));
		if (!next && e == ERR_OK)
			return damaged(torn, r->at, "a commit does not follow the one before", why);
		if (next)
			r->sum.torn_bytes = 0;
		else if (r->sum.torn_bytes)
			r->sum.torn_loc = loc_of(torn->number, r->at);
		r->seg = next;
		r->at = SEGMENT_DATA_AT;
	}
	return ERR_OK;
}

/* ---- the calls -------------------------------------------------------------------------- */

static bool is_covered(const struct journal *j, const struct record *rec)
{
	must(rec->shard < JOURNAL_SHARDS_MAX);
	const struct ckpt_shards *s = &j->checkpoint.shards;
	return rec->index != 0 && s->is_there[rec->shard] && rec->index <= s->at[rec->shard].index;
}

enum err journal_recover_record(struct journal *j, struct record *out, uint64_t *out_loc,
				bool *out_more, struct text *why)
{
	struct recover *r = &j->recover;
	must(!r->is_ended);
	*out_more = false;
	if (!r->is_begun)
		TRY(begin(j, why));
	for (;;) {
		if (r->record_at == r->records_end) {
			TRY(next_commit(j, why));
			if (!r->seg)
				return ERR_OK;
			continue;
		}
		struct slice s;
		uint32_t space, segment = r->seg->number;
		TRY(filebuf_get(&r->buf, r->record_at, r->records_end - r->record_at, &s));
		*out = record_view(s, &space);
		*out_loc = loc_of(segment, r->record_at + RECORD_HEAD_BYTES);
		r->record_at += space;
		if (is_covered(j, out))
			continue;
		r->sum.records_n++;
		*out_more = true;
		return ERR_OK;
	}
}

enum err journal_recover_shard(struct journal *j, struct ckpt_shard *out, bool *out_more)
{
	struct recover *r = &j->recover;
	must(!r->is_ended);
	const struct ckpt_shards *s = &j->checkpoint.shards;
	while (r->shard_at < JOURNAL_SHARDS_MAX && !s->is_there[r->shard_at])
		r->shard_at++;
	*out_more = r->shard_at < JOURNAL_SHARDS_MAX;
	if (*out_more)
		*out = s->at[r->shard_at++];
	return ERR_OK;
}

enum err journal_recover_unit(struct journal *j, struct ckpt_unit *out, bool *out_more,
			      struct text *why)
{
	struct recover *r = &j->recover;
	const struct checkpoint *c = &j->checkpoint;
	must(!r->is_ended);
	*out_more = false;
	if (c->file < 0 || r->is_begun)
		return ERR_OK;
	if (r->unit_at == 0) {
		TRY(filebuf_init(&r->buf, j->disk, j->mem, checkpoint_buffer_bytes(&c->now)));
		filebuf_turn_to(&r->buf, c->file);
		r->unit_at = CHECKPOINT_FILE_AT;
	}
	for (;;) {
		struct unit u = { 0 };
		bool is_more;
		uint64_t from = r->unit_at;
		enum err e = checkpoint_next(&r->buf, &r->unit_at, c->now.end, &u, &is_more);
		if (e != ERR_OK) {
			struct path p = path_of(PATH_CHECKPOINT, (uint32_t)c->now.file);
			text_putf(why, "%s: checkpoint %llu cannot be read again: start once more",
				  p.z, (unsigned long long)c->now.number);
			return e;
		}
		if (!is_more) {
			filebuf_fini(&r->buf, j->mem);
			r->unit_at = from;
			return ERR_OK;
		}
		const struct unit_row *row = u.kind == UNIT_CONTENT
						     ? units_find(&c->units, u.shard, u.a, u.b)
						     : NULL;
		if (!row || row->at != from)
			continue;
		*out = (struct ckpt_unit){ u.shard, u.a, u.b, u.content };
		*out_more = true;
		return ERR_OK;
	}
}
