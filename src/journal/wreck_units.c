#include "base/text.h"
#include "journal/wreck_state.h"

#include "base/byteorder.h"
#include "base/crc32c.h"

/* The table of a checkpoint's units: from a whole one, or from what is whole of one. */

#define UNIT_BYTES_MAX (UNIT_HEAD_BYTES + UNIT_CONTENT_MAX)

typedef unsigned long long ull;

/* unit_at: a whole unit lies at `at`, before `end`. */
static bool unit_at(struct wreck *s, uint64_t at, uint64_t end, struct unit *out_u,
		    uint32_t *out_space)
{
	struct slice bytes;
	must(at % 8 == 0);
	size_t n = at < end ? (size_t)min_u64(end - at, UNIT_BYTES_MAX) : 0;
	if (n < UNIT_HEAD_BYTES || filebuf_get(&s->buf, at, n, &bytes) != ERR_OK ||
	    unit_get(bytes, out_u, out_space) != ERR_OK || out_u->shard >= JOURNAL_SHARDS_MAX)
		return false;
	if (out_u->checkpoint > s->chosen.number)
		return false;
	return out_u->kind != UNIT_SHARD || out_u->content.n == sizeof(uint64_t);
}

static enum err take(struct wreck *s, const struct unit *u, uint64_t at, uint32_t space)
{
	must(u->kind < UNIT_KIND_N && space > 0);
	if (u->kind == UNIT_GONE) {
		(void)units_del(&s->units, u->shard, u->a, u->b);
	} else if (u->kind == UNIT_CONTENT) {
		TRY(units_make_room(&s->units, s->mem));
		units_put(&s->units, &(struct unit_row){ u->a, u->b, at, space, u->shard, 0 });
	} else if (u->kind == UNIT_SHARD) {
		s->shards.is_there[u->shard] = true;
		s->shard_checkpoint[u->shard] = u->checkpoint;
		s->newest_checkpoint = max_u64(s->newest_checkpoint, u->checkpoint);
		s->shards.at[u->shard] = (struct ckpt_shard){ u->shard, u->a, u->b,
							      load_le64(u->content.p), 0 };
	}
	return ERR_OK;
}

/* mend_head looks for one flipped bit in a damaged unit's head that would explain its sum; if there
 * is one, the head says which unit it is. Its bytes field stays out: it is known to be right. */
