#include "journal/inspect.h"

#include "base/text.h"
#include "journal/path.h"
#include "journal/recover.h"
#include "journal/store.h"

#define NAMES_BYTES (1u << 20)

typedef unsigned long long ull;

enum phase { SLOTS, UNITS, SEGMENT, COMMITS, RECORDS, END };

struct journal_inspect {
	struct disk *disk;
	struct mem *mem;
	enum inspect_mode mode;
	const struct inspect_look *look; /* NULL: nobody does */
	enum phase phase;
	struct store store;
	struct segments segments;
	struct filebuf buf;
	uint64_t damage_n;
	uint32_t slot;
	/* The checkpoint file. */
	uint64_t at;
	uint64_t units_n;
	/* The segment being walked. */
	struct segment *seg;
	bool is_first;      /* no commit of it was seen yet */
	struct commit last; /* the last whole one, of any segment; number 0: none */
	uint64_t last_loc;
	uint32_t commit_at, record_at, records_end;
	uint64_t commits_n, records_n;
};

/* ---- open ------------------------------------------------------------------------------- */

static enum err find_segments(struct journal_inspect *i)
{
	must(i->segments.n == 0);
	char *names = mem_get(i->mem, NAMES_BYTES, "names");
	if (!names)
		return ERR_LIMIT;
	size_t len = 0;
	enum err e = i->disk->ops->list(i->disk, PATH_SEGMENTS, names, NAMES_BYTES, &len);
	for (size_t at = 0; e == ERR_OK && at < len; at += strlen(names + at) + 1) {
		uint32_t number;
		struct segment *seg;
		if (path_number(PATH_SEGMENT, names + at, &number))
			e = segments_add(&i->segments, i->mem, number, false, &seg);
	}
	mem_put(i->mem, names, NAMES_BYTES);
	return e == ERR_NOT_FOUND ? ERR_OK : e;
}

static enum err open_all(struct journal_inspect *i, struct text *why)
{
	must(i->disk != NULL && i->mem != NULL);
	TRY(segments_init(&i->segments, i->mem));
	TRY(filebuf_init(&i->buf, i->disk, i->mem, RECOVER_BUFFER_BYTES));
	enum err e = store_open(i->disk, DISK_READ, &i->store, why);
	if (e == ERR_NOT_FOUND)
		text_putf(why,
			  "there is no file %s, so this is no data directory: name the broker's",
			  PATH_STORE);
	if (e != ERR_OK)
		return e;
	return find_segments(i);
}

enum err journal_inspect_open(struct disk *d, struct mem *mem, enum inspect_mode mode,
			      const struct inspect_look *look, struct journal_inspect **out_i,
			      struct text *why)
{
	must(mode == INSPECT_PRINT || mode == INSPECT_VERIFY);
	struct journal_inspect *i = mem_get(mem, sizeof *i, "inspect");
	if (!i)
		return ERR_LIMIT;
	memset(i, 0, sizeof *i);
	i->disk = d;
	i->mem = mem;
	i->mode = mode;
	i->look = look;
	i->store.file = -1;
	i->buf.file = -1;
	enum err e = open_all(i, why);
	if (e != ERR_OK)
		journal_inspect_close(i);
	else
		*out_i = i;
	return e;
}

static void close_file(struct journal_inspect *i)
{
	must(i->buf.file >= -1);
	if (i->buf.file >= 0)
		i->disk->ops->close(i->disk, i->buf.file);
	filebuf_turn_to(&i->buf, -1);
}

void journal_inspect_close(struct journal_inspect *own_i)
{
	if (!own_i)
		return;
	close_file(own_i);
	filebuf_fini(&own_i->buf, own_i->mem);
	if (own_i->store.file >= 0)
		own_i->disk->ops->close(own_i->disk, own_i->store.file);
	if (atomic_load_explicit(&own_i->segments.slots, memory_order_relaxed))
		segments_fini(&own_i->segments, own_i->mem);
	mem_put(own_i->mem, own_i, sizeof *own_i);
}

uint64_t journal_inspect_damage_n(const struct journal_inspect *i)
{
	return i->damage_n;
}

/* ---- the store and the checkpoint ------------------------------------------------------- */

static bool next_slot(struct journal_inspect *i, struct text *out)
{
	must(i->phase == SLOTS && i->slot <= 2);
	uint32_t slot = i->slot++;
	if (slot == 2) {
		i->phase = UNITS;
		return false;
	}
	const struct head *h = &i->store.slot[slot];
	if (!i->store.has_slot[slot])
		return false;
	text_putf(out, "store %016llx cluster %016llx checkpoint %llu file %llu end %llu",
		  (ull)h->store, (ull)h->cluster, (ull)h->number, (ull)h->file, (ull)h->end);
	text_putf(out, " floor %u:%u units %llu%s", loc_segment(h->floor), loc_offset(h->floor),
		  (ull)h->units_n, slot == 0 ? "" : " (the one before)");
	if (h->features)
		text_putf(out, " features %llx", (ull)h->features);
	return true;
}

