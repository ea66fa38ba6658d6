#include "base/text.h"
#include "salvage/state.h"

enum err write_turn(struct salvage *s)
{
	uint64_t wake;
	enum err e;
	must(s->out != NULL);
	(void)journal_write_step(s->out, &wake, &e);
	if (e == ERR_OK)
		(void)journal_keep_step(s->out, &wake, &e);
	if (e != ERR_OK)
		text_puts(s->why, journal_why(s->out));
	return e;
}

static enum err put(struct salvage *s, uint16_t shard, struct unit_key key, struct slice unit)
{
	must(shard < SALVAGE_SHARDS);
	while (!journal_checkpoint_put(s->out, shard, key.queue, key.chunk, unit))
		TRY(write_turn(s));
	return ERR_OK;
}

static bool next(struct salvage *s, uint16_t shard, struct unit_key *out_key, uint32_t *out_len)
{
	must(s->stored != NULL);
	if (shard == 0)
		return catalog_checkpoint_next(s->catalog, out_key, s->stored, CHECKPOINT_UNIT_MAX,
					       out_len);
	return core_checkpoint_next(s->core[shard], out_key, s->stored, CHECKPOINT_UNIT_MAX,
				    out_len);
}

static enum err write_shard(struct salvage *s, uint16_t shard)
{
	const struct lane *l = &s->lane[shard];
	struct unit_key key;
	uint32_t len;
	must(shard < SALVAGE_SHARDS && CHECKPOINT_UNIT_MAX <= LIMIT_RECORD_BYTES_MAX);
	if (shard == 0) {
		catalog_checkpoint_all(s->catalog);
		catalog_checkpoint_begin(s->catalog);
	} else {
		core_checkpoint_all(s->core[shard]);
		core_checkpoint_begin(s->core[shard]);
	}
	while (next(s, shard, &key, &len))
		if (len > 0)
			TRY(put(s, shard, key, slice_of(s->stored, len)));
	const uint64_t features = shard == 0 ? catalog_features(s->catalog)
					     : core_features(s->core[shard]);
	journal_checkpoint_shard(
		s->out, &(struct ckpt_shard){ shard, l->index, l->epoch, l->wall_ms, features });
	if (shard == 0)
		catalog_checkpoint_end(s->catalog, true);
	else
		core_checkpoint_end(s->core[shard], true);
	return ERR_OK;
}

enum err write_all(struct salvage *s)
{
	bool is_begun = journal_checkpoint_begin(s->out);
	must(is_begun);
	for (uint16_t no = 0; no < SALVAGE_SHARDS; no++) {
		uint64_t id = 0;
		TRY(write_shard(s, no));
		while (no > 0 && (id = core_queue_next(s->core[no], id)) != 0)
			s->sum.queues_n++;
	}
	journal_checkpoint_end(s->out);
	while (journal_checkpoint_done(s->out) == 0) {
		TRY(write_turn(s));
		if (journal_checkpoint_failed(s->out) > 0) {
			text_puts(s->why, "the new directory has no room for the checkpoint");
			return ERR_NO_SPACE;
		}
	}
	journal_close(s->out);
	s->out = NULL;
	return ERR_OK;
}
