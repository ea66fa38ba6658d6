#include "sim/journal_rig_state.h"

#include "base/byteorder.h"

static bool restore_units(struct rig *r, struct text *why)
{
	for (;;) {
		struct ckpt_unit u;
		bool is_more;
		if (journal_recover_unit(r->journal, &u, &is_more, why) != ERR_OK)
			return false;
		if (!is_more)
			return true;
		if (u.shard >= RIG_SHARDS || u.a >= RIG_CELLS || u.b != 7 || u.bytes.n < 24) {
			rig_fails(r, "an invented unit", u.shard, u.a);
			return false;
		}
		struct cell *c = &r->shards[u.shard].cells[u.a];
		if (c->index != 0)
			rig_fails(r, "a unit comes twice", u.shard, u.a);
		c->index = load_le64(u.bytes.p);
		c->loc = load_le64(u.bytes.p + 8);
		c->len = load_le32(u.bytes.p + 16);
		if (u.bytes.n != 24 + c->index % 500)
			rig_fails(r, "a unit has changed", u.shard, u.a);
		rig_count_live(r, c, 1);
	}
}

/* check_cells compares a shard with what the records up to `index` make of an empty one. */
static void check_cells(struct rig *r, uint32_t shard, uint64_t index)
{
	struct shard *s = &r->shards[shard];
	uint64_t last[RIG_CELLS] = { 0 };
	for (uint64_t i = 1; i <= index; i++)
		last[rig_said(s, i)->cell] = i;
	for (uint32_t c = 0; c < RIG_CELLS; c++) {
		const struct cell *cell = &s->cells[c];
		bool is_empty = last[c] == 0 || rig_said(s, last[c])->len == EMPTIED;
		bool was_empty = cell->index == 0 || cell->len == EMPTIED;
		if (is_empty != was_empty || (!is_empty && cell->index != last[c]))
			rig_fails(r, "a cell is not what the log made it", shard, last[c]);
	}
}

/* How far each shard ever went, and how far it has come back. */
struct progress {
	uint64_t proposed[RIG_SHARDS], at[RIG_SHARDS];
};

static bool restore_shards(struct rig *r, struct progress *p)
{
	for (;;) {
		struct ckpt_shard row;
		bool is_more;
		if (journal_recover_shard(r->journal, &row, &is_more) != ERR_OK)
			return false;
		if (!is_more)
			break;
		if (row.shard >= RIG_SHARDS || row.index > p->proposed[row.shard]) {
			rig_fails(r, "a checkpoint of what never was", row.shard, row.index);
			return false;
		}
		p->at[row.shard] = row.index;
	}
	for (uint32_t s = 0; s < RIG_SHARDS; s++)
		check_cells(r, s, p->at[s]);
	return true;
}

static bool replay_one(struct rig *r, struct progress *p, const struct record *rec, uint64_t loc)
{
	if (rec->shard >= RIG_SHARDS || rec->index != p->at[rec->shard] + 1 ||
	    rec->index > p->proposed[rec->shard]) {
		rig_fails(r, "a record out of order", rec->shard, rec->index);
		return false;
	}
	const struct said *what = rig_said(&r->shards[rec->shard], rec->index);
	uint32_t bytes = what->len == EMPTIED ? 0 : what->len;
	if (rec->epoch != what->epoch || rec->body.n != HEAD_BYTES + bytes ||
	    load_le32(rec->body.p) != what->cell || load_le32(rec->body.p + 4) != what->len ||
	    !rig_content_is(rec->body.p + HEAD_BYTES, rec->shard, rec->index, bytes)) {
		rig_fails(r, "an invented record", rec->shard, rec->index);
		return false;
	}
	p->at[rec->shard]++;
	rig_apply(r, rec->shard, rec->index, loc);
	return true;
}

static bool restore_records(struct rig *r, struct progress *p, struct text *why)
{
	for (;;) {
		struct record rec;
		uint64_t loc;
		bool is_more;
		if (journal_recover_record(r->journal, &rec, &loc, &is_more, why) != ERR_OK)
			return false;
		if (!is_more)
			return true;
		if (!replay_one(r, p, &rec, loc))
			return false;
	}
}

bool rig_recover(struct rig *r, struct text *why)
{
	struct progress p = { 0 };
	for (uint32_t s = 0; s < RIG_SHARDS; s++) {
		p.proposed[s] = r->shards[s].repl.proposed;
		memset(r->shards[s].cells, 0, sizeof r->shards[s].cells);
	}
	if (!restore_units(r, why) || !restore_shards(r, &p) || !restore_records(r, &p, why) ||
	    journal_recovered(r->journal, why) != ERR_OK)
		return false;
	for (uint32_t s = 0; s < RIG_SHARDS; s++) {
		struct shard *sh = &r->shards[s];
		check_cells(r, s, p.at[s]);
		if (p.at[s] < sh->confirmed)
			rig_fails(r, "a durable record is lost", s, sh->confirmed);
		repl_init(&sh->repl, (uint16_t)s, sh->repl.epoch + 1, p.at[s], sh->repl.wall_ms);
		sh->confirmed = p.at[s];
	}
	return !r->failure[0];
}