/* damaged counts and says where. */
static bool damaged(struct journal_inspect *i, const struct path *p, uint64_t at, const char *what,
		    struct text *out)
{
	must(what != NULL);
	i->damage_n++;
	text_putf(out, "%s: DAMAGED at byte %llu: %s", p->z, (ull)at, what);
	return true;
}

static bool open_checkpoint(struct journal_inspect *i, const struct path *p, struct text *out)
{
	struct slice s;
	struct head file;
	const struct head *h = &i->store.slot[0];
	must(h->file != 0);
	int handle;
	i->at = h->end;
	if (i->disk->ops->open(i->disk, p->z, DISK_READ, &handle) != ERR_OK)
		return damaged(i, p, 0, "it cannot be opened", out);
	filebuf_turn_to(&i->buf, handle);
	if (filebuf_get(&i->buf, 0, HEAD_BYTES, &s) != ERR_OK ||
	    head_get(s, HEAD_CHECKPOINT, &file) != ERR_OK || file.store != h->store ||
	    file.number != h->file)
		return damaged(i, p, 0, "its head", out);
	i->at = CHECKPOINT_FILE_AT;
	return false;
}

static void print_unit(const struct path *p, uint64_t at, const struct unit *u, struct text *out)
{
	must(u->kind > 0 && u->kind < UNIT_KIND_N);
	static const char *const kinds[] = { "", "unit", "gone", "shard", "pad" };
	text_putf(out, "%s: %llu %s shard %u", p->z, (ull)at, kinds[u->kind], u->shard);
	if (u->kind == UNIT_SHARD)
		text_putf(out, " index %llu epoch %llu", (ull)u->a, (ull)u->b);
	else
		text_putf(out, " key %llu %llu bytes %zu", (ull)u->a, (ull)u->b, u->content.n);
	text_putf(out, " checkpoint %llu", (ull)u->checkpoint);
}

static bool next_unit(struct journal_inspect *i, struct text *out)
{
	must(i->phase == UNITS);
	const struct head *h = &i->store.slot[0];
	if (h->file == 0) {
		i->phase = SEGMENT;
		return false;
	}
	struct path p = path_of(PATH_CHECKPOINT, (uint32_t)h->file);
	if (i->at == 0 && open_checkpoint(i, &p, out))
		return true;
	struct unit u = { 0 };
	uint64_t from = i->at;
	bool is_more = false;
	if (i->at < h->end && checkpoint_next(&i->buf, &i->at, h->end, &u, &is_more) != ERR_OK) {
		i->at = h->end;
		return damaged(i, &p, from, "a unit; the rest is not looked at", out);
	}
	if (!is_more) {
		close_file(i);
		i->phase = SEGMENT;
		text_putf(out, "%s: %llu units in %llu bytes", p.z, (ull)i->units_n, (ull)h->end);
		return true;
	}
	i->units_n++;
	if (i->mode == INSPECT_VERIFY)
		return false;
	print_unit(&p, from, &u, out);
	return true;
}

/* ---- segments --------------------------------------------------------------------------- */

static struct path segment_path(const struct journal_inspect *i)
{
	must(i->seg != NULL);
	return path_of(PATH_SEGMENT, i->seg->number);
}

static bool next_segment(struct journal_inspect *i, struct text *out)
{
	must(i->phase == SEGMENT);
	close_file(i);
	i->seg = segments_after(&i->segments, i->seg ? i->seg->number : 0);
	if (!i->seg) {
		i->phase = END;
		return false;
	}
	struct path p = segment_path(i);
	struct slice s;
	struct head h;
	int file;
	if (i->disk->ops->open(i->disk, p.z, DISK_READ, &file) != ERR_OK)
		return damaged(i, &p, 0, "it cannot be opened", out);
	filebuf_turn_to(&i->buf, file);
	i->phase = COMMITS;
	i->is_first = true;
	i->commit_at = SEGMENT_DATA_AT;
	i->commits_n = i->records_n = 0;
	if (filebuf_get(&i->buf, 0, HEAD_BYTES, &s) != ERR_OK ||
	    head_get(s, HEAD_SEGMENT, &h) != ERR_OK || h.number != i->seg->number)
		return damaged(i, &p, 0, "its head", out);
	if (h.store != i->store.slot[0].store)
		return damaged(i, &p, 0, "it belongs to another store", out);
	if (i->mode == INSPECT_VERIFY)
		return false;
	text_putf(out, "%s: segment of %llu bytes", p.z, (ull)h.end);
	return true;
}

/* is_gap_allowed: the commit before `c` lay in a segment that was needed no longer. */
static bool is_gap_allowed(const struct journal_inspect *i, const struct commit *c)
{
	must(i->is_first);
	uint32_t before = loc_segment(c->prev), floor = loc_segment(i->store.slot[0].floor);
	return before != loc_segment(i->last_loc) && (before < floor || floor == 0);
}

/* follows says whether a whole commit belongs behind the last one. */
static bool follows(const struct journal_inspect *i, const struct commit *c)
{
	must(c->number != 0);
	if (commit_follows(c, &i->last, i->last_loc))
		return true;
	return i->is_first && (i->last.number == 0 || is_gap_allowed(i, c));
}

