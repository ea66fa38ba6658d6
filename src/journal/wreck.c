#include "journal/wreck.h"

#include "base/text.h"
#include "journal/wreck_state.h"

#define NAMES_BYTES (1u << 22)

bool wreck_turn_to(struct wreck *s, const struct path *p)
{
	int file;
	must(s->buf.cap > 0);
	if (s->buf.file >= 0)
		s->disk->ops->close(s->disk, s->buf.file);
	filebuf_turn_to(&s->buf, -1);
	s->file_bytes = 0;
	if (s->disk->ops->open(s->disk, p->z, DISK_READ, &file) != ERR_OK)
		return false;
	filebuf_turn_to(&s->buf, file);
	return s->disk->ops->size(s->disk, file, &s->file_bytes) == ERR_OK;
}

/* ---- open ------------------------------------------------------------------------------- */

static enum err find_segments(struct wreck *s)
{
	must(s->segments.n == 0);
	char *names = mem_get(s->mem, NAMES_BYTES, "names");
	if (!names)
		return ERR_LIMIT;
	size_t len = 0;
	enum err e = s->disk->ops->list(s->disk, PATH_SEGMENTS, names, NAMES_BYTES, &len);
	for (size_t at = 0; e == ERR_OK && at < len; at += strlen(names + at) + 1) {
		uint32_t number;
		struct segment *seg;
		if (path_number(PATH_SEGMENT, names + at, &number))
			e = segments_add(&s->segments, s->mem, number, false, &seg);
	}
	mem_put(s->mem, names, NAMES_BYTES);
	return e == ERR_LIMIT ? ERR_LIMIT : ERR_OK;
}

static bool segment_head(struct wreck *s, const struct segment *seg, struct head *out)
{
	struct path p = path_of(PATH_SEGMENT, seg->number);
	struct slice bytes;
	must(seg->number != 0);
	return wreck_turn_to(s, &p) && filebuf_get(&s->buf, 0, HEAD_BYTES, &bytes) == ERR_OK &&
	       head_get(bytes, HEAD_SEGMENT, out) == ERR_OK && out->number == seg->number;
}

/* Without a store the segments say whose they are. */
static void learn_store(struct wreck *s)
{
	struct head h;
	must(s->store_id == 0);
	for (const struct segment *seg = NULL;
	     (seg = segments_after(&s->segments, seg ? seg->number : 0)) != NULL;)
		if (segment_head(s, seg, &h)) {
			s->store_id = h.store;
			s->cluster_id = h.cluster;
			return;
		}
}

static enum err open_all(struct wreck *s, struct text *why)
{
	char room[256];
	struct text ignored = text_of(room, sizeof room);
	TRY(segments_init(&s->segments, s->mem));
	TRY(filebuf_init(&s->buf, s->disk, s->mem, RECOVER_BUFFER_BYTES));
	TRY(find_segments(s));
	enum err e = store_open(s->disk, DISK_READ, &s->store, &ignored);
	must(e != ERR_OK || s->store.has_slot[0]);
	if (e == ERR_NOT_IMPLEMENTED) {
		text_put_slice(why, text_slice(&ignored));
		return e;
	}
	if (e != ERR_OK && s->segments.n == 0) {
		text_putf(why, "there is no %s and no segment, so there is nothing to save",
			  PATH_STORE);
		return ERR_NOT_FOUND;
	}
	if (e == ERR_OK) {
		s->store_id = s->store.slot[0].store;
		s->cluster_id = s->store.slot[0].cluster;
	} else {
		s->store = (struct store){ .file = -1 };
		learn_store(s);
	}
	return wreck_choose(s);
}

enum err wreck_open(struct disk *d, struct mem *mem, struct wreck **out_s, struct text *why)
{
	must(d != NULL && mem != NULL);
	struct wreck *s = mem_get(mem, sizeof *s, "wreck");
	if (!s)
		return ERR_LIMIT;
	memset(s, 0, sizeof *s);
	patient_init(&s->patient, d);
	s->disk = &s->patient.disk;
	s->mem = mem;
	s->store.file = s->buf.file = s->reading = -1;
	deque_init(&s->holes, sizeof(struct wreck_hole), "holes");
	enum err e = open_all(s, why);
	if (e != ERR_OK)
		wreck_close(s);
	else
		*out_s = s;
	return e;
}

