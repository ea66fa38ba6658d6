#include "journal/checkpoint.h"

#include "base/text.h"
#include "journal/state.h"

/* One unit of the newest checkpoint, again. It lies in one of the two files as long as no newer
 * unit has its key. */

static enum err unit_at(struct journal *j, const struct unit_row *row, uint8_t *to,
			struct unit *out)
{
	const struct checkpoint *c = &j->checkpoint;
	int file = row->is_old ? c->old_file : c->file;
	size_t got = 0;
	uint32_t space;
	must(file >= 0 && row->at >= CHECKPOINT_FILE_AT);
	TRY(j->disk->ops->read(j->disk, file, row->at, to, row->space, &got));
	if (got != row->space || unit_get(slice_of(to, got), out, &space) != ERR_OK)
		return ERR_CORRUPT;
	bool is_it = out->kind == UNIT_CONTENT && space == row->space && out->shard == row->shard &&
		     out->a == row->a && out->b == row->b;
	return is_it ? ERR_OK : ERR_CORRUPT;
}

static enum err read_unit(struct journal *j, const struct unit_row *row, uint8_t *to, uint32_t room,
			  uint32_t *out_bytes)
{
	struct unit u = { 0 };
	if (row->space > room)
		return ERR_CORRUPT;
	TRY(unit_at(j, row, to, &u));
	memmove(to, u.content.p, u.content.n);
	*out_bytes = (uint32_t)u.content.n;
	return ERR_OK;
}

static struct path path_of_row(const struct journal *j, const struct unit_row *row)
{
	const struct checkpoint *c = &j->checkpoint;
	return path_of(PATH_CHECKPOINT, row->is_old ? (uint32_t)c->now.file : c->file_number);
}

void checkpoint_answer(struct journal *j, struct jread *ask)
{
	must(ask->is_unit && ask->to);
	const struct unit_row *row = units_find(&j->checkpoint.units, ask->shard, ask->a, ask->b);
	ask->err = ERR_NOT_FOUND;
	if (!row)
		return;
	ask->err = read_unit(j, row, ask->to, ask->bytes, &ask->bytes);
	if (ask->err == ERR_OK)
		return;
	struct path p = path_of_row(j, row);
	(void)journal_break(j, ask->err, "read", &p, row->at);
}

enum err journal_recover_again(struct journal *j, const struct ckpt_unit *what, uint8_t *room,
			       uint32_t room_bytes, struct slice *out, struct text *why)
{
	const struct unit_row *row = units_find(&j->checkpoint.units, what->shard, what->a,
						what->b);
	uint32_t bytes = 0;
	must(room_bytes > UNIT_HEAD_BYTES);
	if (!row) {
		text_puts(why, "checkpoint/: a unit is missing: start once more");
		return ERR_CORRUPT;
	}
	enum err e = read_unit(j, row, room, room_bytes, &bytes);
	if (e != ERR_OK) {
		struct path p = path_of_row(j, row);
		text_putf(why, "%s: the unit at byte %llu cannot be read again: start once more",
			  p.z, (unsigned long long)row->at);
		return e;
	}
	*out = slice_of(room, bytes);
	return ERR_OK;
}
