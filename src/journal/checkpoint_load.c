#include "journal/checkpoint.h"

#include "base/text.h"
#include "journal/state.h"

enum err checkpoint_next(struct filebuf *f, uint64_t *at, uint64_t end, struct unit *out_u,
			 bool *out_more)
{
	must(*at >= CHECKPOINT_FILE_AT && *at % 8 == 0);
	*out_more = *at < end;
	if (!*out_more)
		return ERR_OK;
	struct slice s;
	uint32_t space;
	size_t n = (size_t)min_u64(end - *at, UNIT_HEAD_BYTES + UNIT_CONTENT_MAX);
	TRY(filebuf_get(f, *at, n, &s));
	if (unit_get(s, out_u, &space) != ERR_OK)
		return ERR_CORRUPT;
	*at += space;
	return ERR_OK;
}

size_t checkpoint_buffer_bytes(const struct head *h)
{
	must(h->kind == HEAD_STORE);
	uint64_t least = UNIT_HEAD_BYTES + UNIT_CONTENT_MAX;
	return (size_t)min_u64(max_u64(h->end, least), CHECKPOINT_READ_BYTES);
}

enum err checkpoint_take(struct journal *j, const struct unit *u, uint64_t at)
{
	must(at >= CHECKPOINT_FILE_AT && u->kind < UNIT_KIND_N);
	struct checkpoint *c = &j->checkpoint;
	if (u->kind == UNIT_GONE) {
		(void)units_del(&c->units, u->shard, u->a, u->b);
	} else if (u->kind == UNIT_CONTENT) {
		TRY(units_make_room(&c->units, j->mem));
		uint32_t space = unit_space((uint32_t)u->content.n);
		units_put(&c->units, &(struct unit_row){ u->a, u->b, at, space, u->shard, 0 });
	} else if (u->kind == UNIT_SHARD) {
		if (u->shard >= JOURNAL_SHARDS_MAX || u->content.n != sizeof(uint64_t))
			return ERR_CORRUPT;
		c->shards.is_there[u->shard] = true;
		c->shards.at[u->shard] = (struct ckpt_shard){ u->shard, u->a, u->b,
							      load_le64(u->content.p), 0 };
	}
	return ERR_OK;
}

static enum err load_units(struct journal *j, const struct head *h, struct filebuf *f, uint64_t *at)
{
	must(h->file != 0);
	struct slice s;
	struct head file;
	TRY(filebuf_get(f, 0, HEAD_BYTES, &s));
	if (head_get(s, HEAD_CHECKPOINT, &file) != ERR_OK || file.store != h->store ||
	    file.number != h->file)
		return ERR_CORRUPT;
	*at = CHECKPOINT_FILE_AT;
	for (;;) {
		struct unit u = { 0 };
		bool is_more;
		uint64_t from = *at;
		TRY(checkpoint_next(f, at, h->end, &u, &is_more));
		if (!is_more)
			return j->checkpoint.units.n == h->units_n ? ERR_OK : ERR_CORRUPT;
		if (u.checkpoint > h->number) {
			*at = from;
			return ERR_CORRUPT;
		}
		TRY(checkpoint_take(j, &u, from));
	}
}

enum err checkpoint_load(struct journal *j, const struct head *h, struct filebuf *f,
			 struct text *why)
{
	struct checkpoint *c = &j->checkpoint;
	uint64_t at = 0;
	must(h->file <= UINT32_MAX);
	units_clear(&c->units);
	c->shards = (struct ckpt_shards){ 0 };
	c->now = *h;
	if (h->file == 0)
		return ERR_OK;
	struct path p = path_of(PATH_CHECKPOINT, (uint32_t)h->file);
	int file;
	enum err e = j->disk->ops->open(j->disk, p.z, DISK_READ | DISK_WRITE, &file);
	if (e != ERR_OK) {
		text_putf(why, "%s: %s", p.z, j->disk->ops->why(j->disk));
		return e;
	}
	filebuf_turn_to(f, file);
	e = load_units(j, h, f, &at);
	if (e == ERR_OK) {
		if (c->file >= 0)
			j->disk->ops->close(j->disk, c->file);
		c->file = file;
		c->file_number = (uint32_t)h->file;
		c->at = h->end;
		return ERR_OK;
	}
	j->disk->ops->close(j->disk, file);
	text_putf(why, "%s: checkpoint %llu is %s at byte %llu", p.z, (unsigned long long)h->number,
		  e == ERR_CORRUPT ? "damaged" : "unreadable", (unsigned long long)at);
	return e;
}