static void close_file(struct wreck *s, int file)
{
	must(file >= -1);
	if (file >= 0)
		s->disk->ops->close(s->disk, file);
}

void wreck_close(struct wreck *own_s)
{
	if (!own_s)
		return;
	struct mem *mem = own_s->mem;
	close_file(own_s, own_s->buf.file);
	close_file(own_s, own_s->store.file);
	close_file(own_s, own_s->reading);
	filebuf_fini(&own_s->buf, mem);
	units_fini(&own_s->units, mem);
	deque_fini(&own_s->holes, mem);
	if (atomic_load_explicit(&own_s->segments.slots, memory_order_relaxed))
		segments_fini(&own_s->segments, mem);
	mem_put(mem, own_s, sizeof *own_s);
}

uint64_t wreck_cluster(const struct wreck *s)
{
	return s->cluster_id;
}

uint64_t wreck_floor(const struct wreck *s)
{
	must(s->phase >= WRECK_AT_UNITS);
	return s->chosen.floor;
}

bool wreck_is_in_pieces(const struct wreck *s)
{
	must(s->phase >= WRECK_AT_UNITS);
	return s->is_in_pieces;
}

/* ---- what can be read ------------------------------------------------------------------- */

static bool next_shard(struct wreck *s, struct wreck_item *out)
{
	must(s->shard_at <= JOURNAL_SHARDS_MAX);
	while (s->shard_at < JOURNAL_SHARDS_MAX &&
	       !(s->shards.is_there[s->shard_at] &&
		 s->shard_checkpoint[s->shard_at] == s->newest_checkpoint))
		s->shard_at++;
	if (s->shard_at == JOURNAL_SHARDS_MAX)
		return false;
	*out = (struct wreck_item){ .kind = WRECK_SHARD, .shard = s->shards.at[s->shard_at++] };
	return true;
}

bool wreck_next(struct wreck *s, struct wreck_item *out, struct text *said, enum err *out_err)
{
	*out_err = ERR_OK;
	*out = (struct wreck_item){ 0 };
	must(s->phase <= WRECK_AT_LOG);
	if (s->phase == WRECK_AT_UNITS) {
		if (wreck_unit(s, out))
			return true;
		s->phase = WRECK_AT_SHARDS;
	}
	if (s->phase == WRECK_AT_SHARDS) {
		if (next_shard(s, out))
			return true;
		s->phase = WRECK_AT_HOLES;
	}
	if (s->phase == WRECK_AT_HOLES) {
		if (wreck_hole(s, out, said))
			return true;
		wreck_again(s);
		return false; /* the log comes next, as often as it is asked for */
	}
	return wreck_log(s, out, said);
}

void wreck_again(struct wreck *s)
{
	must(s->phase >= WRECK_AT_HOLES);
	s->phase = WRECK_AT_LOG;
	s->seg = NULL;
	s->is_log_over = false;
	s->record_at = s->records_end = 0;
	s->last_loc = s->lost_loc = 0;
}

/* ---- single messages -------------------------------------------------------------------- */

static enum err open_for_reading(struct wreck *s, uint32_t segment)
{
	struct path p = path_of(PATH_SEGMENT, segment);
	must(segment != 0);
	close_file(s, s->reading);
	s->reading = -1;
	s->reading_segment = 0;
	TRY(s->disk->ops->open(s->disk, p.z, DISK_READ, &s->reading));
	s->reading_segment = segment;
	return ERR_OK;
}

enum err wreck_read(struct wreck *s, uint64_t loc, uint8_t *to, uint32_t bytes)
{
	uint32_t segment = loc_segment(loc);
	size_t n = 0;
	must(to != NULL && bytes > 0);
	if (segment == 0 || !segments_find(&s->segments, segment))
		return ERR_NOT_FOUND;
	if (s->reading_segment != segment)
		TRY(open_for_reading(s, segment));
	TRY(s->disk->ops->read(s->disk, s->reading, loc_offset(loc), to, bytes, &n));
	return n == bytes ? ERR_OK : ERR_CORRUPT;
}