/* find_later looks through the rest of the file for a commit that says that number `lost` was
 * durable. */
static bool find_later(struct journal_inspect *i, uint64_t lost, uint32_t *out_at)
{
	must(lost > 0 && i->commit_at % COMMIT_ALIGN == 0);
	for (uint32_t at = i->commit_at + COMMIT_ALIGN;; at += COMMIT_ALIGN) {
		struct slice s;
		struct commit c;
		if (filebuf_get(&i->buf, at, COMMIT_HEAD_BYTES, &s) != ERR_OK ||
		    s.n < COMMIT_HEAD_BYTES)
			return false;
		if (commit_get(s, i->seg->number, &c) == ERR_OK && c.synced >= lost) {
			*out_at = at;
			return true;
		}
	}
}

static void print_commit(const struct path *p, uint32_t at, const struct commit *c,
			 struct text *out)
{
	must(at % COMMIT_ALIGN == 0);
	text_putf(out, "%s: %u commit %llu bytes %u records %u synced %llu before %u:%u", p->z, at,
		  (ull)c->number, c->bytes, c->records_n, (ull)c->synced, loc_segment(c->prev),
		  loc_offset(c->prev));
}

static bool take_commit(struct journal_inspect *i, const struct path *p, const struct commit *c,
			struct text *out)
{
	must(c->bytes >= COMMIT_HEAD_BYTES);
	i->last = *c;
	i->last_loc = loc_of(i->seg->number, i->commit_at);
	i->is_first = false;
	i->commits_n++;
	i->records_n += c->records_n;
	uint32_t at = i->commit_at;
	i->commit_at += commit_space(c->bytes);
	i->record_at = at + COMMIT_HEAD_BYTES;
	i->records_end = at + c->bytes;
	i->phase = RECORDS;
	if (i->mode == INSPECT_VERIFY)
		return false;
	print_commit(p, at, c, out);
	return true;
}

static bool next_commit(struct journal_inspect *i, struct text *out)
{
	must(i->phase == COMMITS && i->commit_at >= SEGMENT_DATA_AT);
	struct path p = segment_path(i);
	struct commit c = { 0 };
	enum err e = recover_commit(&i->buf, i->seg->number, i->commit_at, &c);
	if (e == ERR_OK && follows(i, &c))
		return take_commit(i, &p, &c, out);
	uint32_t at = i->commit_at;
	if (e == ERR_OK) { /* whole, but something is missing before it */
		i->last.number = c.number - 1;
		i->last.crc = c.prev_crc;
		i->last_loc = c.prev;
		return damaged(i, &p, at, "the commit before it is missing", out);
	}
	if (find_later(i, i->is_first ? 1 : i->last.number + 1, &i->commit_at)) {
		i->is_first = true; /* what comes behind the damage follows nothing */
		i->last.number = 0;
		return damaged(i, &p, at, "a commit", out);
	}
	i->phase = SEGMENT;
	text_putf(out, "%s: %llu commits, %llu records, end at byte %u%s", p.z, (ull)i->commits_n,
		  (ull)i->records_n, at, c.number != 0 ? " (a torn write behind it)" : "");
	return true;
}

static void print_record(const struct path *p, uint32_t at, const struct record *r,
			 struct text *out)
{
	static const char *const kinds[] = { "?", "outcomes", "truncate", "body" };
	must(at % RECORD_ALIGN == 0);
	text_putf(out, "%s: %u record %s shard %u epoch %llu index %llu time %llu body %zu", p->z,
		  at, kinds[r->kind < RECORD_KIND_N ? r->kind : 0], r->shard, (ull)r->epoch,
		  (ull)r->index, (ull)r->wall_ms, r->body.n);
}

static bool next_record(struct journal_inspect *i, struct text *out)
{
	must(i->phase == RECORDS && i->record_at <= i->records_end);
	struct path p = segment_path(i);
	struct slice s;
	uint32_t space, at = i->record_at;
	if (at >= i->records_end || filebuf_get(&i->buf, at, i->records_end - at, &s) != ERR_OK) {
		i->phase = COMMITS;
		return false;
	}
	struct record r = record_view(s, &space);
	i->record_at += space;
	if (i->look && !i->look->makes_sense(i->look->arg, &r))
		return damaged(i, &p, at, "a whole record, but what it says makes no sense", out);
	if (i->mode == INSPECT_VERIFY)
		return false;
	print_record(&p, at, &r, out);
	if (i->look)
		i->look->describe(i->look->arg, &r, out);
	return true;
}

bool journal_inspect_next(struct journal_inspect *i, struct text *out_line)
{
	while (i->phase != END) {
		bool is_line = false;
		switch (i->phase) {
		case SLOTS: is_line = next_slot(i, out_line); break;
		case UNITS: is_line = next_unit(i, out_line); break;
		case SEGMENT: is_line = next_segment(i, out_line); break;
		case COMMITS: is_line = next_commit(i, out_line); break;
		case RECORDS: is_line = next_record(i, out_line); break;
		case END: break;
		}
		if (is_line)
			return true;
	}
	return false;
}
