#include "base/text.h"
#include "core/logged.h"
#include "salvage/state.h"

enum err map_set(struct salvage *s, struct map *m, uint64_t key, uint64_t value)
{
	must(key != MAP_KEY_NONE);
	TRY(map_make_room(m, s->mem, "salvage"));
	map_put(m, key, value);
	return ERR_OK;
}

/* ---- transactions ----------------------------------------------------------------------- */

static enum err scan_tx(struct salvage *s, struct lane *l, const struct record *rec,
			const struct run *o)
{
	uint64_t known = 0;
	(void)map_get(&s->txs, o->arg, &known);
	must(rec->shard > 0);
	if (o->kind == OUTCOME_TX_PREPARE && l->is_behind_gap) {
		struct headless h = { l->gap_end, o->arg, rec->shard };
		TRY(deque_push(&s->headless, s->mem, &h));
	}
	l->is_behind_gap = false;
	if (o->kind == OUTCOME_TX_END)
		known |= TX_HAS_ENDED;
	if (o->kind == OUTCOME_TX_ABORT)
		known |= TX_HAS_ABORTED;
	return o->arg && o->arg != MAP_KEY_NONE ? map_set(s, &s->txs, o->arg, known) : ERR_OK;
}

bool scan_is_nothing(const struct salvage *s, uint64_t id)
{
	uint64_t known = 0;
	(void)map_get(&s->txs, id, &known);
	must(id != 0);
	if (known & (TX_HAS_ENDED | TX_HAS_ABORTED))
		return (known & TX_HAS_ENDED) == 0;
	return !s->is_any_lost;
}

uint64_t scan_headless(const struct salvage *s, uint16_t shard, uint64_t index)
{
	must(shard < SALVAGE_SHARDS);
	for (size_t i = 0; i < s->headless.n; i++) {
		const struct headless *h = deque_at(&s->headless, i);
		if (h->shard == shard && h->index == index)
			return h->id;
	}
	return 0;
}

/* ---- declarations ----------------------------------------------------------------------- */

static enum err scan_queue(struct salvage *s, const struct run *o, struct place at)
{
	must(o->queue != 0);
	if (o->kind == OUTCOME_QUEUE_DELETE)
		return map_set(s, &s->deleted, o->queue, 1);
	if (o->kind != OUTCOME_QUEUE_DECLARE)
		return ERR_OK;
	TRY(deque_push(&s->places, s->mem, &at));
	return map_set(s, &s->declared, o->queue, s->places.n - 1);
}

static bool is_of_tx(const struct run *o)
{
	return o->kind >= OUTCOME_TX_BEGIN && o->kind <= OUTCOME_TX_ABORT;
}

static enum err scan_runs(struct salvage *s, struct lane *l, const struct wreck_item *item)
{
	struct slice body = item->record.body;
	struct rd r = rd_of(body);
	must(l != NULL);
	while (rd_left(&r) > 0) {
		uint32_t from = (uint32_t)(body.n - rd_left(&r));
		if (logged_get(&r, body, s->room, LOGGED_RUN_BYTES) != ERR_OK)
			return ERR_OK; /* said when it is replayed */
		struct place at = { item->loc + from, (uint32_t)(body.n - rd_left(&r)) - from };
		bool is_catalogs = item->record.shard == 0;
		if (is_catalogs && (s->room->kind == OUTCOME_QUEUE_DECLARE ||
				    s->room->kind == OUTCOME_QUEUE_DELETE))
			TRY(scan_queue(s, s->room, at));
		else if (!is_catalogs && is_of_tx(s->room))
			TRY(scan_tx(s, l, &item->record, s->room));
	}
	return ERR_OK;
}

bool scan_is_new(const struct salvage *s, const struct wreck_item *item, uint64_t *io_index)
{
	const struct lane *l = &s->lane[item->record.shard];
	must(item->record.index > 0);
	if (l->is_unknown && item->loc < wreck_floor(s->in))
		return false;
	bool is_first = l->is_unknown && *io_index <= l->restored;
	if (is_first && item->record.index > *io_index)
		*io_index = item->record.index - 1;
	return item->record.index > *io_index;
}

enum err scan_record(struct salvage *s, const struct wreck_item *item)
{
	const struct record *rec = &item->record;
	if (rec->kind != RECORD_OUTCOMES || rec->shard >= SALVAGE_SHARDS)
		return ERR_OK;
	struct lane *l = &s->lane[rec->shard];
	if (rec->index > 0 && scan_is_new(s, item, &l->scanned)) {
		if (rec->index > l->scanned + 1) {
			s->is_any_lost = true;
			l->is_behind_gap = true;
			l->gap_end = rec->index;
		}
		l->scanned = rec->index;
	} else if (rec->shard != 0) {
		return ERR_OK; /* the checkpoint has it */
	}
	must(l->scanned > 0);
	return scan_runs(s, l, item);
}