static void mend_head(uint8_t *head, struct slice content)
{
	uint32_t rest = crc32c_extend(0, content.p, content.n);
	must(content.n <= UNIT_CONTENT_MAX);
	for (uint32_t bit = 8 * 8; bit < 8 * UNIT_HEAD_BYTES; bit++) {
		head[bit / 8] ^= (uint8_t)(1u << bit % 8);
		uint32_t sum = crc32c_extend(0, head + 4, UNIT_HEAD_BYTES - 4);
		if (crc32c_join(sum, rest, content.n) == load_le32(head))
			return;
		head[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
}

/* What a damaged unit says of itself is believed when another one begins where it ends. */
static uint64_t end_of_damaged(struct wreck *s, uint64_t at, uint64_t end, struct wreck_hole *out)
{
	struct slice p;
	struct unit u;
	uint8_t head[UNIT_HEAD_BYTES];
	uint32_t space;
	must(at < end);
	if (filebuf_get(&s->buf, at, UNIT_HEAD_BYTES, &p) != ERR_OK || p.n < UNIT_HEAD_BYTES)
		return 0;
	uint32_t bytes = load_le32(p.p + 4);
	uint64_t next = at + align_up(bytes, 8);
	if (bytes < UNIT_HEAD_BYTES || bytes > UNIT_BYTES_MAX || next > end ||
	    (next < end && !unit_at(s, next, end, &u, &space)))
		return 0;
	if (filebuf_get(&s->buf, at, bytes, &p) != ERR_OK || p.n < bytes)
		return 0;
	memcpy(head, p.p, sizeof head);
	mend_head(head, slice_from(p, sizeof head));
	uint16_t kind = load_le16(head + 8), shard = load_le16(head + 10);
	if (kind == 0 || kind >= UNIT_KIND_N || shard >= JOURNAL_SHARDS_MAX ||
	    load_le32(head + 12) != 0 || load_le64(head + 16) > s->chosen.number)
		return 0;
	*out = (struct wreck_hole){ at,
				    next,
				    load_le64(head + 24),
				    load_le64(head + 32),
				    shard,
				    kind == UNIT_CONTENT || kind == UNIT_GONE };
	return next;
}

/* pass_damage notes a damaged place and gives where the next whole unit begins. An older version of
 * the unit that was there says what holds no more. */
static enum err pass_damage(struct wreck *s, uint64_t at, uint64_t end, uint64_t *out_at)
{
	struct wreck_hole h = { .from = at };
	struct unit u;
	uint32_t space;
	uint64_t next = end_of_damaged(s, at, end, &h);
	must(at < end);
	if (next == 0)
		for (next = at + 8; next < end && !unit_at(s, next, end, &u, &space); next += 8)
			;
	h.to = next = min_u64(next, end);
	if (h.is_unit && s->units.rows)
		(void)units_del(&s->units, h.shard, h.a, h.b);
	*out_at = next;
	return deque_push(&s->holes, s->mem, &h);
}

static bool open_file(struct wreck *s, const struct head *h)
{
	struct path p = path_of(PATH_CHECKPOINT, (uint32_t)h->file);
	struct head file;
	struct slice bytes;
	must(h->file != 0 && h->file <= UINT32_MAX);
	if (!wreck_turn_to(s, &p))
		return false;
	bool is_ours = filebuf_get(&s->buf, 0, HEAD_BYTES, &bytes) == ERR_OK &&
		       head_get(bytes, HEAD_CHECKPOINT, &file) == ERR_OK &&
		       file.store == s->store_id && file.number == h->file;
	return is_ours || s->is_in_pieces;
}

/* ERR_CORRUPT: it is not whole, and was to be. */
static enum err load(struct wreck *s, const struct head *h, bool in_pieces)
{
	s->chosen = *h;
	s->is_in_pieces = in_pieces;
	units_clear(&s->units);
	s->shards = (struct ckpt_shards){ 0 };
	s->newest_checkpoint = 0;
	deque_clear(&s->holes);
	if (!open_file(s, h))
		return ERR_CORRUPT;
	must(h->end >= CHECKPOINT_FILE_AT);
	uint64_t end = min_u64(h->end, align_up(s->file_bytes, 8));
	if (end < h->end && !in_pieces)
		return ERR_CORRUPT;
	for (uint64_t at = CHECKPOINT_FILE_AT; at < end;) {
		struct unit u;
		uint32_t space;
		if (unit_at(s, at, end, &u, &space)) {
			TRY(take(s, &u, at, space));
			at += space;
		} else if (in_pieces) {
			TRY(pass_damage(s, at, end, &at));
		} else {
			return ERR_CORRUPT;
		}
	}
	if (end < h->end) {
		struct wreck_hole cut = { .from = end, .to = h->end };
		return deque_push(&s->holes, s->mem, &cut);
	}
	return in_pieces || s->units.n == h->units_n ? ERR_OK : ERR_CORRUPT;
}

/* complete_end: where the last checkpoint of a file ends, which no store tells: its shards are the
 * last that it writes. 0: there is none. */
static uint64_t complete_end(struct wreck *s)
{
	uint64_t end = 0;
	must(s->is_in_pieces);
	for (uint64_t at = CHECKPOINT_FILE_AT; at < s->file_bytes;) {
		struct unit u;
		uint32_t space = 8;
		if (unit_at(s, at, s->file_bytes, &u, &space) && u.kind == UNIT_SHARD)
			end = at + space;
		at += space;
	}
	return end;
}

/* Without a store: the newest file that has a whole checkpoint. */
static enum err choose_file(struct wreck *s)
{
	char names[4096];
	size_t len = 0;
	uint64_t best = 0, end = 0;
	enum err e = s->disk->ops->list(s->disk, PATH_CHECKPOINTS, names, sizeof names, &len);
	s->is_in_pieces = true;
	s->chosen = (struct head){ .kind = HEAD_STORE, .number = UINT64_MAX };
	for (size_t at = 0; e == ERR_OK && at < len; at += strlen(names + at) + 1) {
		uint32_t number;
		if (!path_number(PATH_CHECKPOINT, names + at, &number) || number < best)
			continue;
		struct head h = { .file = number };
		uint64_t found = open_file(s, &h) ? complete_end(s) : 0;
		if (found) {
			best = number;
			end = found;
		}
	}
	must(best <= UINT32_MAX);
	s->chosen.file = best;
	s->chosen.end = end;
	struct head h = s->chosen;
	return best ? load(s, &h, true) : ERR_OK;
}

/* choose_slot takes the checkpoint that the store names, the one before, or pieces of the first. */
static enum err choose_slot(struct wreck *s, struct text *note)
{
	const struct head *slot = s->store.slot;
	bool has_before = s->store.has_slot[1] && slot[1].file != 0;
	must(s->store.has_slot[0]);
	if (slot[0].file == 0)
		return ERR_OK;
	enum err e = load(s, &slot[0], false);
	if (e == ERR_CORRUPT && has_before) {
		e = load(s, &slot[1], false);
		if (e == ERR_OK)
			text_putf(note, "checkpoint %llu is damaged; %llu, the one before, is used",
				  (ull)slot[0].number, (ull)slot[1].number);
	}
	if (e != ERR_CORRUPT)
		return e;
	e = load(s, &slot[0], true);
	if (e != ERR_CORRUPT)
		return e;
	struct path p = path_of(PATH_CHECKPOINT, (uint32_t)slot[0].file);
	text_putf(note, "%s, with checkpoint %llu, cannot be opened", p.z, (ull)slot[0].number);
	s->is_note_loss = true;
	s->chosen = (struct head){ .kind = HEAD_STORE };
	return ERR_OK;
}

enum err wreck_choose(struct wreck *s)
{
	struct text note = text_of(s->note, sizeof s->note);
	must(s->chosen.file == 0);
	if (s->store.file >= 0)
		return choose_slot(s, &note);
	TRY(choose_file(s));
	text_putf(&note, "%s is damaged or missing", PATH_STORE);
	if (s->chosen.file)
		text_putf(&note, "; the checkpoint is that of file %llu", (ull)s->chosen.file);
	s->is_note_loss = s->chosen.file == 0 || s->holes.n > 0;
	return ERR_OK;
}

bool wreck_unit(struct wreck *s, struct wreck_item *out)
{
	struct unit u;
	uint32_t space;
	if (s->chosen.file == 0)
		return false;
	if (s->unit_at == 0) {
		struct path p = path_of(PATH_CHECKPOINT, (uint32_t)s->chosen.file);
		s->unit_at = CHECKPOINT_FILE_AT;
		if (!wreck_turn_to(s, &p))
			return false;
	}
	while (s->unit_at < s->chosen.end) {
		uint64_t from = s->unit_at;
		bool is_whole = unit_at(s, from, s->chosen.end, &u, &space);
		s->unit_at += is_whole ? space : 8;
		const struct unit_row *row = is_whole && u.kind == UNIT_CONTENT
						     ? units_find(&s->units, u.shard, u.a, u.b)
						     : NULL;
		if (!row || row->at != from)
			continue;
		*out = (struct wreck_item){ .kind = WRECK_UNIT,
					    .unit = { u.shard, u.a, u.b, u.content } };
		return true;
	}
	must(s->unit_at >= s->chosen.end);
	return false;
}

bool wreck_hole(struct wreck *s, struct wreck_item *out, struct text *said)
{
	struct wreck_hole h;
	if (s->note[0]) {
		text_puts(said, s->note);
		s->note[0] = '\0';
		out->kind = s->is_note_loss ? WRECK_LOST : WRECK_DAMAGED;
		return true;
	}
	if (!deque_pop(&s->holes, &h))
		return false;
	must(s->chosen.file != 0 && h.from < h.to);
	struct path p = path_of(PATH_CHECKPOINT, (uint32_t)s->chosen.file);
	text_putf(said, "%s: bytes %llu to %llu", p.z, (ull)h.from, (ull)h.to - 1);
	*out = (struct wreck_item){ .kind = WRECK_LOST,
				    .unit = { h.shard, h.a, h.b, SLICE_EMPTY },
				    .is_unit = h.is_unit };
	return true;
}
