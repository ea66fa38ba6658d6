#include "salvage/salvage.h"

#include "base/text.h"
#include "core/logged.h"
#include "salvage/state.h"
#include "wire/amqp091/headers.h"

/* ---- sentences -------------------------------------------------------------------------- */

struct text *say_lost(struct salvage *s)
{
	must(s->lines != NULL);
	s->sum.lost_n++;
	text_puts(s->lines, "lost: ");
	return s->lines;
}

void say_end(struct salvage *s)
{
	must(s->lines != NULL);
	text_putc(s->lines, '\n');
}

void say_queue(struct salvage *s, uint64_t queue)
{
	const struct catalog_view *v = catalog_view(s->catalog);
	const struct queue_record *q = catalog_queue_by_id(v, queue);
	must(queue != 0);
	if (!q) {
		text_putf(s->lines, "queue %llu", (unsigned long long)queue);
		return;
	}
	text_put_quoted_printable(s->lines, "queue ", queue_record_name(q));
	text_put_quoted_printable(s->lines, " in virtual host ", catalog_vhost_name(v, q->vhost));
}

/* ---- life ------------------------------------------------------------------------------- */

static enum err make_minds(struct salvage *s)
{
	must(s->catalog == NULL);
	s->room = mem_get(s->mem, LOGGED_RUN_BYTES, "salvage");
	s->catalog = catalog_new(s->mem, s->setup.store_id);
	if (!s->room || !s->catalog)
		return ERR_LIMIT;
	catalog_read_by(s->catalog, &amqp091_argument_ops);
	for (uint16_t no = 0; no < SALVAGE_SHARDS; no++) {
		s->lane[no] = (struct lane){ .index = 1, .epoch = 1, .scanned = 1 };
		s->lane[no].restored = 1;
		if (no > 0 && (s->core[no] = core_new(s->mem, no)) == NULL)
			return ERR_LIMIT;
	}
	return ERR_OK;
}

enum err salvage_open(const struct salvage_setup *setup, struct salvage **out_s, struct text *why)
{
	must(setup->from != setup->to && setup->store_id != 0);
	struct salvage *s = mem_get(setup->mem, sizeof *s, "salvage");
	if (!s)
		return ERR_LIMIT;
	memset(s, 0, sizeof *s);
	s->setup = *setup;
	s->mem = setup->mem;
	map_init(&s->txs, NULL, 0, 1);
	map_init(&s->declared, NULL, 0, 2);
	map_init(&s->deleted, NULL, 0, 3);
	map_init(&s->moved, NULL, 0, 4);
	map_init(&s->streams, NULL, 0, 5);
	deque_init(&s->headless, sizeof(struct headless), "salvage");
	deque_init(&s->places, sizeof(struct place), "salvage");
	deque_init(&s->lost_units, sizeof(struct unit_key), "salvage");
	deque_init(&s->wanted, sizeof(struct wanted), "salvage");
	deque_init(&s->found, sizeof(struct found), "salvage");
	deque_init(&s->moving, sizeof(struct moving), "salvage");
	enum err e = make_minds(s);
	if (e == ERR_OK)
		e = wreck_open(setup->from, s->mem, &s->in, why);
	if (e != ERR_OK)
		salvage_close(s);
	else
		*out_s = s;
	return e;
}

void salvage_close(struct salvage *own_s)
{
	if (!own_s)
		return;
	struct mem *mem = own_s->mem;
	if (own_s->batch)
		own_s->batch = NULL; /* it goes with its journal */
	journal_close(own_s->out);
	wreck_close(own_s->in);
	catalog_free(own_s->catalog);
	for (uint16_t no = 1; no < SALVAGE_SHARDS; no++)
		core_free(own_s->core[no]);
	map_fini(&own_s->txs, mem);
	map_fini(&own_s->declared, mem);
	map_fini(&own_s->deleted, mem);
	map_fini(&own_s->moved, mem);
	map_fini(&own_s->streams, mem);
	deque_fini(&own_s->headless, mem);
	deque_fini(&own_s->places, mem);
	deque_fini(&own_s->lost_units, mem);
	deque_fini(&own_s->wanted, mem);
	deque_fini(&own_s->found, mem);
	deque_fini(&own_s->moving, mem);
	mem_put(mem, own_s->room, LOGGED_RUN_BYTES);
	mem_put(mem, own_s->stored, 2 * (size_t)LIMIT_RECORD_BYTES_MAX);
	mem_put(mem, own_s, sizeof *own_s);
}

struct salvage_sum salvage_sum(const struct salvage *s)
{
	return s->sum;
}

/* ---- steps ------------------------------------------------------------------------------ */

/* say_item says what the old directory says of itself; a unit that is known has a name. */
static enum err say_item(struct salvage *s, const struct wreck_item *item, struct slice said)
{
	bool is_lost = item->kind == WRECK_LOST;
	must(is_lost || item->kind == WRECK_DAMAGED);
	if (is_lost)
		(void)say_lost(s);
	else
		text_puts(s->lines, "damaged: ");
	text_put_slice(s->lines, said);
	s->is_any_lost |= is_lost;
	if (!item->is_unit) {
		s->is_catalog_lost |= is_lost && s->phase == SALVAGE_CHECKPOINT;
		say_end(s);
		return ERR_OK;
	}
	const struct ckpt_unit *u = &item->unit;
	if (u->shard == 0) {
		struct unit_key key = { u->a, u->b };
		s->is_catalog_lost = true;
		text_puts(s->lines, ": a part of the catalog");
		TRY(deque_push(&s->lost_units, s->mem, &key));
	} else {
		struct wanted w = { .key = { u->a, u->b }, .shard = u->shard };
		text_puts(s->lines,
			  u->b == UINT64_MAX ? ": what is known of " : ": up to 512 messages of ");
		say_queue(s, u->a ? u->a : 1);
		if (u->a > 0 && u->b != UINT64_MAX && u->shard < SALVAGE_SHARDS)
			TRY(deque_push(&s->wanted, s->mem, &w));
	}
	say_end(s);
	return ERR_OK;
}

static enum err checkpoint_item(struct salvage *s, const struct wreck_item *item, struct slice said)
{
	must(s->phase == SALVAGE_CHECKPOINT);
	switch (item->kind) {
	case WRECK_UNIT: return replay_unit(s, &item->unit);
	case WRECK_SHARD: replay_shard(s, &item->shard); return ERR_OK;
	default: replay_catalog(s); return say_item(s, item, said);
	}
}

/* What is damaged in the log is said once, by the scan. */
static enum err log_item(struct salvage *s, const struct wreck_item *item, struct slice said)
{
	bool is_record = item->kind == WRECK_RECORD;
	must(s->phase >= SALVAGE_FIND && s->phase <= SALVAGE_REPLAY);
	if (s->phase == SALVAGE_FIND)
		return is_record ? find_record(s, item) : ERR_OK;
	if (s->phase == SALVAGE_SCAN)
		return is_record ? scan_record(s, item) : say_item(s, item, said);
	if (is_record)
		replay_record(s, item);
	return ERR_OK;
}

/* read does one item of the old directory. */
static enum err read(struct salvage *s, bool *out_more)
{
	char room[512];
	struct text said = text_of(room, sizeof room);
	struct wreck_item item;
	enum err e;
	*out_more = wreck_next(s->in, &item, &said, &e);
	must(s->phase <= SALVAGE_REPLAY);
	if (e != ERR_OK || !*out_more)
		return e;
	if (s->phase == SALVAGE_CHECKPOINT)
		return checkpoint_item(s, &item, text_slice(&said));
	return log_item(s, &item, text_slice(&said));
}

/* What a phase ends with, when all of it is done. */
static enum err turn_over(struct salvage *s)
{
	must(s->phase < SALVAGE_DONE);
	switch (s->phase++) {
	case SALVAGE_CHECKPOINT:
		replay_catalog(s);
		find_begin(s);
		return ERR_OK;
	case SALVAGE_FIND:
		TRY(find_over(s));
		wreck_again(s->in);
		return replay_restored(s);
	case SALVAGE_SCAN: wreck_again(s->in); return ERR_OK;
	case SALVAGE_REPLAY: replay_over(s); return ERR_OK;
	case SALVAGE_OBJECTS: return copy_begin(s);
	default: return ERR_OK;
	}
}

static enum err step(struct salvage *s)
{
	bool is_more = false;
	enum err e = ERR_OK;
	must(s->phase < SALVAGE_DONE);
	switch (s->phase) {
	case SALVAGE_FIND:
		if (s->wanted.n > 0)
			e = read(s, &is_more);
		break;
	case SALVAGE_CHECKPOINT:
	case SALVAGE_SCAN:
	case SALVAGE_REPLAY: e = read(s, &is_more); break;
	case SALVAGE_OBJECTS: objects_mend(s); break;
	case SALVAGE_COPY: e = copy_some(s, &is_more); break;
	case SALVAGE_WRITE: e = write_all(s); break;
	case SALVAGE_DONE: break;
	}
	if (e != ERR_OK || is_more)
		return e;
	return turn_over(s);
}

bool salvage_step(struct salvage *s, struct text *lines, struct text *why, enum err *out_err)
{
	*out_err = ERR_OK;
	if (s->phase == SALVAGE_DONE)
		return false;
	s->lines = lines;
	s->why = why;
	*out_err = step(s);
	if (*out_err == ERR_LIMIT && why->n == 0)
		text_puts(why, "there is not enough memory");
	must_if(*out_err != ERR_OK, why->n > 0);
	return *out_err == ERR_OK;
}
